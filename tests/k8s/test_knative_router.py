"""Traffic between two revisions of a Knative Service."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import KNATIVE_SERVICES
from k8s.routers.base import Split
from k8s.routers.knative import KnativeRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_knative_service, a_model, an_analysis

Json = dict[str, Any]
REF = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
RAW = a_canary(targetRef=REF, provider="knative")
CANARY = load_canary(RAW)
PATH = KNATIVE_SERVICES.path("test", "podinfo")
ROUTER = KnativeRouter()


def traffic(canary: int, primary: str = "podinfo-00001") -> list[Json]:
    """The two entries."""
    return [
        {"latestRevision": True, "percent": canary},
        {"latestRevision": False, "percent": 100 - canary, "revisionName": primary},
    ]


async def given(api: ApiServer, **spec: Any) -> None:
    """A Service whose first revision serves and whose second is the latest."""
    await api.put(PATH, a_knative_service(latest="podinfo-00002", primary="podinfo-00001", **spec))


def routed(api: ApiServer) -> Any:
    """As the Service says now."""
    return (api.read(PATH) or {})["spec"].get("traffic")


async def test_initialized(api: ApiServer, cluster: Cluster) -> None:
    """All traffic to the primary's revision; weights that are there stay."""
    await given(api)
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert routed(api) == traffic(0)
    await ROUTER.set(cluster, CANARY, RAW, Split(30))
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert routed(api) == traffic(30)


async def test_set(api: ApiServer, cluster: Cluster) -> None:
    """One request a change, none when it is so already."""
    await given(api, traffic=traffic(0))
    await ROUTER.set(cluster, CANARY, RAW, Split(40))
    assert routed(api) == traffic(40)
    assert await ROUTER.get(cluster, CANARY) == Split(40)
    version = api.version
    await ROUTER.set(cluster, CANARY, RAW, Split(40))
    assert api.version == version


async def test_after_a_promotion(api: ApiServer, cluster: Cluster) -> None:
    """The annotation says who the primary is now."""
    await api.put(PATH, a_knative_service(latest="podinfo-00002", primary="podinfo-00002", traffic=traffic(40)))
    await ROUTER.set(cluster, CANARY, RAW, Split(0))
    assert routed(api) == traffic(0, "podinfo-00002")


async def test_tags(api: ApiServer, cluster: Cluster) -> None:
    """An entry that only gives a tag its address stays, and takes no traffic."""
    tagged = {"tag": "old", "revisionName": "podinfo-00000", "percent": 100}
    await given(api, traffic=[tagged])
    await ROUTER.set(cluster, CANARY, RAW, Split(10))
    assert routed(api) == [*traffic(10), tagged | {"percent": 0}]
    assert await ROUTER.get(cluster, CANARY) == Split(10)


@pytest.mark.parametrize(
    "divided",
    [None, [{"latestRevision": True, "percent": 100}], traffic(10, "podinfo-00000"), [*traffic(10), traffic(10)[1]]],
    ids=["nothing", "the latest alone", "another primary", "three"],
)
async def test_get(api: ApiServer, cluster: Cluster, divided: list[Json] | None) -> None:
    """Traffic that somebody divided otherwise is no route of ours."""
    await given(api, traffic=divided)
    assert await ROUTER.get(cluster, CANARY) is None


async def test_get_of_nothing(cluster: Cluster) -> None:
    """Neither is a Service that does not exist."""
    assert await ROUTER.get(cluster, CANARY) is None
    assert await ROUTER.obstacle(cluster, CANARY) == ""


@pytest.mark.parametrize(
    ("conditions", "obstacle"),
    [
        ([], ""),
        ([{"type": "RoutesReady", "status": "True"}], ""),
        ([{"type": "Ready", "status": "False"}], ""),
        (
            [{"type": "RoutesReady", "status": "Unknown", "reason": "IngressNotConfigured"}],
            "Knative service podinfo.test routes are not ready: IngressNotConfigured",
        ),
        (
            [{"type": "RoutesReady", "status": "False", "reason": "RevisionMissing", "message": "no such revision"}],
            "Knative service podinfo.test routes are not ready: no such revision",
        ),
    ],
)
async def test_obstacle(api: ApiServer, cluster: Cluster, conditions: list[Json], obstacle: str) -> None:
    """Knative says when it does not follow."""
    service = a_knative_service(primary="podinfo-00001")
    await api.put(PATH, service | {"status": service["status"] | {"conditions": conditions}})
    assert await ROUTER.obstacle(cluster, CANARY) == obstacle


async def test_finalized(api: ApiServer, cluster: Cluster) -> None:
    """The latest revision serves as without a Canary; twice is as good as once, and so is a Service that is gone."""
    await given(api, traffic=traffic(20))
    for _ in range(2):
        await ROUTER.finalize(cluster, CANARY, RAW)
        service = api.read(PATH) or {}
        assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
        assert service["metadata"]["annotations"] == {}
    await api.remove(PATH)
    await ROUTER.finalize(cluster, CANARY, RAW)


async def test_without_primary(api: ApiServer, cluster: Cluster) -> None:
    """While no revision is known to serve, the traffic is left alone."""
    await api.put(PATH, a_knative_service())
    await ROUTER.initialize(cluster, CANARY, RAW)
    assert routed(api) is None


def test_problem() -> None:
    """It routes to nothing but Knative Services."""
    assert ROUTER.problem(CANARY) == ""
    assert ROUTER.problem(a_model(provider="knative")) == (
        "can't use apps/v1/Deployment as target if provider is set to knative"
    )
    mirrored = a_model(targetRef=REF, provider="knative", analysis=an_analysis(mirror=True))
    assert ROUTER.problem(mirrored) == "spec.analysis.mirror: Knative divides traffic by weight alone; remove it"
