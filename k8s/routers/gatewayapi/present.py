"""The rules that stand in an HTTPRoute; see `k8s.routers.rules`. Pure."""

from collections.abc import Sequence

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.gatewayapi.filters import is_canary_mirror
from k8s.routers.rules import Rules


class HttpRouteRules(Rules):
    """`spec.rules` of an HTTPRoute."""

    backends = "backendRefs"
    unweighted = 1

    def name(self, backend: Json, canary: Canary) -> str:
        """One in another namespace, or of another kind, by namespace and name."""
        name, namespace = str(backend["name"]), backend.get("namespace", canary.namespace)
        is_service = (backend.get("group") or "", backend.get("kind", "Service")) == ("", "Service")
        return name if is_service and namespace == canary.namespace else f"{namespace}/{name}"

    def renamed(self, backend: Json, service: str) -> Json:
        """What stands on the reference besides, such as filters, stays."""
        return {**backend, "name": service}

    def is_mirrored(self, rule: Json, canary: Canary) -> bool:
        """By a filter."""
        return any(is_canary_mirror(item, canary) for item in rule.get("filters") or [])

    def unmirrored(self, rule: Json, canary: Canary) -> Json:
        """Without that filter."""
        if "filters" not in rule:
            return rule
        return {**rule, "filters": [item for item in rule["filters"] if not is_canary_mirror(item, canary)]}


RULES = HttpRouteRules()


def divided(rules: Sequence[Json], canary: Canary, split: Split) -> list[Json]:
    """Both Services in the place of the apex Service, and nothing else changed; raises UnfitRoute.

    A rule that leads to other Services too stays as it is: which share the canary should get of it, nobody said.
    """
    sides = {canary.apex_name, canary.primary_service, canary.canary_service}
    changed = [
        {**rule, "backendRefs": _divided(rule["backendRefs"], canary, split)}
        if (names := RULES.weights(rule, canary).keys()) and names <= sides
        else rule
        for rule in rules
    ]
    if RULES.split_in(changed, canary) is None:
        name = f"{canary.apex_name}.{canary.namespace}"
        raise UnfitRoute(f"HTTPRoute {name}: no rule leads to Service {canary.apex_name} alone; write one")
    return changed


def _divided(refs: Sequence[Json], canary: Canary, split: Split) -> list[Json]:
    """What stands on a reference besides name and weight is kept; one that is new is made after the first."""
    known = {RULES.name(ref, canary): ref for ref in refs}
    weights = {canary.primary_service: split.primary, canary.canary_service: split.canary}
    return [{**known.get(name, refs[0]), "name": name, "weight": weight} for name, weight in weights.items()]
