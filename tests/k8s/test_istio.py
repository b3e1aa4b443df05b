"""Istio's objects: what of them is written, its owner's and others', and what is left in the end."""

import json
from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from k8s.routers.base import Split
from k8s.routers.istio.router import ORIGINAL, IstioRouter
from k8s.routers.single import NOTHING
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service, an_analysis

Json = dict[str, Any]
ROUTER = IstioRouter()
PATH = VIRTUAL_SERVICES.path("test", "podinfo")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APEX = {"destination": {"host": "podinfo.test.svc.cluster.local", "subset": "v1"}}
CDN = {"match": [{"uri": {"prefix": "/static"}}], "route": [{"destination": {"host": "cdn"}}]}
THEIRS: Json = {
    "hosts": ["app.example.com"],
    "gateways": ["public"],
    "exportTo": ["."],
    "http": [CDN, {"fault": {}, "route": [APEX]}],
}


def a_raw(**service: Any) -> Json:
    """A Canary in an Istio mesh."""
    return a_canary(provider="istio", service=a_service(**service))


async def initialized(cluster: Cluster, raw: Json) -> None:
    """As at bootstrap, and after an edit."""
    await ROUTER.initialize(cluster, load_canary(raw), raw)


async def finalized(cluster: Cluster, raw: Json) -> None:
    """As at the end."""
    await ROUTER.finalize(cluster, load_canary(raw), raw)


def there(api: ApiServer, path: str = PATH) -> Json:
    """The object as it is now."""
    found = api.read(path)
    assert found
    return found


@pytest.mark.parametrize(
    ("service", "hosts", "gateways"),
    [
        ({}, ["podinfo"], ["mesh"]),
        ({"hosts": ["a.example"], "gateways": ["public"]}, ["a.example", "podinfo"], ["public"]),
        ({"hosts": ["podinfo", "a.example"]}, ["podinfo", "a.example"], ["mesh"]),
        ({"hosts": ["*"]}, ["*"], ["mesh"]),
        ({"delegation": True}, None, None),
    ],
)
async def test_hosts_and_gateways(
    api: ApiServer, cluster: Cluster, service: Json, hosts: list[str] | None, gateways: list[str] | None
) -> None:
    """Callers of the apex Service are routed too; a delegate has neither. They follow an edit."""
    for before in ({}, {"hosts": ["old.example"], "gateways": ["old"]}):
        await initialized(cluster, a_raw(**before))
        await initialized(cluster, a_raw(**service))
        spec = there(api)["spec"]
        assert (spec.get("hosts"), spec.get("gateways")) == (hosts, gateways)


async def test_destination_rules(api: ApiServer, cluster: Cluster) -> None:
    """One for each side, with the traffic policy as it is now; what others put there stays."""
    policy = {"tls": {"mode": "ISTIO_MUTUAL"}}
    await initialized(cluster, a_raw(trafficPolicy={"loadBalancer": {"simple": "RANDOM"}}))
    for side in ("podinfo-primary", "podinfo-canary"):
        path = DESTINATION_RULES.path("test", side)
        await cluster.merge(path, {"spec": {"subsets": [{"name": "v1"}]}})
        await initialized(cluster, a_raw(trafficPolicy=policy))
        assert there(api, path)["spec"] == {"host": side, "trafficPolicy": policy, "subsets": [{"name": "v1"}]}
        await initialized(cluster, a_raw())
        assert "trafficPolicy" not in there(api, path)["spec"]


async def test_metadata(api: ApiServer, cluster: Cluster) -> None:
    """That of the apex Service, beside what others write."""
    raw = a_raw(apex={"labels": {"team": "a"}, "annotations": {"note": "b"}})
    await initialized(cluster, a_raw())
    await cluster.merge(PATH, {"metadata": {"labels": {"theirs": "c"}}})
    await initialized(cluster, raw)
    metadata = there(api)["metadata"]
    assert metadata["labels"] == {"team": "a", "theirs": "c"}
    assert metadata["annotations"]["note"] == "b"


async def test_tcp(api: ApiServer, cluster: Cluster) -> None:
    """Its routes stand under their own field."""
    raw = a_raw(appProtocol="tcp")
    await initialized(cluster, raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    assert "http" not in there(api)["spec"]
    assert await ROUTER.get(cluster, load_canary(raw)) == Split(30)


async def test_a_step_writes_routes_alone(api: ApiServer, cluster: Cluster) -> None:
    """In one request."""
    raw = a_raw()
    await initialized(cluster, raw)
    api.requests.clear()
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    assert [method for method, _ in api.requests if method != "GET"] == ["PATCH"]


# -- somebody else's VirtualService -----------------------------------------------------------------------------------


async def test_taking_over(api: ApiServer, cluster: Cluster) -> None:
    """Its route to the apex Service becomes ours in its place; all else is theirs, and what was there is kept."""
    await api.put(PATH, {"metadata": {"annotations": {"team": "a"}}, "spec": THEIRS})
    raw = a_raw()
    await initialized(cluster, raw)
    first = there(api)
    assert await ROUTER.get(cluster, load_canary(raw)) == NOTHING
    assert first["spec"]["http"][0] == CDN
    assert {key: first["spec"][key] for key in ("hosts", "gateways", "exportTo")} == {
        key: THEIRS[key] for key in ("hosts", "gateways", "exportTo")
    }
    assert first["metadata"]["annotations"]["team"] == "a"
    assert json.loads(first["metadata"]["annotations"][ORIGINAL]) == THEIRS
    assert "ownerReferences" not in first["metadata"]

    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    await initialized(cluster, raw)
    assert json.loads(there(api)["metadata"]["annotations"][ORIGINAL]) == THEIRS
    assert await ROUTER.get(cluster, load_canary(raw)) == Split(30)


async def test_hosts_that_the_canary_names_are_written(api: ApiServer, cluster: Cluster) -> None:
    """Into somebody else's VirtualService too."""
    await api.put(PATH, {"spec": THEIRS})
    await initialized(cluster, a_raw(hosts=["b.example"]))
    spec = there(api)["spec"]
    assert (spec["hosts"], spec["gateways"]) == (["b.example", "podinfo"], ["public"])


async def test_handing_back(api: ApiServer, cluster: Cluster) -> None:
    """As it was found, but for what others did to it meanwhile; once and again."""
    await api.put(PATH, {"metadata": {"annotations": {"team": "a"}}, "spec": THEIRS})
    raw = a_raw(hosts=["b.example"])
    await initialized(cluster, raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    added = {"match": [{"uri": {"prefix": "/new"}}], "route": [{"destination": {"host": "new"}}]}
    await cluster.merge(PATH, {"spec": {"http": [added, *there(api)["spec"]["http"]]}})
    for _ in range(2):
        await finalized(cluster, raw)
        assert there(api)["spec"] == {**THEIRS, "http": [added, *THEIRS["http"]]}
        assert ORIGINAL not in there(api)["metadata"]["annotations"]
        assert there(api)["metadata"]["annotations"]["team"] == "a"


async def test_handing_back_as_last_applied(api: ApiServer, cluster: Cluster) -> None:
    """What its owner applied with kubectl goes before what was found; nothing is kept of it then."""
    applied = {**THEIRS, "hosts": ["applied.example"]}
    annotations = {LAST_APPLIED: json.dumps({"spec": applied})}
    await api.put(PATH, {"metadata": {"annotations": annotations}, "spec": THEIRS})
    raw = a_raw()
    await initialized(cluster, raw)
    assert ORIGINAL not in there(api)["metadata"]["annotations"]
    await finalized(cluster, raw)
    assert there(api)["spec"] == applied


async def test_what_was_never_taken_over_is_left_alone(api: ApiServer, cluster: Cluster) -> None:
    """Somebody's later edit of what they had applied is not ours to undo."""
    annotations = {LAST_APPLIED: json.dumps({"spec": {**THEIRS, "hosts": ["applied.example"]}})}
    await api.put(PATH, {"metadata": {"annotations": annotations}, "spec": THEIRS})
    await finalized(cluster, a_raw())
    assert there(api)["spec"] == THEIRS


async def test_handing_back_what_nobody_knows(api: ApiServer, cluster: Cluster) -> None:
    """Without the annotation the Canary's routes lead to the apex Service."""
    await api.put(PATH, {"spec": THEIRS})
    raw = a_raw()
    await initialized(cluster, raw)
    await cluster.merge(PATH, {"metadata": {"annotations": {ORIGINAL: None}}})
    await finalized(cluster, raw)
    assert [each["destination"]["host"] for rule in there(api)["spec"]["http"] for each in rule["route"]] == [
        "cdn",
        "podinfo",
    ]


async def test_the_way_back_is_never_refused(cluster: Cluster) -> None:
    """A spec that was edited into what no route can express does not keep traffic on the canary."""
    raw = a_raw()
    await initialized(cluster, raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(30))
    match = [{"headers": {"x": {"suffix": "a"}}}]
    tested = an_analysis(iterations=5, stepWeight=None, maxWeight=None, match=match)
    unfit = load_canary(a_canary(provider="istio", service=a_service(), analysis=tested))
    await ROUTER.set(cluster, unfit, raw, NOTHING)
    assert await ROUTER.get(cluster, unfit) == NOTHING
