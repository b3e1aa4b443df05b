"""TrafficSplits as others left them. What the router itself makes of a Canary is the contract's to say."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import TRAFFIC_SPLITS_V1ALPHA1
from k8s.routers.base import Split
from k8s.routers.smi import SmiRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service

Json = dict[str, Any]
ROUTER = SmiRouter(TRAFFIC_SPLITS_V1ALPHA1)
PATH = TRAFFIC_SPLITS_V1ALPHA1.path("test", "podinfo")


def backends(**weights: object) -> Json:
    """A TrafficSplit with these backends of podinfo."""
    listed = [{"service": f"podinfo-{name}", "weight": weight} for name, weight in weights.items()]
    return {"spec": {"service": "podinfo", "backends": listed}}


@pytest.mark.parametrize(
    ("there", "split"),
    [
        (backends(canary=30, primary=70), Split(30)),
        (backends(canary="30", primary="70"), Split(30)),
        (backends(canary="500m", primary="500m"), None),
        (backends(canary=0, primary=0), None),
        (backends(primary=100), None),
        (backends(canary=10, primary=80, other=10), None),
    ],
    ids=["numbers", "quantities", "fractions", "nowhere", "one side alone", "a third side"],
)
async def test_split(api: ApiServer, cluster: Cluster, there: Json, split: Split | None) -> None:
    """Only what leads all traffic to the two sides is a split; anything else is brought back to the primary."""
    raw = a_canary(provider="smi:v1alpha1", service=a_service())
    await api.put(PATH, there)
    assert await ROUTER.get(cluster, load_canary(raw)) == split
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    assert await ROUTER.get(cluster, load_canary(raw)) == (split or Split(0))


async def test_root_service(api: ApiServer, cluster: Cluster) -> None:
    """The first host, or the apex Service."""
    for hosts, root in ((None, "podinfo"), (["app.test", "b"], "app.test")):
        raw = a_canary(provider="smi:v1alpha1", service=a_service(**({"hosts": hosts} if hosts else {})))
        await ROUTER.initialize(cluster, load_canary(raw), raw)
        split = api.read(PATH)
        assert split
        assert split["spec"]["service"] == root
        assert [each["service"] for each in split["spec"]["backends"]] == ["podinfo-canary", "podinfo-primary"]
