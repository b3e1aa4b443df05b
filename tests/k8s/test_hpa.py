"""The target's HorizontalPodAutoscaler, and its copy for the primary."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.errors import NotFound
from k8s.models.loading import load_canary
from k8s.resources import AUTOSCALERS
from k8s.scalers.registry import scaler_for
from k8s.targets.base import UnfitTarget
from tests.api_server import ApiServer
from tests.objects import a_canary

Json = dict[str, Any]
HPA = scaler_for("HorizontalPodAutoscaler")
PATH, COPY = AUTOSCALERS.path("test", "podinfo"), AUTOSCALERS.path("test", "podinfo-primary")
REF = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
SPEC = {"scaleTargetRef": {"kind": "Deployment", "name": "podinfo"}, "minReplicas": 2, "maxReplicas": 4}


async def copied(cluster: Cluster, **ref: Any) -> None:
    """Make the copy for a Canary whose autoscalerRef has these fields too."""
    raw = a_canary(autoscalerRef=REF | ref)
    await HPA.ensure_primary(cluster, load_canary(raw), raw, "podinfo")


async def test_copy(api: ApiServer, cluster: Cluster) -> None:
    """It scales the primary as the original scales the target, without Flux' labels, and belongs to the Canary."""
    labels = {"team": "a", "kustomize.toolkit.fluxcd.io/name": "x"}
    await api.put(PATH, {"metadata": {"labels": labels}, "spec": SPEC})
    await copied(cluster)
    copy = api.read(COPY)
    assert copy
    assert copy["spec"] == SPEC | {"scaleTargetRef": {"kind": "Deployment", "name": "podinfo-primary"}}
    assert copy["metadata"]["labels"] == {"team": "a"}
    assert copy["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"


@pytest.mark.parametrize(
    ("replicas", "bounds"),
    [({"maxReplicas": 9}, (2, 9)), ({"minReplicas": 3}, (3, 4)), ({"minReplicas": 5, "maxReplicas": 9}, (5, 9))],
)
async def test_bounds(api: ApiServer, cluster: Cluster, replicas: dict[str, int], bounds: tuple[int, int]) -> None:
    """`primaryScalerReplicas` replaces either bound, or both."""
    await api.put(PATH, {"spec": SPEC})
    await copied(cluster, primaryScalerReplicas=replicas)
    copy = api.read(COPY)
    assert copy
    assert (copy["spec"]["minReplicas"], copy["spec"]["maxReplicas"]) == bounds


async def test_missing(cluster: Cluster) -> None:
    """There is nothing to copy, and a canary starts with one pod."""
    with pytest.raises(NotFound):
        await copied(cluster)
    assert await HPA.min_replicas(cluster, load_canary(a_canary()), "podinfo") == 1


@pytest.mark.parametrize(("spec", "least"), [(SPEC, 2), ({"maxReplicas": 4}, 1)])
async def test_least(api: ApiServer, cluster: Cluster, spec: Json, least: int) -> None:
    """A canary starts with as many pods as the HPA allows at least; one where it does not say."""
    await api.put(PATH, {"spec": spec})
    assert await HPA.min_replicas(cluster, load_canary(a_canary()), "podinfo") == least


def test_kinds() -> None:
    """The refusal names the field and what may stand there."""
    with pytest.raises(UnfitTarget, match=r"spec\.autoscalerRef\.kind: ScaledObject .* HorizontalPodAutoscaler"):
        scaler_for("ScaledObject")
