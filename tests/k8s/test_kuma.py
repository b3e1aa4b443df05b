"""Kuma: the TrafficRoute, which belongs to the whole cluster, beyond what the contract of all routers says."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import TRAFFIC_ROUTES
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.kuma import KumaRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service

Json = dict[str, Any]
ROUTER = KumaRouter()
PATH = "/apis/kuma.io/v1alpha1/trafficroutes/podinfo"
RAW = a_canary(provider="kuma", service=a_service())


def to(service: str) -> Json:
    """The tag of a Service."""
    return {"kuma.io/service": service}


def the_route(api: ApiServer) -> Json:
    """As it is."""
    there = api.read(PATH)
    assert there
    return there


async def test_route(api: ApiServer, cluster: Cluster) -> None:
    """From everybody to the apex Service, in the default mesh; no owner, whom the cluster would take for gone."""
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(30))
    there = the_route(api)
    assert there["mesh"] == "default"
    assert "ownerReferences" not in there["metadata"]
    assert there["spec"] == {
        "sources": [{"match": to("*")}],
        "destinations": [{"match": to("podinfo_test_svc_9898")}],
        "conf": {
            "split": [
                {"weight": 70, "destination": to("podinfo-primary_test_svc_9898")},
                {"weight": 30, "destination": to("podinfo-canary_test_svc_9898")},
            ]
        },
    }


async def test_mesh(api: ApiServer, cluster: Cluster) -> None:
    """That which the Canary is annotated with."""
    raw = a_canary(provider="kuma", metadata={"annotations": {"kuma.io/mesh": "birds"}})
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    assert the_route(api)["mesh"] == "birds"


async def test_settings_of_others(api: ApiServer, cluster: Cluster) -> None:
    """Who may call, and how it is balanced, stays as somebody wrote it."""
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    mine = {"sources": [{"match": to("front_test_svc_80")}], "conf": {"loadBalancer": {"roundRobin": {}}}}
    await cluster.merge(PATH, {"spec": mine})
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(10))
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    spec = the_route(api)["spec"]
    assert spec["sources"] == mine["sources"]
    assert spec["conf"]["loadBalancer"] == {"roundRobin": {}}
    assert await ROUTER.get(cluster, load_canary(RAW)) == Split(10)


async def test_the_same_name_in_another_namespace(api: ApiServer, cluster: Cluster) -> None:
    """Its traffic is not touched, and its route not deleted: the second Canary is told to choose another name."""
    other = a_canary(provider="kuma")
    other["metadata"]["namespace"] = "other"
    await ROUTER.set(cluster, load_canary(other), other, Split(50))
    before = the_route(api)
    for attempt in (
        ROUTER.initialize(cluster, load_canary(RAW), RAW),
        ROUTER.set(cluster, load_canary(RAW), RAW, Split(1)),
    ):
        with pytest.raises(UnfitRoute, match=r"another Service than podinfo\.test.*write another spec\.service\.name"):
            await attempt
    await ROUTER.finalize(cluster, load_canary(RAW), RAW)
    assert the_route(api) == before
    assert TRAFFIC_ROUTES.path("test", "podinfo") == PATH
