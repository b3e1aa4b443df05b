"""The HTTPRoute as an object: what is read from it, and what of it is changed, its owner's and others'."""

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
from k8s.routers.gatewayapi.obstacle import is_accepted
from k8s.routers.gatewayapi.router import GatewayApiRouter
from k8s.routers.kept import lost_in
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_service, an_analysis

Json = dict[str, Any]
ROUTER = GatewayApiRouter(HTTP_ROUTES_V1)
RAW = a_canary()
CANARY = load_canary(RAW)
PATH = HTTP_ROUTES_V1.path("test", "podinfo")
USERS_OWN = a_canary(metadata={"annotations": {"serinus.dev/http-route": "backendRefs"}})


def backends(primary: int | None, canary: int | None) -> list[Json]:
    """References to both Services; without a weight when it is None."""
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    return [{"name": name} | ({} if weight is None else {"weight": weight}) for name, weight in weights.items()]


def a_route(*rules: Json, **status_fields: Any) -> Json:
    """A route with these rules."""
    return {
        "metadata": {"name": "podinfo", "namespace": "test", "generation": 7},
        "spec": {"rules": list(rules)},
        "status": status_fields,
    }


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
    ("rules", "canary"),
    [
        ([{"backendRefs": backends(90, 10)}], 10),
        ([{"backendRefs": backends(9, 1)}], 10),
        ([{"backendRefs": backends(None, None)}], 50),
        ([{"backendRefs": backends(0, 0)}], None),
        ([{"backendRefs": backends(100, 0)}, {"backendRefs": backends(70, 30)}], 30),
        ([{"backendRefs": backends(70, 30)}, {"backendRefs": [{"name": "other"}]}], 30),
        ([{"backendRefs": [*backends(60, 20), {"name": "audit", "weight": 20}]}], 20),
        ([{"backendRefs": [{**ref, "namespace": "other"} for ref in backends(70, 30)]}], None),
        ([], None),
    ],
    ids=[
        "percent",
        "shares",
        "defaults",
        "nobody",
        "last wins",
        "others' rules",
        "a third backend",
        "others' Services",
        "no rules",
    ],
)
async def test_weights(api: ApiServer, cluster: Cluster, rules: list[Json], canary: int | None) -> None:
    """Read as shares, from the last rule that names both."""
    await api.put(PATH, a_route(*rules))
    assert await ROUTER.get(cluster, CANARY) == (None if canary is None else Split(canary))


def rules_at(api: ApiServer) -> list[Json]:
    """The rules as they are now."""
    route = api.read(PATH)
    assert route
    return list(route["spec"]["rules"])


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


async def test_parents(api: ApiServer, cluster: Cluster) -> None:
    """Each part of a reference goes to the route, and none that was not given."""
    parents = [
        {"group": "core", "kind": "Service", "name": "podinfo", "namespace": "mesh", "sectionName": "web", "port": 80},
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"},
    ]
    raw = a_canary(service=a_service(gatewayRefs=parents))
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    route = api.read(PATH)
    assert route
    assert route["spec"]["parentRefs"] == parents


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


async def test_edited_rules(api: ApiServer, cluster: Cluster) -> None:
    """A filter that the spec no longer has goes; the weights of the moment and the copies stay."""
    headers = {"request": {"set": {"x-a": "1"}}}
    raw = a_canary(service=a_service(headers=headers, gatewayRefs=[{"name": "public"}]))
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30, mirrored=True))
    edited = a_canary(service=a_service(gatewayRefs=[{"name": "public"}]))
    await ROUTER.initialize(cluster, load_canary(edited), edited)
    [rule] = rules_at(api)
    assert [item["type"] for item in rule["filters"]] == ["RequestMirror"]
    assert await ROUTER.get(cluster, CANARY) == Split(30, mirrored=True)


async def test_a_test_that_is_edited_away(api: ApiServer, cluster: Cluster) -> None:
    """What an A/B test gave to some is not given to all."""
    match = [{"headers": {"x-canary": {"exact": "insider"}}}]
    raw = a_canary(analysis=an_analysis(iterations=5, match=match, stepWeight=None))
    await ROUTER.set(cluster, load_canary(raw), raw, Split(100))
    assert len(rules_at(api)) == 2
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert await ROUTER.get(cluster, CANARY) == Split(0)
    assert len(rules_at(api)) == 1


@pytest.mark.parametrize("split", [Split(40), Split(0, mirrored=True)])
async def test_the_way_back(api: ApiServer, cluster: Cluster, split: Split) -> None:
    """All traffic goes to the primary even under a spec that nobody can express any more; nothing else does."""
    service = a_service(gatewayRefs=[{"name": "public"}], timeout="5s")
    raw = a_canary(service=service)
    await ROUTER.set(cluster, load_canary(raw), raw, split)
    broken = a_canary(service=service | {"match": [{"port": 80}]})
    with pytest.raises(UnfitRoute, match=r"spec.service.match\[0\].port"):
        await ROUTER.set(cluster, load_canary(broken), broken, Split(50))
    await ROUTER.set(cluster, load_canary(broken), broken, Split(0))
    assert await ROUTER.get(cluster, CANARY) == Split(0)
    assert rules_at(api)[0]["timeouts"] == {"request": "5s"}


async def test_metadata(api: ApiServer, cluster: Cluster) -> None:
    """Labels and annotations of the apex are the route's as well; what others put there stays."""
    await ROUTER.initialize(cluster, CANARY, RAW)
    await cluster.merge(PATH, {"metadata": {"annotations": {"team": "a"}}})
    raw = a_canary(
        service=a_service(apex={"labels": {"tier": "front"}, "annotations": {"timeout.linkerd.io/request": "5s"}})
    )
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    metadata = (api.read(PATH) or {})["metadata"]
    assert metadata["labels"] == {"tier": "front"}
    assert metadata["annotations"].items() >= {"team": "a", "timeout.linkerd.io/request": "5s"}.items()
    before = api.version
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    assert api.version == before


async def test_others_rules(api: ApiServer, cluster: Cluster) -> None:
    """Rules that lead elsewhere stay, and stay where they are; annotations too."""
    await ROUTER.initialize(cluster, CANARY, RAW)
    first, last = ({"backendRefs": [{"name": name, "port": 80}]} for name in ("cdn", "audit"))
    await cluster.merge(PATH, {"spec": {"rules": [first, *rules_at(api), last]}})
    await ROUTER.set(cluster, CANARY, RAW, Split(25))
    await ROUTER.initialize(cluster, CANARY, RAW)
    rules = rules_at(api)
    assert [rules[0], rules[2]] == [first, last]
    assert await ROUTER.get(cluster, CANARY) == Split(25)


async def test_a_route_that_leads_elsewhere(api: ApiServer, cluster: Cluster) -> None:
    """Our rule goes before others: among equals the first one wins."""
    await api.put(PATH, a_route({"backendRefs": [{"name": "other", "port": 80}]}))
    await ROUTER.set(cluster, CANARY, RAW, Split(10))
    assert [len(rule["backendRefs"]) for rule in rules_at(api)] == [2, 1]


# -- the API server ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "kept", "lost"),
    [
        ([{"a": 1}], [{"a": 1, "default": 2}], ""),
        ([{"a": {"b": [1, 2]}}], [{"a": {"b": [1, 2]}}], ""),
        ([{"a": 1}], [{}], "rules[0].a"),
        ([{}, {"a": {"b": 1}}], [{}, {"a": {}}], "rules[1].a.b"),
        ([], None, "rules"),
    ],
)
def test_lost(wanted: Json, kept: Json, lost: str) -> None:
    """The first field that was sent and is not there."""
    assert lost_in(wanted, kept, "rules") == lost


async def test_an_older_definition(api: ApiServer, cluster: Cluster) -> None:
    """What the API server drops in silence is told."""

    async def prune(request: Any) -> Any:
        if request.method != "POST":
            return None
        route = await request.json()
        for rule in route["spec"]["rules"]:
            del rule["timeouts"]
        return web.json_response(route)

    api.intercepts.append(prune)
    raw = a_canary(service=a_service(timeout="5s"))
    with pytest.raises(UnfitRoute, match=r"HTTPRoute podinfo.test: .* does not know spec.rules\[0\].timeouts; install"):
        await ROUTER.initialize(cluster, load_canary(raw), raw)


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
