"""The HTTPRoute: what is refused, which weights it has, and that only those are changed."""

from copy import deepcopy
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import HTTP_ROUTES_V1
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.gatewayapi import GatewayApiRouter, is_accepted, pair
from k8s.routers.registry import router_for
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_model, a_service

Json = dict[str, Any]
ROUTER = GatewayApiRouter(HTTP_ROUTES_V1)
RAW = a_canary()
CANARY = load_canary(RAW)
PATH = HTTP_ROUTES_V1.path("test", "podinfo")
NAMES = {"podinfo-primary": 0, "podinfo-canary": 0}


def backends(primary: int | None, canary: int | None) -> list[Json]:
    """References to both Services; without a weight when it is None."""
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    return [{"name": name} | ({} if weight is None else {"weight": weight}) for name, weight in weights.items()]


def a_route(*rules: Json, **status_fields: Any) -> Json:
    """A route with these rules."""
    return {"metadata": {"generation": 7}, "spec": {"rules": list(rules)}, "status": status_fields}


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        (a_service(), ""),
        (None, "GatewayRefs must be specified when using Gateway API as a provider."),
        (a_service(gatewayRefs=[]), "GatewayRefs must be specified when using Gateway API as a provider."),
        (a_service(timeout="5s"), "spec.service.timeout: not supported by provider gatewayapi yet; remove it"),
        (a_service(rewrite={"uri": "/"}), "spec.service.rewrite: not supported by provider gatewayapi yet; remove it"),
        (
            a_service(corsPolicy={"a": 1}),
            "spec.service.corsPolicy: not supported by provider gatewayapi yet; remove it",
        ),
    ],
)
def test_problem(service: Json | None, problem: str) -> None:
    """What would be ignored is refused with its field."""
    assert ROUTER.problem(a_model(service=service)) == problem


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ({"status": "True", "observedGeneration": 7}, True),
        ({"status": "True", "observedGeneration": 8}, True),
        ({"status": "True", "observedGeneration": 6}, False),
        ({"status": "True"}, True),
        ({"status": "False", "observedGeneration": 7}, False),
        ({"status": "False"}, False),
        ({"status": "Unknown"}, False),
    ],
)
def test_accepted(condition: Json, *, accepted: bool) -> None:
    """Linkerd leaves observedGeneration out: that is not an old generation."""
    assert is_accepted(condition, 7) is accepted


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({"backendRefs": backends(100, 0)}, 2),
        ({"backendRefs": [*backends(100, 0), {"name": "audit"}]}, 2),
        ({"backendRefs": backends(100, 0)[:1]}, 0),
        ({"backendRefs": [{"name": "other"}]}, 0),
        ({"backendRefs": None}, 0),
        ({}, 0),
    ],
)
def test_pair(rule: Json, count: int) -> None:
    """A rule counts when it names both Services."""
    assert len(pair(rule, NAMES)) == count


@pytest.mark.parametrize(
    ("rules", "canary"),
    [
        ([{"backendRefs": backends(90, 10)}], 10),
        ([{"backendRefs": backends(9, 1)}], 10),
        ([{"backendRefs": backends(None, None)}], 50),
        ([{"backendRefs": backends(0, 0)}], None),
        ([{"backendRefs": backends(100, 0)}, {"backendRefs": backends(70, 30)}], 30),
        ([{"backendRefs": backends(70, 30)}, {"backendRefs": [{"name": "other"}]}], 30),
        ([], None),
    ],
    ids=["percent", "shares", "defaults", "nobody", "last wins", "others' rules", "no rules"],
)
async def test_weights(api: ApiServer, cluster: Cluster, rules: list[Json], canary: int | None) -> None:
    """Read as shares, from the last rule that names both."""
    await api.put(PATH, a_route(*rules))
    assert await ROUTER.get(cluster, CANARY) == (None if canary is None else Split(canary))


async def test_creating(api: ApiServer, cluster: Cluster) -> None:
    """All traffic on the primary, attached to the Service, owned by the Canary; twice changes nothing."""
    await ROUTER.initialize(cluster, CANARY, RAW)
    route = api.read(PATH)
    assert route
    assert route["spec"]["parentRefs"] == [
        {"group": "core", "kind": "Service", "name": "podinfo", "namespace": "test", "port": 9898}
    ]
    assert "hostnames" not in route["spec"]
    assert [(ref["name"], ref["weight"], ref["port"]) for ref in route["spec"]["rules"][0]["backendRefs"]] == [
        ("podinfo-primary", 100, 9898),
        ("podinfo-canary", 0, 9898),
    ]
    assert route["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"
    before = api.version
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert api.version == before


async def test_gateways_defaults(api: ApiServer, cluster: Cluster) -> None:
    """A reference without group and kind is one to a Gateway."""
    raw = a_canary(service=a_service(gatewayRefs=[{"name": "public"}], hosts=["podinfo.example.com"]))
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    route = api.read(PATH)
    assert route
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
    assert route["spec"]["parentRefs"] == [gateway]
    assert route["spec"]["hostnames"] == ["podinfo.example.com"]


async def test_edited_attachment(api: ApiServer, cluster: Cluster) -> None:
    """Hosts that are taken out of the spec are taken off the route; the weights of the moment stay."""
    raw = a_canary(service=a_service(hosts=["podinfo.example.com"]))
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    await ROUTER.set(cluster, CANARY, RAW, Split(30))
    await ROUTER.initialize(cluster, CANARY, RAW)
    route = api.read(PATH)
    assert route
    assert "hostnames" not in route["spec"]
    assert await ROUTER.get(cluster, CANARY) == Split(30)


async def test_only_weights_change(api: ApiServer, cluster: Cluster) -> None:
    """Rules, matches, filters and annotations of others stay as they are."""
    matched = {
        "matches": [{"headers": [{"name": "x", "value": "y"}]}],
        "filters": [{"type": "RequestHeaderModifier"}],
        "timeouts": {"request": "5s"},
        "backendRefs": [{**ref, "filters": [{"type": "URLRewrite"}]} for ref in backends(100, 0)],
    }
    route = a_route(matched, {"backendRefs": [{"name": "other", "port": 80}]})
    route["metadata"]["annotations"] = {"team": "a"}
    stored = deepcopy(await api.put(PATH, route))
    await ROUTER.set(cluster, CANARY, RAW, Split(25))
    changed = api.read(PATH)
    assert changed
    assert [ref.pop("weight") for ref in changed["spec"]["rules"][0]["backendRefs"]] == [75, 25]
    for ref in stored["spec"]["rules"][0]["backendRefs"]:
        del ref["weight"]
    assert changed["spec"] == stored["spec"]
    assert changed["metadata"]["annotations"] == {"team": "a"}


async def test_same_weights(api: ApiServer, cluster: Cluster) -> None:
    """Nothing is written when the weights are so already."""
    await ROUTER.initialize(cluster, CANARY, RAW)
    before = api.version
    await ROUTER.set(cluster, CANARY, RAW, Split(0))
    assert api.version == before


async def test_vanished_route(api: ApiServer, cluster: Cluster) -> None:
    """It is made again, with the weights that were asked for."""
    await ROUTER.set(cluster, CANARY, RAW, Split(20))
    assert await ROUTER.get(cluster, CANARY) == Split(20)
    assert len(api.objects) == 1


@pytest.mark.parametrize(
    ("conditions", "obstacle"),
    [
        ([{"type": "Accepted", "status": "True"}], ""),
        ([{"type": "ResolvedRefs", "status": "False"}], ""),
        (
            [{"type": "Accepted", "status": "False", "observedGeneration": 7}],
            (
                "HTTPRoute podinfo.test parent podinfo is not ready "
                "(status: False, observed generation: 7, current generation: 7)"
            ),
        ),
        (
            [{"type": "Accepted", "status": "True", "observedGeneration": 5}],
            (
                "HTTPRoute podinfo.test parent podinfo is not ready "
                "(status: True, observed generation: 5, current generation: 7)"
            ),
        ),
    ],
)
async def test_obstacle(api: ApiServer, cluster: Cluster, conditions: list[Json], obstacle: str) -> None:
    """A parent that does not accept this generation of the route, in Flagger's words."""
    parent = {"parentRef": {"name": "podinfo"}, "conditions": conditions}

    async def seven(request: Any) -> Any:
        return None if request.method != "GET" else web.json_response(a_route(parents=[parent]))

    api.intercepts.append(seven)
    assert await ROUTER.obstacle(cluster, CANARY) == obstacle


async def test_no_obstacle_without_a_word(api: ApiServer, cluster: Cluster) -> None:
    """Neither a route without status nor one that is gone is refused."""
    assert await ROUTER.obstacle(cluster, CANARY) == ""
    await api.put(PATH, {"spec": {"rules": []}})
    assert await ROUTER.obstacle(cluster, CANARY) == ""


async def test_conflict(api: ApiServer, cluster: Cluster) -> None:
    """Somebody else's edit at the same moment is kept, and ours is made upon it."""
    await ROUTER.initialize(cluster, CANARY, RAW)
    edited = False

    async def edit(request: Any) -> Any:
        nonlocal edited
        if request.method != "PATCH" or edited:
            return None
        edited = True
        route = deepcopy(api.read(PATH))
        assert route
        route["metadata"]["annotations"]["team"] = "a"
        await api.put(PATH, route)
        return status(409, "the object has been modified")

    api.intercepts.append(edit)
    await ROUTER.set(cluster, CANARY, RAW, Split(40))
    route = api.read(PATH)
    assert route
    assert route["metadata"]["annotations"]["team"] == "a"
    assert await ROUTER.get(cluster, CANARY) == Split(40)


@given(st.integers(-200, 300))
def test_split(weight: int) -> None:
    """The two always sum to a hundred, and nothing else is a split."""
    if 0 <= weight <= 100:
        assert Split(weight).primary + Split(weight).canary == 100
    else:
        with pytest.raises(ValueError, match=f"canary weight {weight} is outside 0-100"):
            Split(weight)


def test_providers() -> None:
    """Only what routes; the refusal names the field and what may stand there."""
    assert router_for("gatewayapi:v1beta1") is not router_for("gatewayapi:v1")
    with pytest.raises(UnfitRoute, match=r"spec\.provider: istio is not supported yet; use one of gatewayapi:v1"):
        router_for("istio")
