"""Contour: an HTTPProxy `{apex}` without a host of its own, which a root HTTPProxy of the user's includes.

API: projectcontour.io/v1. Its class stands in an annotation, `projectcontour.io/ingress.class`, and so in
`spec.service.apex.annotations`.
"""

import re
from itertools import product
from typing import Any

from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.models.analysis import RequestMatch
from k8s.models.canary import Canary
from k8s.models.common import quoted
from k8s.models.service import Retries, Service
from k8s.resources import HTTP_PROXIES
from k8s.routers.base import FULL, SERVICE_MISSING, Split, UnfitRoute, beyond_weights
from k8s.routers.given import refuse_fields, refuse_full_path, refuse_unknown, text_match, text_matches
from k8s.routers.ruled import RuledRouter
from k8s.routers.rules import Rules
from k8s.routers.single import NOTHING

MATCH, PROXY = "spec.analysis.match", "an HTTPProxy"
WORDS = ("exact", "prefix", "regex")
HEADER_WORDS = (*WORDS, "suffix")
PATH = "path"
UNSUPPORTED = ("headers", "corsPolicy", "mirror", "backendTimeout")
IDLE_TIMEOUT = "5m"
"""Beside a time-out of the response, as Flagger writes it."""
EVERY_PATH: Json = {"prefix": "/"}
RETRY_CONDITIONS = (
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
)
"""All that `retryOn` may hold, by Contour's definition."""
Conditions = dict[str, Json]
"""By what they are about, so that the later of two on one header can replace the former."""


class HttpProxyRules(Rules):
    """`spec.routes` of an HTTPProxy."""

    backends = "services"
    unweighted = 0

    def name(self, backend: Json, canary: Canary) -> str:
        """A Service of the namespace; there are no others."""
        return str(backend["name"])

    def renamed(self, backend: Json, service: str) -> Json:
        """Without the header that names the former Service."""
        kept = {key: value for key, value in backend.items() if key != "requestHeadersPolicy"}
        return {**kept, "name": service}


class ContourRouter(RuledRouter):
    """Writes routes by weight; in an A/B test for the requests that match, before those for the others."""

    def __init__(self) -> None:
        super().__init__(HTTP_PROXIES, HttpProxyRules(), "Contour")

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """An HTTPProxy that Contour refused, or that nobody includes."""
        there = await find(cluster, HTTP_PROXIES, canary.namespace, canary.apex_name)
        status = (there or {}).get("status") or {}
        if status.get("currentStatus") not in {"invalid", "orphaned"}:
            return ""
        name, description = f"{canary.apex_name}.{canary.namespace}", status.get("description", "")
        return f"HTTPProxy {name} is {status['currentStatus']}: {description}"

    def _require_fit(self, canary: Canary) -> None:
        service = canary.spec.service
        if service is None:
            raise UnfitRoute(SERVICE_MISSING)
        for field in beyond_weights(canary):
            if field != MATCH:
                raise UnfitRoute(f"{field}: not supported by provider contour; remove it")
        refuse_fields(service, UNSUPPORTED, "not supported by provider contour")
        refuse_full_path(service, "Contour")
        _routes(canary, NOTHING)

    def _rules(self, canary: Canary, split: Split) -> list[Json]:
        return _routes(canary, split)

    def _field(self, canary: Canary) -> str:
        return "routes"


# -- routes -----------------------------------------------------------------------------------------------------------


def _routes(canary: Canary, split: Split) -> list[Json]:
    """One for each entry of `spec.service.match`, since the conditions of a route must all hold.

    Raises:
        UnfitRoute: the spec asks for what an HTTPProxy has no words for.
    """
    service = canary.spec.service
    if service is None:
        raise UnfitRoute(SERVICE_MISSING)
    taken = [_taken(f"spec.service.match[{index}]", match) for index, match in enumerate(service.match)]
    taken = taken or [{PATH: EVERY_PATH}]
    sides = ((canary.primary_service, split.primary), (canary.canary_service, split.canary))
    drawn = [_service(canary, service, *side) for side in sides]
    if canary.strategy != "ab-testing":
        return [_route(service, conditions, drawn) for conditions in taken]
    asked = [_asked(f"{MATCH}[{index}]", match) for index, match in enumerate(canary.spec.analysis.match)]
    primary = [_service(canary, service, canary.primary_service, FULL)]
    return [
        *(_route(service, {**match, **more}, drawn) for more, match in product(asked, taken)),
        *(_route(service, conditions, primary) for conditions in taken),
    ]


def _service(canary: Canary, service: Service, name: str, weight: int) -> Json:
    """With the header by which Linkerd's proxy, beside Contour's Envoy, knows the Service."""
    authority = f"{name}.{canary.namespace}.svc.cluster.local:{service.port}"
    headers = {"set": [{"name": "l5d-dst-override", "value": authority}]}
    return {"name": name, "port": service.port, "weight": weight, "requestHeadersPolicy": headers}


def _route(service: Service, conditions: Conditions, services: list[Json]) -> Json:
    rewrite, timeout = service.rewrite, service.timeout
    host = rewrite.authority if rewrite else None
    optional = {
        "pathRewritePolicy": _rewrite(rewrite.uri, conditions[PATH]) if rewrite and rewrite.uri else None,
        "requestHeadersPolicy": {"set": [{"name": "Host", "value": host}]} if host else None,
        "retryPolicy": _retries(service.retries) if service.retries else None,
        "timeoutPolicy": {"response": timeout, "idle": IDLE_TIMEOUT} if timeout else None,
    }
    given = {key: value for key, value in optional.items() if value}
    return {"conditions": list(conditions.values()), "services": services, **given}


def _rewrite(uri: str, path: Json) -> Json:
    if "prefix" not in path:
        remedy = "write spec.service.match with a uri prefix, or remove it"
        raise UnfitRoute(f"spec.service.rewrite.uri: Contour replaces the prefix that matched; {remedy}")
    return {"replacePrefix": [{"replacement": uri}]}


def _retries(retries: Retries) -> Json:
    """`count` is 1 when absent and -1 for none: to Contour 0 is the same as absent."""
    words = [word.strip() for word in (retries.retry_on or "").split(",") if word.strip()]
    if unknown := [word for word in words if word not in RETRY_CONDITIONS]:
        remedy = f"write some of {', '.join(RETRY_CONDITIONS)}"
        raise UnfitRoute(f"spec.service.retries.retryOn: {quoted(unknown[0])} is unknown to Contour; {remedy}")
    count = 1 if retries.attempts is None else retries.attempts or -1
    optional = {"perTryTimeout": retries.per_try_timeout, "retryOn": words}
    return {"count": count, **{key: value for key, value in optional.items() if value}}


# -- conditions -------------------------------------------------------------------------------------------------------


def _taken(where: str, given: Json) -> Conditions:
    """An entry of `spec.service.match`."""
    refuse_unknown(where, given, ("uri", "headers", "queryParams"), route=PROXY)
    path = _path(f"{where}.uri", given["uri"]) if given.get("uri") else EVERY_PATH
    return {PATH: path, **_named(where, given)}


def _asked(where: str, given: RequestMatch) -> Conditions:
    """An entry of `spec.analysis.match`."""
    if given.source_labels:
        labels = quoted(given.source_labels)
        raise UnfitRoute(f"{where}.sourceLabels: {labels} cannot be expressed in {PROXY}; write headers or queryParams")
    conditions = _named(where, given.as_json())
    if not conditions:
        raise UnfitRoute(f"{where}: {{}} names no requests; write headers or queryParams")
    return conditions


def _named(where: str, given: Json) -> Conditions:
    headers = text_matches(f"{where}.headers", given.get("headers") or {}, HEADER_WORDS, route=PROXY)
    params = text_matches(f"{where}.queryParams", given.get("queryParams") or {}, WORDS, route=PROXY)
    return {
        **{f"header {name.lower()}": {"header": {"name": name, **_text(*said)}} for name, said in headers.items()},
        **{
            f"parameter {name}": {"queryParameter": {"name": name, word: text}} for name, (word, text) in params.items()
        },
    }


def _text(word: str, text: str) -> Json:
    """An HTTPProxy knows no beginning or end of a header, and `contains` would let others in."""
    patterns = {"prefix": f"{re.escape(text)}.*", "suffix": f".*{re.escape(text)}"}
    return {"regex": patterns[word]} if word in patterns else {word: text}


def _path(where: str, given: Any) -> Json:
    word, text = text_match(where, given, WORDS, route=PROXY)
    return {word: text}
