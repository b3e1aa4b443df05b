"""Gloo Edge: a RouteTable that a VirtualService delegates to, and an Upstream for each side.

API: gateway.solo.io/v1 RouteTable, gloo.solo.io/v1 Upstream. The paths are the delegating VirtualService's
(`inheritablePathMatchers`).
"""

from k8s.apply import find, owner_of
from k8s.client import Cluster, Json
from k8s.inheritance import apply_wholly
from k8s.models.analysis import HeaderMatch
from k8s.models.canary import Canary
from k8s.resources import GLOO_UPSTREAMS, ROUTE_TABLES
from k8s.routers.base import SERVICE_MISSING, Split, UnfitRoute, split_of
from k8s.routers.single import NOTHING, SingleObjectRouter
from k8s.services import NOT_FLUX

COPIED_SETTINGS = (
    "sslConfig",
    "circuitBreakers",
    "connectionConfig",
    "loadBalancerConfig",
    "useHttp2",
    "initialStreamWindowSize",
    "initialConnectionWindowSize",
    "httpProxyHostname",
)
"""What both Upstreams take from the one in `spec.upstreamRef`."""


class GlooRouter(SingleObjectRouter):
    """Writes weights of two destinations; in an A/B test for the requests that match, before a route for the others."""

    def __init__(self) -> None:
        super().__init__(ROUTE_TABLES)

    def problem(self, canary: Canary) -> str:
        """What a RouteTable cannot express."""
        if canary.spec.service is None:
            return SERVICE_MISSING
        analysis = canary.spec.analysis
        if analysis.mirror:
            return "spec.analysis.mirror: not supported by provider gloo; remove it"
        if analysis.session_affinity:
            return "spec.analysis.sessionAffinity: not supported by provider gloo; remove it"
        try:
            _matchers(canary)
        except UnfitRoute as unfit:
            return str(unfit)
        return ""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Both Upstreams first, then the table that leads to them; the split that is there stays.

        Raises:
            NotFound: the Upstream in `spec.upstreamRef` does not exist.
        """
        settings = await _settings(cluster, canary)
        for side in (canary.primary_service, canary.canary_service):
            await apply_wholly(cluster, GLOO_UPSTREAMS, _upstream(canary, raw, side, settings))
        await super().initialize(cluster, canary, raw)

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A table that Gloo did not take."""
        table = await find(cluster, ROUTE_TABLES, canary.namespace, canary.apex_name)
        for status in _statuses((table or {}).get("status") or {}):
            if status.get("state") in {"Rejected", 2}:
                return f"RouteTable {canary.apex_name}.{canary.namespace} was rejected: {status.get('reason', '')}"
        return ""

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        return {"metadata": {"annotations": dict(NOT_FLUX)}, "spec": {"routes": _routes(canary, NOTHING)}}

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        return self._divided(there, canary, self._kept(there, canary))

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        present = there["spec"].get("routes") or []
        routes = _replaced(present, _routes(canary, split), canary)
        return None if present == routes else {"spec": {"routes": routes}}

    def _is_ab_test(self, there: Json, canary: Canary) -> bool:
        return any(route.get("matchers") for route in _ours(there["spec"].get("routes") or [], canary))

    def _split(self, there: Json, canary: Canary) -> Split | None:
        """From the first of our routes, by which side an Upstream is of; its port may be that of an older spec."""
        ours = _ours(there["spec"].get("routes") or [], canary)
        return split_of(_weights(ours[0]), *_sides(canary)) if ours else None


def _statuses(status: Json) -> list[Json]:
    """Gloo writes one status, or since 1.12 one for each of its namespaces."""
    return [each for each in (status, *(status.get("statuses") or {}).values()) if isinstance(each, dict)]


# -- upstreams --------------------------------------------------------------------------------------------------------


async def _settings(cluster: Cluster, canary: Canary) -> Json:
    """Labels and spec that both Upstreams take from the referenced one; a namespace left out is the Canary's."""
    ref = canary.spec.upstream_ref
    if ref is None:
        return {}
    given = await cluster.get(GLOO_UPSTREAMS.path(ref.namespace or canary.namespace, ref.name))
    spec = {key: given["spec"][key] for key in COPIED_SETTINGS if key in given["spec"]}
    return {"labels": given["metadata"].get("labels") or {}, "spec": spec}


def _upstream_name(canary: Canary, service: str) -> str:
    """`{namespace}-{apex}-canaryupstream-{port}`, by which Envoy's series name it too."""
    side = "canary" if service == canary.canary_service else "primary"
    return f"{canary.namespace}-{canary.apex_name}-{side}upstream-{_port(canary)}"


def _port(canary: Canary) -> int:
    return canary.spec.service.port if canary.spec.service else 0


def _upstream(canary: Canary, raw: Json, service: str, settings: Json) -> Json:
    kube = {"serviceName": service, "serviceNamespace": canary.namespace, "servicePort": _port(canary)}
    manifest: Json = GLOO_UPSTREAMS.header(canary.namespace, _upstream_name(canary, service))
    manifest["metadata"] |= {
        "labels": dict(settings.get("labels") or {}),
        "annotations": dict(NOT_FLUX),
        "ownerReferences": [owner_of(raw)],
    }
    return manifest | {"spec": {**settings.get("spec", {}), "kube": kube}}


# -- the table --------------------------------------------------------------------------------------------------------


def _routes(canary: Canary, split: Split) -> list[Json]:
    """One route; in an A/B test a second one leads who does not match to the primary."""
    matchers = _matchers(canary)
    if not matchers:
        return [_route(canary, split)]
    return [{**_route(canary, split), "matchers": matchers}, _route(canary, NOTHING)]


def _route(canary: Canary, split: Split) -> Json:
    sides = ((canary.primary_service, split.primary), (canary.canary_service, split.canary))
    destinations = [
        {
            "destination": {"upstream": {"name": _upstream_name(canary, side), "namespace": canary.namespace}},
            "weight": weight,
        }
        for side, weight in sides
    ]
    return {"inheritablePathMatchers": True, "routeAction": {"multi": {"destinations": destinations}}}


def _replaced(present: list[Json], wanted: list[Json], canary: Canary) -> list[Json]:
    """Ours where the first of them stood; routes that lead to neither side are somebody else's, and stay in order."""
    ours = _ours(present, canary)
    start = present.index(ours[0]) if ours else 0
    before, after = ([route for route in part if route not in ours] for part in (present[:start], present[start:]))
    return [*before, *wanted, *after]


def _ours(routes: list[Json], canary: Canary) -> list[Json]:
    return [route for route in routes if _weights(route).keys() & set(_sides(canary))]


def _sides(canary: Canary) -> tuple[str, str]:
    """The names of both Upstreams, without their port."""
    upstreams = f"{canary.namespace}-{canary.apex_name}"
    return f"{upstreams}-primaryupstream", f"{upstreams}-canaryupstream"


def _weights(route: Json) -> dict[str, int]:
    destinations = ((route.get("routeAction") or {}).get("multi") or {}).get("destinations") or []
    return {_side(each): each.get("weight") or 0 for each in destinations}


def _side(destination: Json) -> str:
    name = ((destination.get("destination") or {}).get("upstream") or {}).get("name") or ""
    return str(name).rpartition("-")[0]


def _matchers(canary: Canary) -> list[Json]:
    """One for each `analysis.match`, of which one must hold; its headers must all.

    Raises:
        UnfitRoute: a match asks for what a RouteTable does not know here.
    """
    if canary.strategy != "ab-testing":
        return []
    found = []
    for number, match in enumerate(canary.spec.analysis.match):
        where = f"spec.analysis.match[{number}]"
        if match.query_params or match.source_labels or not match.headers:
            raise UnfitRoute(f"{where}: provider gloo matches by headers; write headers")
        found.append({"headers": [_header(where, name, value) for name, value in sorted(match.headers.items())]})
    return found


def _header(where: str, name: str, value: HeaderMatch) -> Json:
    if value.exact:
        return {"name": name, "value": value.exact}
    if value.regex:
        return {"name": name, "value": value.regex, "regex": True}
    raise UnfitRoute(f"{where}.headers.{name}: provider gloo matches by exact or regex; write one of them")
