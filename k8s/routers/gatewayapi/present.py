"""The rules that stand in an HTTPRoute: what they say, and how they change without loss of anybody else's. Pure.

A rule that leads to the primary's or the canary's Service is the Canary's; where there is none, as in a route that a
user wrote before there was a canary, the rules that lead to the apex Service are. All others are somebody else's.
"""

from collections.abc import Sequence

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.routers.base import FULL, Split, UnfitRoute
from k8s.routers.gatewayapi.filters import is_canary_mirror


def split_in(rules: Sequence[Json], canary: Canary) -> Split | None:
    """By the last rule that names both Services, in percent; None when there is none, or when it leads nobody."""
    for rule in reversed(rules):
        weights = _weights(rule, canary)
        if weights.keys() >= {canary.primary_service, canary.canary_service} and (total := sum(weights.values())):
            mirrored = any(is_canary_mirror(item, canary) for item in rule.get("filters") or [])
            return Split(weights[canary.canary_service] * FULL // total, mirrored=mirrored)
    return None


def is_ab_test(rules: Sequence[Json], canary: Canary) -> bool:
    """Whether the weights hold for some requests only, and all others have a rule to the primary alone."""
    return any(_weights(rule, canary).keys() == {canary.primary_service} for rule in rules)


def replaced(rules: Sequence[Json], ours: Sequence[Json], canary: Canary) -> list[Json]:
    """The Canary's rules brought to `ours`, where the first of them stood; before all others when there were none."""
    mine = _led_by(rules, {canary.primary_service, canary.canary_service}, canary)
    mine = mine or _led_by(rules, {canary.apex_name}, canary)
    start = mine[0] if mine else 0
    others = [(index, rule) for index, rule in enumerate(rules) if index not in mine]
    before = [rule for index, rule in others if index < start]
    return [*before, *ours, *(rule for index, rule in others if index >= start)]


def divided(rules: Sequence[Json], canary: Canary, split: Split) -> list[Json]:
    """Both Services in the place of the apex Service, and nothing else changed; raises UnfitRoute.

    A rule that leads to other Services too stays as it is: which share the canary should get of it, nobody said.
    """
    sides = {canary.apex_name, canary.primary_service, canary.canary_service}
    changed = [
        {**rule, "backendRefs": _divided(rule["backendRefs"], canary, split)}
        if (names := _weights(rule, canary).keys()) and names <= sides
        else rule
        for rule in rules
    ]
    if split_in(changed, canary) is None:
        name = f"{canary.apex_name}.{canary.namespace}"
        raise UnfitRoute(f"HTTPRoute {name}: no rule leads to Service {canary.apex_name} alone; write one")
    return changed


def withdrawn(rules: Sequence[Json], canary: Canary) -> list[Json]:
    """The canary gets no requests and no copies; the primary gets what it had."""
    return [_withdrawn(rule, canary) if canary.canary_service in _weights(rule, canary) else rule for rule in rules]


def handed_back(rules: Sequence[Json], canary: Canary) -> list[Json]:
    """The apex Service in the place of both, as before there was a canary."""
    return [
        {**rule, "backendRefs": _united(rule["backendRefs"], canary)} if rule.get("backendRefs") else rule
        for rule in rules
    ]


def _led_by(rules: Sequence[Json], names: set[str], canary: Canary) -> list[int]:
    return [index for index, rule in enumerate(rules) if names & _weights(rule, canary).keys()]


def _weights(rule: Json, canary: Canary) -> dict[str, int]:
    """Of each backend by name; one in another namespace by namespace and name."""
    return {_name(ref, canary): int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or []}


def _name(ref: Json, canary: Canary) -> str:
    name, namespace = str(ref["name"]), ref.get("namespace", canary.namespace)
    is_service = (ref.get("group") or "", ref.get("kind", "Service")) == ("", "Service")
    return name if is_service and namespace == canary.namespace else f"{namespace}/{name}"


def _divided(refs: Sequence[Json], canary: Canary, split: Split) -> list[Json]:
    """What stands on a reference besides name and weight is kept; one that is new is made after the first."""
    known = {_name(ref, canary): ref for ref in refs}
    weights = {canary.primary_service: split.primary, canary.canary_service: split.canary}
    return [{**known.get(name, refs[0]), "name": name, "weight": weight} for name, weight in weights.items()]


def _withdrawn(rule: Json, canary: Canary) -> Json:
    weights = {canary.primary_service: FULL, canary.canary_service: 0}
    refs = [{**ref, "weight": weights.get(_name(ref, canary), ref.get("weight", 1))} for ref in rule["backendRefs"]]
    filters = [item for item in rule.get("filters") or [] if not is_canary_mirror(item, canary)]
    return {**rule, "backendRefs": refs} | ({"filters": filters} if "filters" in rule else {})


def _united(refs: Sequence[Json], canary: Canary) -> list[Json]:
    sides = (canary.primary_service, canary.canary_service)
    led = [ref for ref in refs if _name(ref, canary) in sides]
    if not led:
        return list(refs)
    others = [ref for ref in refs if ref not in led]
    weight = sum(ref.get("weight", 1) for ref in led) if others else 1
    return [{**led[0], "name": canary.apex_name, "weight": weight}, *others]
