"""What the rules of the HTTPRoute shall be, from a Canary and a Split. Pure.

    weights, blue/green   service.match → primary and canary by weight
    A/B test              service.match and analysis.match → primary and canary by weight; service.match → primary
    session affinity      users of one side → that side; service.match → by weight, and a cookie for the side drawn

The last rule that names both Services is the one whose weights count.
"""

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.service import Service
from k8s.routers.base import FULL, Split, UnfitRoute
from k8s.routers.cookies import require_drawn
from k8s.routers.gatewayapi.affinity import sticky
from k8s.routers.gatewayapi.filters import PREFIX, canary_mirror, is_canary_mirror, service_filters, timeouts
from k8s.routers.gatewayapi.matches import ab_matches, service_matches


def rules_of(canary: Canary, split: Split) -> list[Json]:
    """All rules of a route that is the Canary's own; raises UnfitRoute."""
    service = canary.spec.service
    if service is None:
        raise UnfitRoute("spec.service: required; write at least port")
    if any(is_canary_mirror(item, canary) for item in service_filters(service)):
        remedy = "write spec.analysis.mirror for copies during an analysis, or remove it"
        raise UnfitRoute(f"spec.service.mirror: {canary.canary_service} has no pods between releases; {remedy}")
    made = _rules(canary, service, split)
    for rule in made:
        _require_rewritable(service, rule)
    return made


def _rules(canary: Canary, service: Service, split: Split) -> list[Json]:
    matches, affinity = service_matches(canary), canary.spec.analysis.session_affinity
    require_drawn(canary)
    if canary.strategy == "ab-testing":
        primary = {**_rule(canary, service, Split(0), matches)}
        primary["backendRefs"] = [_backend(canary.primary_service, service, FULL)]
        return [_rule(canary, service, split, ab_matches(canary)), primary]
    drawn = _rule(canary, service, split, matches)
    return sticky(drawn, canary, affinity, split) if affinity else [drawn]


def _rule(canary: Canary, service: Service, split: Split, matches: list[Json]) -> Json:
    copies = [canary_mirror(canary, service.port)] if split.mirrored else []
    filters = service_filters(service) + copies
    backends = [
        _backend(canary.primary_service, service, split.primary),
        _backend(canary.canary_service, service, split.canary),
    ]
    optional = {"filters": filters, "timeouts": timeouts(service)}
    return {"matches": matches, "backendRefs": backends, **{key: value for key, value in optional.items() if value}}


def _backend(name: str, service: Service, weight: int) -> Json:
    return {"group": "", "kind": "Service", "name": name, "port": service.port, "weight": weight}


def _require_rewritable(service: Service, rule: Json) -> None:
    """The Gateway API replaces a prefix only where the rule's single match is one."""
    if service.rewrite is None or service.rewrite.type != PREFIX:
        return
    types = [match["path"]["type"] for match in rule["matches"]]
    if types != ["PathPrefix"]:
        found = f"a rule of the HTTPRoute matches {', '.join(types)}"
        remedy = "write ReplaceFullPath, or one match with a uri prefix"
        raise UnfitRoute(f"spec.service.rewrite.type: {PREFIX} wants one match by prefix, and {found}; {remedy}")
