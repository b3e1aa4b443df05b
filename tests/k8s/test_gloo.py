"""Gloo: Upstreams and the route table, beyond what the contract of all routers says."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import GLOO_UPSTREAMS, ROUTE_TABLES
from k8s.routers.base import Split
from k8s.routers.gloo import GlooRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service, an_analysis

Json = dict[str, Any]
ROUTER = GlooRouter()
TABLE = ROUTE_TABLES.path("test", "podinfo")
SIDES = [
    ("test-podinfo-primaryupstream-9898", "podinfo-primary"),
    ("test-podinfo-canaryupstream-9898", "podinfo-canary"),
]


def a_raw(*match: Json, **spec: Any) -> Json:
    """A Canary of weights, or with a match of an A/B test."""
    tested = {"iterations": 5, "stepWeight": None, "maxWeight": None, "match": list(match)} if match else {}
    return a_canary(provider="gloo", service=a_service(), analysis=an_analysis(**tested), **spec)


def routes(api: ApiServer) -> list[Json]:
    """Of the table."""
    table = api.read(TABLE)
    assert table
    return list(table["spec"]["routes"])


def weights(route: Json) -> dict[str, int]:
    """By Upstream."""
    destinations = route["routeAction"]["multi"]["destinations"]
    return {each["destination"]["upstream"]["name"]: each["weight"] for each in destinations}


@pytest.mark.parametrize(("name", "service"), SIDES)
async def test_upstreams(api: ApiServer, cluster: Cluster, name: str, service: str) -> None:
    """One for each side, with the settings of the one that is referenced."""
    given = {"kube": {"serviceName": "other"}, "useHttp2": True, "loadBalancerConfig": {"roundRobin": {}}}
    await api.put(GLOO_UPSTREAMS.path("test", "mine"), {"metadata": {"labels": {"team": "a"}}, "spec": given})
    raw = a_raw(upstreamRef={"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "mine"})
    await ROUTER.initialize(cluster, load_canary(raw), raw)

    upstream = api.read(GLOO_UPSTREAMS.path("test", name))
    assert upstream
    assert upstream["metadata"]["labels"] == {"team": "a"}
    assert upstream["spec"] == {
        "useHttp2": True,
        "loadBalancerConfig": {"roundRobin": {}},
        "kube": {"serviceName": service, "serviceNamespace": "test", "servicePort": 9898},
    }


async def test_weights(api: ApiServer, cluster: Cluster) -> None:
    """One route for the paths of whoever delegates to the table."""
    raw = a_raw()
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    [route] = routes(api)
    assert route["inheritablePathMatchers"]
    assert weights(route) == {SIDES[0][0]: 70, SIDES[1][0]: 30}


async def test_ab_test(api: ApiServer, cluster: Cluster) -> None:
    """Who matches goes to the canary, and everybody else to the primary; Flagger leaves those without a route."""
    match = {"headers": {"x-canary": {"exact": "insider"}, "user-agent": {"regex": ".*Firefox.*"}}}
    raw = a_raw(match)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(100))
    tested, others = routes(api)
    assert tested["matchers"] == [
        {
            "headers": [
                {"name": "user-agent", "value": ".*Firefox.*", "regex": True},
                {"name": "x-canary", "value": "insider"},
            ]
        }
    ]
    assert weights(tested) == {SIDES[0][0]: 0, SIDES[1][0]: 100}
    assert "matchers" not in others
    assert weights(others) == {SIDES[0][0]: 100, SIDES[1][0]: 0}


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        (
            {"headers": {"x": {"suffix": "a"}}},
            "spec.analysis.match[0].headers.x: provider gloo matches by exact or regex",
        ),
        ({"queryParams": {"x": {"exact": "a"}}}, "spec.analysis.match[0]: provider gloo matches by headers"),
    ],
)
def test_refusals(match: Json, problem: str) -> None:
    """By field."""
    canary: Canary = load_canary(a_raw(match))
    assert ROUTER.problem(canary).startswith(problem)


@pytest.mark.parametrize(
    ("status", "obstacle"),
    [
        ({}, ""),
        ({"state": "Accepted"}, ""),
        ({"state": "Rejected", "reason": "no parent"}, "RouteTable podinfo.test was rejected: no parent"),
        ({"statuses": {"gloo": {"state": 2, "reason": "odd"}}}, "RouteTable podinfo.test was rejected: odd"),
    ],
)
async def test_obstacle(api: ApiServer, cluster: Cluster, status: Json, obstacle: str) -> None:
    """In the words of Gloo, of whichever version."""
    await api.put(TABLE, {"spec": {"routes": []}, "status": status})
    assert await ROUTER.obstacle(cluster, load_canary(a_raw())) == obstacle
