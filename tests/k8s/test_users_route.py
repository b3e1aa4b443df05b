"""An HTTPRoute that somebody else made: taken over, or by annotation shared, and led back in the end."""

from copy import deepcopy
from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import HTTP_ROUTES_V1
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.gatewayapi.router import GatewayApiRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service, an_analysis

Json = dict[str, Any]
ROUTER = GatewayApiRouter(HTTP_ROUTES_V1)
RAW = a_canary()
CANARY = load_canary(RAW)
PATH = HTTP_ROUTES_V1.path("test", "podinfo")
USERS_OWN = a_canary(metadata={"annotations": {"serinus.dev/http-route": "backendRefs"}})


def a_route(*rules: Json) -> Json:
    """A route with these rules, which nobody owns."""
    return {"metadata": {"name": "podinfo", "namespace": "test"}, "spec": {"rules": list(rules)}}


def rules_at(api: ApiServer) -> list[Json]:
    """The rules as they are now."""
    route = api.read(PATH)
    assert route
    return list(route["spec"]["rules"])


async def test_taking_over(api: ApiServer, cluster: Cluster) -> None:
    """Its rule to the apex Service becomes ours, and leads there again in the end; the object stays its owner's."""
    static = {"backendRefs": [{"name": "cdn", "port": 80}]}
    await api.put(PATH, a_route(static, {"backendRefs": [{"name": "podinfo", "port": 9898}]}))
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert await ROUTER.get(cluster, CANARY) == Split(0)
    assert rules_at(api)[0] == static
    await ROUTER.finalize(cluster, CANARY, RAW)
    assert [ref["name"] for rule in rules_at(api) for ref in rule["backendRefs"]] == ["cdn", "podinfo"]
    assert "ownerReferences" not in (api.read(PATH) or {})["metadata"]


def a_users_route() -> Json:
    """With all that a Canary cannot express."""
    matched = {
        "matches": [{"headers": [{"name": "x", "value": "y"}]}],
        "filters": [{"type": "ExtensionRef"}],
        "timeouts": {"request": "5s"},
        "backendRefs": [{"name": "podinfo", "port": 9898, "filters": [{"type": "RequestHeaderModifier"}]}],
    }
    other = {"backendRefs": [{"name": "podinfo", "port": 9898}, {"name": "other", "port": 80}]}
    route = a_route(matched, other, {"backendRefs": [{"name": "podinfo-primary", "port": 9898}]})
    route["metadata"]["annotations"] = {"team": "a"}
    route["spec"]["parentRefs"] = [{"name": "theirs"}]
    return route


async def test_only_backends_change(api: ApiServer, cluster: Cluster) -> None:
    """By the annotation: two backendRefs in the place of one, and the rest is as it was, edits of it included."""
    stored = deepcopy(await api.put(PATH, a_users_route()))
    canary = load_canary(USERS_OWN)
    await ROUTER.initialize(cluster, canary, USERS_OWN)
    await ROUTER.set(cluster, canary, USERS_OWN, Split(25))
    before = api.version
    await ROUTER.initialize(cluster, canary, USERS_OWN)
    assert api.version == before
    assert await ROUTER.get(cluster, canary) == Split(25)
    changed = deepcopy(api.read(PATH))
    assert changed
    refs = [rule.pop("backendRefs") for rule in changed["spec"]["rules"]]
    assert [[(ref["name"], ref.get("weight")) for ref in each] for each in refs] == [
        [("podinfo-primary", 75), ("podinfo-canary", 25)],
        [("podinfo", None), ("other", None)],
        [("podinfo-primary", 75), ("podinfo-canary", 25)],
    ]
    assert all(ref["filters"] == [{"type": "RequestHeaderModifier"}] for ref in refs[0])
    for rule in stored["spec"]["rules"]:
        del rule["backendRefs"]
    assert changed["spec"] == stored["spec"]
    assert changed["metadata"]["annotations"] == {"team": "a"}


async def test_backends_are_handed_back(api: ApiServer, cluster: Cluster) -> None:
    """All rules lead to the apex Service, which outlives the Canary when it was there before."""
    await api.put(PATH, a_users_route())
    canary = load_canary(USERS_OWN)
    await ROUTER.set(cluster, canary, USERS_OWN, Split(25))
    for _ in range(2):
        await ROUTER.finalize(cluster, canary, USERS_OWN)
        names = [[ref["name"] for ref in rule["backendRefs"]] for rule in rules_at(api)]
        assert names == [["podinfo"], ["podinfo", "other"], ["podinfo"]]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (None, "HTTPRoute podinfo.test: not found; create it, or take the annotation serinus.dev/http-route off"),
        ([{"backendRefs": [{"name": "other"}]}], "HTTPRoute podinfo.test: no rule leads to Service podinfo alone"),
        ([{"filters": []}], "HTTPRoute podinfo.test: no rule leads to Service podinfo alone"),
    ],
)
async def test_a_users_route_without_place(
    api: ApiServer, cluster: Cluster, rules: list[Json] | None, why: str
) -> None:
    """Nothing is made or written in a user's stead."""
    if rules is not None:
        await api.put(PATH, a_route(*rules))
    before = api.version
    with pytest.raises(UnfitRoute, match=why):
        await ROUTER.initialize(cluster, load_canary(USERS_OWN), USERS_OWN)
    await ROUTER.set(cluster, load_canary(USERS_OWN), USERS_OWN, Split(0))
    assert api.version == before


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"service": a_service(match=[{"method": {"exact": "GET"}}])}, "spec.service.match"),
        ({"service": a_service(timeout="5s")}, "spec.service.timeout"),
        ({"service": a_service(headers={"request": {"remove": ["x"]}})}, "spec.service.headers"),
        ({"analysis": an_analysis(mirror=True), "service": a_service(gatewayRefs=[])}, "spec.analysis.mirror"),
        ({"analysis": an_analysis(sessionAffinity={"cookieName": "a"})}, "spec.analysis.sessionAffinity"),
        (
            {"analysis": an_analysis(iterations=2, match=[{"headers": {"a": {"exact": "b"}}}])},
            "spec.analysis.match",
        ),
    ],
)
def test_more_than_backends(spec: Json, field: str) -> None:
    """What the annotation forbids is refused, not left out."""
    raw = a_canary(metadata=USERS_OWN["metadata"], **spec)
    assert ROUTER.problem(load_canary(raw)) == (
        f"{field}: only the backendRefs of the HTTPRoute may be changed (serinus.dev/http-route: backendRefs); "
        "remove it, or that annotation"
    )


def test_annotation() -> None:
    """It has one value; with it the parents are the user's affair."""
    other = a_canary(metadata={"annotations": {"serinus.dev/http-route": "weights"}})
    text = 'metadata.annotations[serinus.dev/http-route]: "weights"; write backendRefs, or remove it'
    assert ROUTER.problem(load_canary(other)) == text
    bare = a_canary(metadata=USERS_OWN["metadata"], service=a_service(gatewayRefs=[]))
    assert ROUTER.problem(load_canary(bare)) == ""
