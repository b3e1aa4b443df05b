"""What happens to a request on its way: filters and timeouts of an HTTPRoute's rules, from `spec.service`. Pure.

Written as the API server stores them, its defaults filled in, so that comparing is possible.
"""

import re
from typing import Any

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.common import quoted
from k8s.models.service import Rewrite, Service
from k8s.routers.base import FULL, UnfitRoute
from k8s.routers.gatewayapi.cors import cors_filter
from k8s.routers.given import refuse_unknown, texts

GATEWAY_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
FULL_PATH, PREFIX = "ReplaceFullPath", "ReplacePrefixMatch"


def service_filters(service: Service) -> list[Json]:
    """The filters that `spec.service` asks for, in the order in which they stand on a rule."""
    rewrite = [_rewrite_filter(service.rewrite)] if service.rewrite else []
    cors = [cors_filter(service.cors_policy)] if service.cors_policy else []
    return [*_header_filters(service.headers or {}), *rewrite, *_mirror_filters(service.mirror), *cors]


def canary_mirror(canary: Canary, port: int) -> Json:
    """Copies what the rule takes to the canary; `spec.analysis.mirrorWeight` says how much of it."""
    mirror: Json = {"backendRef": {"group": "", "kind": "Service", "name": canary.canary_service, "port": port}}
    percent = canary.spec.analysis.mirror_weight
    return _mirror(mirror | ({"percent": percent} if percent and percent < FULL else {}))


def is_canary_mirror(item: Json, canary: Canary) -> bool:
    """Whether a filter copies to the canary."""
    if item["type"] != "RequestMirror":
        return False
    ref = item["requestMirror"]["backendRef"]
    return bool((ref["name"], ref.get("namespace", canary.namespace)) == (canary.canary_service, canary.namespace))


def set_cookie(cookie: str) -> Json:
    """Adds a cookie to the answers of one backend."""
    headers = {"add": [{"name": "Set-Cookie", "value": cookie}]}
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": headers}


def timeouts(service: Service) -> Json:
    """`timeouts` of a rule; empty without any."""
    given = {"request": ("timeout", service.timeout), "backendRequest": ("backendTimeout", service.backend_timeout)}
    for field, text in given.values():
        if text and not GATEWAY_DURATION.fullmatch(text):
            remedy = "write whole hours, minutes, seconds and milliseconds, such as 5s or 1m30s"
            raise UnfitRoute(f"spec.service.{field}: {quoted(text)} is no duration of the Gateway API; {remedy}")
    return {key: text for key, (_, text) in given.items() if text}


def _header_filters(headers: Json) -> list[Json]:
    types = {"request": "RequestHeaderModifier", "response": "ResponseHeaderModifier"}
    refuse_unknown("spec.service.headers", headers, tuple(types))
    modifiers = {side: _modifier(f"spec.service.headers.{side}", headers.get(side) or {}) for side in types}
    return [{"type": kind, f"{side}HeaderModifier": modifiers[side]} for side, kind in types.items() if modifiers[side]]


def _modifier(where: str, given: Any) -> Json:
    refuse_unknown(where, given, ("add", "set", "remove"))
    changes: Json = {key: _headers(f"{where}.{key}", given[key]) for key in ("add", "set") if given.get(key)}
    if removed := given.get("remove"):
        changes["remove"] = texts(f"{where}.remove", removed)
    return changes


def _headers(where: str, given: Any) -> list[Json]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise UnfitRoute(f"{where}: {quoted(given)} is no map of names and texts; write name: value")
    return [{"name": name, "value": value} for name, value in sorted(given.items())]


def _rewrite_filter(rewrite: Rewrite) -> Json:
    if rewrite.type not in (None, "", FULL_PATH, PREFIX):
        raise UnfitRoute(f"spec.service.rewrite.type: {quoted(rewrite.type)}; write {FULL_PATH} or {PREFIX}")
    change: Json = {"hostname": rewrite.authority} if rewrite.authority else {}
    if rewrite.uri:
        kind = rewrite.type or FULL_PATH
        change["path"] = {"type": kind, kind[0].lower() + kind[1:]: rewrite.uri}
    if not change:
        raise UnfitRoute("spec.service.rewrite: changes nothing; write uri or authority, or remove it")
    return {"type": "URLRewrite", "urlRewrite": change}


def _mirror_filters(mirrors: list[Json]) -> list[Json]:
    for index, given in enumerate(mirrors):
        ref = given.get("backendRef")
        if not isinstance(ref, dict) or not ref.get("name"):
            where = f"spec.service.mirror[{index}].backendRef"
            raise UnfitRoute(f"{where}: {quoted(ref)} names nobody; write the name and port of a Service")
    return [
        _mirror({**given, "backendRef": {"group": "", "kind": "Service", **given["backendRef"]}}) for given in mirrors
    ]


def _mirror(mirror: Json) -> Json:
    if isinstance(fraction := mirror.get("fraction"), dict):
        mirror = {**mirror, "fraction": {"denominator": 100, **fraction}}
    return {"type": "RequestMirror", "requestMirror": mirror}
