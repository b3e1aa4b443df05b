"""Contour: routes of an HTTPProxy, its owner's and others', beyond what the contract of all routers says."""

import re
from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import HTTP_PROXIES
from k8s.routers.base import Split
from k8s.routers.contour import ContourRouter
from k8s.routers.single import NOTHING
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service, an_analysis

Json = dict[str, Any]
ROUTER = ContourRouter()
PROXY = HTTP_PROXIES.path("test", "podinfo")
EVERY_PATH = {"prefix": "/"}
INSIDER: Json = {"headers": {"x-canary": {"exact": "insider"}}}


def a_raw(analysis: Json | None = None, **service: Any) -> Json:
    """A Canary behind Contour."""
    return a_canary(provider="contour", service=a_service(**service), analysis=an_analysis(**(analysis or {})))


def an_ab_test(*match: Json, **service: Any) -> Json:
    """A Canary whose test is for these requests."""
    return a_raw({"iterations": 5, "stepWeight": None, "maxWeight": None, "match": list(match)}, **service)


def problem(raw: Json) -> str:
    """What is refused of it."""
    return ROUTER.problem(load_canary(raw))


def there(api: ApiServer) -> Json:
    """The object as it is now."""
    found = api.read(PROXY)
    assert found
    return found


async def routes(api: ApiServer, cluster: Cluster, raw: Json, split: Split = NOTHING) -> list[Json]:
    """Of the HTTPProxy at this split."""
    await ROUTER.set(cluster, load_canary(raw), raw, split)
    return list(there(api)["spec"]["routes"])


def weights(route: Json) -> dict[str, int]:
    """By Service."""
    return {each["name"]: each["weight"] for each in route["services"]}


async def test_weights(api: ApiServer, cluster: Cluster) -> None:
    """Of both Services, each told to a Linkerd proxy; hosts are those of the root that includes it."""
    found = await routes(
        api, cluster, a_raw(apex={"annotations": {"projectcontour.io/ingress.class": "edge"}}), Split(30)
    )
    services = [
        {
            "name": name,
            "port": 9898,
            "weight": weight,
            "requestHeadersPolicy": {
                "set": [{"name": "l5d-dst-override", "value": f"{name}.test.svc.cluster.local:9898"}]
            },
        }
        for name, weight in (("podinfo-primary", 70), ("podinfo-canary", 30))
    ]
    assert found == [{"conditions": [EVERY_PATH], "services": services}]
    assert "virtualhost" not in there(api)["spec"]
    assert there(api)["metadata"]["annotations"]["projectcontour.io/ingress.class"] == "edge"


async def test_a_step_writes_routes_alone(api: ApiServer, cluster: Cluster) -> None:
    """In one request."""
    raw = a_raw()
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    api.requests.clear()
    await routes(api, cluster, raw, Split(30))
    assert [method for method, _ in api.requests if method != "GET"] == ["PATCH"]


async def test_what_a_route_consists_of(api: ApiServer, cluster: Cluster) -> None:
    """Fields of `spec.service` in Contour's words."""
    raw = a_raw(
        match=[{"uri": {"prefix": "/api"}}],
        rewrite={"uri": "/", "authority": "example.com"},
        timeout="15s",
        retries={"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error, connect-failure"},
    )
    [route] = await routes(api, cluster, raw)
    assert route.pop("services")
    assert route == {
        "conditions": [{"prefix": "/api"}],
        "pathRewritePolicy": {"replacePrefix": [{"replacement": "/"}]},
        "requestHeadersPolicy": {"set": [{"name": "Host", "value": "example.com"}]},
        "retryPolicy": {"count": 3, "perTryTimeout": "1s", "retryOn": ["gateway-error", "connect-failure"]},
        "timeoutPolicy": {"response": "15s", "idle": "5m"},
    }


@pytest.mark.parametrize(("attempts", "count"), [(None, 1), (0, -1), (2, 2)])
async def test_retries(api: ApiServer, cluster: Cluster, attempts: int | None, count: int) -> None:
    """Contour takes 0 for 1, and -1 for none."""
    [route] = await routes(api, cluster, a_raw(retries={"attempts": attempts, "retryOn": "5xx"}))
    assert route["retryPolicy"] == {"count": count, "retryOn": ["5xx"]}


@pytest.mark.parametrize(
    ("given", "conditions"),
    [
        ({"uri": {"exact": "/a"}}, [{"exact": "/a"}]),
        ({"uri": {"regex": "/v[0-9]+"}}, [{"regex": "/v[0-9]+"}]),
        ({"headers": {"x": {"exact": "1"}}}, [EVERY_PATH, {"header": {"name": "x", "exact": "1"}}]),
        ({"queryParams": {"v": {"prefix": "2"}}}, [EVERY_PATH, {"queryParameter": {"name": "v", "prefix": "2"}}]),
    ],
)
async def test_service_match(api: ApiServer, cluster: Cluster, given: Json, conditions: list[Json]) -> None:
    """Istio's HTTPMatchRequest as conditions that must all hold; one route for each."""
    found = await routes(api, cluster, a_raw(match=[given, {"uri": {"prefix": "/b"}}]))
    assert [route["conditions"] for route in found] == [conditions, [{"prefix": "/b"}]]


async def test_ab_test(api: ApiServer, cluster: Cluster) -> None:
    """Each condition within each match of the service, the condition's headers counting; the rest to the primary."""
    query = {"queryParams": {"v": {"exact": "2"}}}
    match: list[Json] = [{"uri": {"prefix": "/a"}, "headers": {"X-Canary": {"exact": "no"}}}, {"uri": {"prefix": "/b"}}]
    found = await routes(api, cluster, an_ab_test(INSIDER, query, match=match), Split(100))
    insider, second = (
        {"header": {"name": name, "exact": said}} for name, said in (("x-canary", "insider"), ("X-Canary", "no"))
    )
    param = {"queryParameter": {"name": "v", "exact": "2"}}
    a, b = {"prefix": "/a"}, {"prefix": "/b"}
    assert [route["conditions"] for route in found[:4]] == [[a, insider], [b, insider], [a, second, param], [b, param]]
    assert [weights(route) for route in found[:4]] == [{"podinfo-primary": 0, "podinfo-canary": 100}] * 4
    assert [route["conditions"] for route in found[4:]] == [[a, second], [b]]
    assert [weights(route) for route in found[4:]] == [{"podinfo-primary": 100}] * 2


@pytest.mark.parametrize(
    ("given", "value", "matches"),
    [
        ({"prefix": "a.b"}, "a.bc", True),
        ({"prefix": "a.b"}, "aXbc", False),
        ({"prefix": "a.b"}, "xa.b", False),
        ({"suffix": "b"}, "ab", True),
        ({"suffix": "b"}, "ba", False),
    ],
)
async def test_ends_of_a_header(api: ApiServer, cluster: Cluster, given: Json, value: str, *, matches: bool) -> None:
    """By a pattern for the whole value, as Envoy reads it; Flagger's `contains` lets more in."""
    tested, _ = await routes(api, cluster, an_ab_test({"headers": {"x": given}}))
    header = tested["conditions"][1]["header"]
    assert header.keys() == {"name", "regex"}
    assert bool(re.fullmatch(header["regex"], value)) is matches


# -- somebody else's HTTPProxy ----------------------------------------------------------------------------------------


async def test_taking_over_and_handing_back(api: ApiServer, cluster: Cluster) -> None:
    """Its host, its includes and its other routes stay; the route to the apex Service is ours for a while."""
    cdn = {"conditions": [{"prefix": "/static"}], "services": [{"name": "cdn", "port": 80}]}
    host = {"virtualhost": {"fqdn": "app.example.com"}, "includes": [{"name": "blog"}]}
    await api.put(PROXY, {"spec": {**host, "routes": [cdn, {"services": [{"name": "podinfo", "port": 9898}]}]}})
    raw = a_raw()
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    found = await routes(api, cluster, raw, Split(30))
    assert found[0] == cdn
    assert weights(found[1]) == {"podinfo-primary": 70, "podinfo-canary": 30}
    for _ in range(2):
        await ROUTER.finalize(cluster, load_canary(raw), raw)
        ours = {"conditions": [EVERY_PATH], "services": [{"name": "podinfo", "port": 9898, "weight": 1}]}
        assert there(api)["spec"] == {**host, "routes": [cdn, ours]}


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "text"),
    [
        (
            {"match": [{"method": {"exact": "GET"}}]},
            'match[0].method: {"exact": "GET"} cannot be expressed in an HTTPProxy',
        ),
        ({"match": [{"uri": {"suffix": "a"}}]}, 'match[0].uri: {"suffix": "a"} cannot be expressed in an HTTPProxy'),
        ({"headers": {"request": {"remove": ["a"]}}}, "headers: not supported by provider contour; remove it"),
        ({"corsPolicy": {"allowOrigin": ["*"]}}, "corsPolicy: not supported by provider contour; remove it"),
        ({"mirror": [{"backendRef": {"name": "a"}}]}, "mirror: not supported by provider contour; remove it"),
        ({"backendTimeout": "5s"}, "backendTimeout: not supported by provider contour; remove it"),
        ({"retries": {"retryOn": "5xx,odd"}}, 'retries.retryOn: "odd" is unknown to Contour; write some of 5xx, '),
        (
            {"rewrite": {"uri": "/", "type": "ReplaceFullPath"}},
            "rewrite.type: Contour replaces the prefix that matched",
        ),
        (
            {"rewrite": {"uri": "/"}, "match": [{"uri": {"exact": "/a"}}]},
            "rewrite.uri: Contour replaces the prefix that matched; write spec.service.match with a uri prefix",
        ),
    ],
)
def test_refused_services(service: Json, text: str) -> None:
    """By field."""
    assert problem(a_raw(**service)).startswith(f"spec.service.{text}")


@pytest.mark.parametrize(
    ("match", "text"),
    [
        ({"sourceLabels": {"a": "b"}}, '.sourceLabels: {"a": "b"} cannot be expressed in an HTTPProxy; write headers'),
        ({"queryParams": {"a": {}}}, ".queryParams.a: {} cannot be expressed in an HTTPProxy; write exact or prefix"),
        ({}, ": {} names no requests; write headers or queryParams"),
    ],
)
def test_refused_conditions(match: Json, text: str) -> None:
    """Left out, they would send everybody to the canary."""
    assert problem(an_ab_test(INSIDER, match)).startswith(f"spec.analysis.match[1]{text}")


@pytest.mark.parametrize("field", ["mirror", "sessionAffinity"])
def test_refused_analyses(field: str) -> None:
    """It copies nothing and sets no cookie."""
    asked = {"mirror": True, "sessionAffinity": {"cookieName": "a"}}
    assert (
        problem(a_raw({field: asked[field]})) == f"spec.analysis.{field}: not supported by provider contour; remove it"
    )


@pytest.mark.parametrize(
    ("status", "obstacle"),
    [
        ({}, ""),
        ({"currentStatus": "valid", "description": "Valid HTTPProxy"}, ""),
        ({"currentStatus": "NotReconciled"}, ""),
        (
            {"currentStatus": "invalid", "description": "no such Service"},
            "HTTPProxy podinfo.test is invalid: no such Service",
        ),
        (
            {"currentStatus": "orphaned", "description": "not part of a delegation chain"},
            "HTTPProxy podinfo.test is orphaned: not part of a delegation chain",
        ),
    ],
)
async def test_obstacle(api: ApiServer, cluster: Cluster, status: Json, obstacle: str) -> None:
    """In Contour's words."""
    await api.put(PROXY, {"spec": {"routes": []}, "status": status})
    canary: Canary = load_canary(a_raw())
    assert await ROUTER.obstacle(cluster, canary) == obstacle
