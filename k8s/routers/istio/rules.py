"""What the routes of the VirtualService shall be, from a Canary and a Split. Pure.

    weights, blue/green   service.match → primary and canary by weight
    A/B test              service.match and analysis.match → primary and canary by weight; service.match → primary
    session affinity      users of one side → that side; service.match → by weight, and a cookie for the side drawn
    appProtocol: tcp      ports of service.match → primary and canary by weight

The last route that names both Services is the one whose weights count.
"""

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.service import Service
from k8s.routers.base import FULL, SERVICE_MISSING, Split, UnfitRoute
from k8s.routers.cookies import Draw, draws, holding
from k8s.routers.istio.matches import MESH, ab_matches, narrowed
from k8s.routers.single import NOTHING


def is_tcp(canary: Canary) -> bool:
    """Whether connections are divided, and not requests."""
    service = canary.spec.service
    return bool(service and (service.app_protocol or "").lower() == "tcp")


def rules_of(canary: Canary, split: Split) -> list[Json]:
    """All routes of the Canary; raises UnfitRoute."""
    service = canary.spec.service
    if service is None:
        raise UnfitRoute(SERVICE_MISSING)
    if is_tcp(canary):
        ports = [{"port": match["port"]} for match in service.match if "port" in match]
        return [_given({"match": ports}) | {"route": _routes(canary, service, Draw(split))}]
    if canary.strategy == "ab-testing":
        primary = _rule(canary, service, Draw(NOTHING), service.match)
        primary["route"] = [_route(service, canary.primary_service, FULL)]
        return [_rule(canary, service, Draw(split), ab_matches(canary)), primary]
    affinity = canary.spec.analysis.session_affinity
    drawn = draws(canary, affinity, split) if affinity else [Draw(split)]
    return [_rule(canary, service, draw, _matches(service, draw.holders_of)) for draw in drawn]


def _matches(service: Service, cookie: str) -> list[Json]:
    if not cookie:
        return service.match
    holds = {"headers": {"cookie": {"regex": holding(cookie)}}}
    return [narrowed(match, holds) for match in service.match or [{}]]


def _rule(canary: Canary, service: Service, draw: Draw, matches: list[Json]) -> Json:
    rewrite = service.rewrite
    optional = {
        "match": matches,
        "rewrite": _given({"uri": rewrite.uri, "authority": rewrite.authority}) if rewrite else {},
        "timeout": service.timeout,
        "retries": service.retries.as_json() if service.retries else {},
        "corsPolicy": service.cors_policy,
        "headers": service.headers,
        **(_mirror(canary, service) if draw.split.mirrored else {}),
    }
    return _given(optional) | {"route": _routes(canary, service, draw)}


def _mirror(canary: Canary, service: Service) -> Json:
    """All of the traffic is copied where no share is named."""
    share = canary.spec.analysis.mirror_weight
    destination = _destination(service, canary.canary_service)
    return {"mirror": destination, **({"mirrorPercentage": {"value": share}} if share else {})}


def _routes(canary: Canary, service: Service, draw: Draw) -> list[Json]:
    return [
        _route(service, canary.primary_service, draw.split.primary, draw.primary_cookie),
        _route(service, canary.canary_service, draw.split.canary, draw.canary_cookie),
    ]


def _route(service: Service, host: str, weight: int, cookie: str = "") -> Json:
    headers = {"headers": {"response": {"add": {"Set-Cookie": cookie}}}} if cookie else {}
    return {"destination": _destination(service, host), "weight": weight, **headers}


def _destination(service: Service, host: str) -> Json:
    """With a port where a host with several would leave a gateway, or whoever delegates, in doubt."""
    is_routed_elsewhere = service.delegation or (service.gateways or [MESH])[0] != MESH
    pinned = service.port_discovery and is_routed_elsewhere
    return {"host": host, **({"port": {"number": service.port}} if pinned else {})}


def _given(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value}
