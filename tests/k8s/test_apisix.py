"""APISIX: the shadow of a route, beyond what the contract of all routers says."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import APISIX_ROUTES
from k8s.routers.apisix import ApisixRouter
from k8s.routers.base import Split, UnfitRoute
from tests.api_server import ApiServer
from tests.objects import a_canary, an_apisix_route

Json = dict[str, Any]
ROUTER = ApisixRouter()
ROUTE, SHADOW = APISIX_ROUTES.path("test", "podinfo"), APISIX_ROUTES.path("test", "podinfo-podinfo-canary")
REF = {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "podinfo"}
RAW = a_canary(provider="apisix", routeRef=REF)
BACKEND = {"serviceName": "podinfo", "servicePort": "http", "resolveGranularity": "service", "subset": "v1"}


def the_shadow(api: ApiServer) -> Json:
    """As it is."""
    there = api.read(SHADOW)
    assert there
    return there


async def test_shadow(api: ApiServer, cluster: Cluster) -> None:
    """The rule that leads to the apex Service, before it, with both sides reached as that is; the original stays."""
    route = an_apisix_route(backends=[BACKEND], websocket=True)
    await api.put(ROUTE, route)
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(30))

    shadow, original = the_shadow(api), api.read(ROUTE)
    assert shadow["metadata"]["labels"] == {"app": "podinfo"}
    assert shadow["spec"] == {
        "ingressClassName": "apisix",
        "http": [
            {
                "name": "root",
                "match": {"hosts": ["app.example.com"], "paths": ["/*"]},
                "websocket": True,
                "priority": 10_000,
                "backends": [
                    {**BACKEND, "serviceName": "podinfo-primary", "weight": 70},
                    {**BACKEND, "serviceName": "podinfo-canary", "weight": 30},
                ],
            }
        ],
    }
    assert original
    assert original["spec"] == route["spec"]


async def test_a_route_with_a_high_priority(api: ApiServer, cluster: Cluster) -> None:
    """The shadow is still matched before it."""
    await api.put(ROUTE, an_apisix_route(priority=20_000))
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    assert the_shadow(api)["spec"]["http"][0]["priority"] == 20_001


async def test_an_edited_original_is_followed(api: ApiServer, cluster: Cluster) -> None:
    """In the middle of a rollout; the weight stays."""
    await api.put(ROUTE, an_apisix_route())
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(40))
    await api.put(ROUTE, an_apisix_route(match={"paths": ["/new"]}))
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    assert the_shadow(api)["spec"]["http"][0]["match"] == {"paths": ["/new"]}
    assert await ROUTER.get(cluster, load_canary(RAW)) == Split(40)


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        ({"backends": [BACKEND | {"serviceName": "else"}]}, "Can not find podinfo backend on apisix route podinfo"),
        ({"backends": [BACKEND, BACKEND | {"serviceName": "else"}]}, "rule root .* only one http backend is supported"),
        ({"upstreams": [{"name": "abroad"}]}, "rule root .* only one http backend is supported"),
    ],
    ids=["none", "two", "an upstream besides"],
)
async def test_rules_that_cannot_be_shadowed(api: ApiServer, cluster: Cluster, rule: Json, refusal: str) -> None:
    """Said as Flagger says it."""
    await api.put(ROUTE, an_apisix_route(**rule))
    with pytest.raises(UnfitRoute, match=refusal):
        await ROUTER.initialize(cluster, load_canary(RAW), RAW)


def test_no_route_named() -> None:
    """There is nothing to shadow."""
    assert ROUTER.problem(load_canary(a_canary(provider="apisix"))).startswith("spec.routeRef: required by provider")


@pytest.mark.parametrize(
    ("conditions", "obstacle"),
    [
        ([], ""),
        ([{"type": "Accepted", "status": "True"}], ""),
        (
            [{"type": "Accepted", "status": "False", "message": "no such service"}],
            "ApisixRoute podinfo-podinfo-canary.test was rejected: no such service",
        ),
    ],
)
async def test_obstacle(api: ApiServer, cluster: Cluster, conditions: list[Json], obstacle: str) -> None:
    """In the words of its controller."""
    await api.put(SHADOW, {"spec": {}, "status": {"conditions": conditions}})
    assert await ROUTER.obstacle(cluster, load_canary(RAW)) == obstacle
