"""APISIX: a shadow of the referenced ApisixRoute, `{routeRef.name}-{apex}-canary`, that is matched before it.

API: apisix.apache.org/v2. The referenced route is never written: it leads to the apex Service, and so to the primary.
"""

from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.metadata import copied_metadata
from k8s.models.canary import Canary
from k8s.resources import APISIX_ROUTES
from k8s.routers.base import Split, UnfitRoute, beyond_weights, metadata_patch, split_of
from k8s.routers.shadow import ShadowRouter, spec_patch
from k8s.routers.single import NOTHING

PRIORITY = 10_000
"""Of the shadow's rules, unless the original's have more."""


class ApisixRouter(ShadowRouter):
    """Copies the HTTP rules that lead to the apex Service, with both sides behind them, by weight."""

    def __init__(self) -> None:
        super().__init__(APISIX_ROUTES)

    def problem(self, canary: Canary) -> str:
        """It divides by weight what a route of the user's matches."""
        if canary.spec.route_ref is None:
            return "spec.routeRef: required by provider apisix; name the ApisixRoute that leads to the apex Service"
        for field in beyond_weights(canary):
            return f"{field}: provider apisix divides traffic by weight alone; remove it"
        return ""

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A route that the controller did not take."""
        there = await find(cluster, APISIX_ROUTES, canary.namespace, route_name(canary))
        for condition in ((there or {}).get("status") or {}).get("conditions") or []:
            if condition.get("status") == "False":
                why = condition.get("message") or condition.get("reason") or "no reason given"
                return f"ApisixRoute {route_name(canary)}.{canary.namespace} was rejected: {why}"
        return ""

    def _name(self, canary: Canary) -> str:
        return route_name(canary)

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        route = await cluster.get(APISIX_ROUTES.path(canary.namespace, _original(canary)))
        spec = {**_controller(route), "http": [_shadow(rule, canary) for rule in _rules_to_apex(route, canary)]}
        return {"metadata": copied_metadata(route), "spec": spec}

    def _followed(self, there: Json, wanted: Json, canary: Canary, split: Split) -> Json | None:
        spec = {**wanted["spec"], "http": _divided(wanted, canary, split)}
        return {**spec_patch(there, spec), **metadata_patch(there, wanted["metadata"])} or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        rules = _divided(there, canary, split)
        return None if rules == _rules(there) else {"spec": {"http": rules}}

    def _split(self, there: Json, canary: Canary) -> Split | None:
        """That of all its rules."""
        found = {_split(rule, canary) for rule in _rules(there)}
        return found.pop() if len(found) == 1 else None


def route_name(canary: Canary) -> str:
    """Of the shadow."""
    return f"{_original(canary)}-{canary.apex_name}-canary"


def _original(canary: Canary) -> str:
    return canary.spec.route_ref.name if canary.spec.route_ref else ""


def _controller(route: Json) -> Json:
    """Which controller reads the route, where it says so."""
    return {key: value for key, value in route["spec"].items() if key == "ingressClassName"}


def _rules(route: Json) -> list[Json]:
    return list(route["spec"].get("http") or [])


def _rules_to_apex(route: Json, canary: Canary) -> list[Json]:
    """Those with the apex Service behind them, and nothing else.

    Raises:
        UnfitRoute: there is none, or one leads elsewhere too.
    """
    rules = [rule for rule in _rules(route) if canary.apex_name in _names(rule)]
    name = route["metadata"]["name"]
    if not rules:
        raise UnfitRoute(f"Can not find {canary.apex_name} backend on apisix route {name}")
    for rule in rules:
        if len(_names(rule)) > 1 or rule.get("upstreams"):
            raise UnfitRoute(
                f"apisix route {name}: rule {rule['name']} leads to others beside {canary.apex_name}, "
                "only one http backend is supported; write a rule of its own for it"
            )
    return rules


def _names(rule: Json) -> list[str]:
    return [backend["serviceName"] for backend in rule.get("backends") or []]


def _shadow(rule: Json, canary: Canary) -> Json:
    """Matched before the original, all on the primary."""
    priority = max(PRIORITY, (rule.get("priority") or 0) + 1)
    return {**rule, "priority": priority, "backends": _sides(rule["backends"][0], canary, NOTHING)}


def _sides(backend: Json, canary: Canary, split: Split) -> list[Json]:
    """Both, reached as the given backend is: by its port, granularity and subset."""
    sides = ((canary.primary_service, split.primary), (canary.canary_service, split.canary))
    return [{**backend, "serviceName": name, "weight": weight} for name, weight in sides]


def _divided(route: Json, canary: Canary, split: Split) -> list[Json]:
    return [{**rule, "backends": _sides(rule["backends"][0], canary, split)} for rule in _rules(route)]


def _split(rule: Json, canary: Canary) -> Split | None:
    weights = {backend["serviceName"]: backend.get("weight") for backend in rule.get("backends") or []}
    return split_of(weights, canary.primary_service, canary.canary_service)
