"""What every kind of autoscaler promises: a copy for the primary, capacity while it is promoted, and a pause."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from k8s.client import Cluster
from k8s.errors import NotFound
from k8s.models.loading import load_canary
from k8s.scalers import copies, originals
from k8s.scalers.base import Scaler
from k8s.scalers.registry import SCALERS, scaler_for
from k8s.targets.base import UnfitTarget
from tests.api_server import ApiServer
from tests.objects import a_canary

Json = dict[str, Any]
METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
TRIGGER = {"type": "prometheus", "name": "rps", "metadata": {"query": 'rate(requests{app="podinfo"}[1m])'}}
REF = {"kind": "Deployment", "name": "podinfo", "apiVersion": "apps/v1"}


@dataclass(frozen=True)
class Case:
    """One kind, an autoscaler of it between 2 and 4 replicas, and the status of one that scales."""

    kind: str
    spec: Json
    scaling: Json

    @property
    def scaler(self) -> Scaler:
        """What is registered."""
        return scaler_for(self.kind)

    def path(self, name: str = "podinfo") -> str:
        """Of an autoscaler."""
        return self.scaler.resource.path("test", name)

    def canary(self, **ref: Any) -> Json:
        """One whose target has it; fields of its autoscalerRef may be added."""
        named = {"apiVersion": self.scaler.resource.api_version, "kind": self.kind, "name": "podinfo"}
        return a_canary(autoscalerRef=named | ref)


CASES = [
    Case(
        "HorizontalPodAutoscaler",
        {"scaleTargetRef": REF, "minReplicas": 2, "maxReplicas": 4, "metrics": [METRIC]},
        {"conditions": [{"type": "ScalingActive", "status": "True"}]},
    ),
    Case(
        "ScaledObject",
        {
            "scaleTargetRef": REF | {"envSourceContainerName": "podinfod"},
            "minReplicaCount": 2,
            "maxReplicaCount": 4,
            "pollingInterval": 15,
            "triggers": [TRIGGER],
        },
        {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Active", "status": "True"}]},
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest) -> Case:
    """Each kind in turn."""
    return request.param  # type: ignore[no-any-return]  # pytest's


class Scene:
    """A cluster with the target's autoscaler."""

    def __init__(self, case: Case, api: ApiServer, cluster: Cluster) -> None:
        self.case, self.api, self.cluster = case, api, cluster
        self.raw = case.canary()

    async def given(self, *, spec: Json | None = None, **metadata: Any) -> None:
        """The target's autoscaler is this now."""
        await self.api.put(self.case.path(), {"metadata": metadata, "spec": deepcopy(self.case.spec | (spec or {}))})

    async def follow(self, **ref: Any) -> None:
        """Copy it for a Canary whose autoscalerRef has these fields too."""
        self.raw = self.case.canary(**ref)
        await copies.follow(self.cluster, load_canary(self.raw), self.raw)

    async def hold(self, serving: int) -> int:
        """A promotion begins."""
        return await copies.hold_capacity(self.cluster, load_canary(self.raw), self.raw, serving)

    async def release(self) -> None:
        """It is over."""
        await copies.release_capacity(self.cluster, load_canary(self.raw), self.raw)

    async def is_behind(self) -> bool:
        """Whether the copy is older than its original."""
        return await copies.is_behind(self.cluster, load_canary(self.raw))

    async def scaling(self) -> None:
        """The primary's autoscaler decides its replicas."""
        copy = self.copy
        copy["status"] = self.case.scaling
        await self.api.put(self.case.path("podinfo-primary"), copy)

    @property
    def copy(self) -> Json:
        """The primary's."""
        copy = self.api.read(self.case.path("podinfo-primary"))
        assert copy
        return copy

    @property
    def original(self) -> Json:
        """The target's."""
        original = self.api.read(self.case.path())
        assert original
        return original

    @property
    def bounds(self) -> tuple[int, int]:
        """Of the primary's."""
        return self.case.scaler.bounds.of(self.copy)


@pytest.fixture
def scene(case: Case, api: ApiServer, cluster: Cluster) -> Scene:
    """One for each kind."""
    return Scene(case, api, cluster)


# -- the copy ----------------------------------------------------------------------------------------------------------


def test_all_are_tested() -> None:
    """A kind that is registered has a case here."""
    assert [case.kind for case in CASES] == list(SCALERS)


async def test_copy(scene: Scene) -> None:
    """It scales the primary as the original scales the target, without Flux' labels, and belongs to the Canary."""
    await scene.given(labels={"team": "a", "kustomize.toolkit.fluxcd.io/name": "x"})
    await scene.follow()
    spec = scene.case.spec
    assert scene.copy["spec"]["scaleTargetRef"] == spec["scaleTargetRef"] | {"name": "podinfo-primary"}
    assert scene.copy["spec"].keys() == spec.keys()
    assert scene.bounds == (2, 4)
    assert scene.copy["metadata"]["labels"] == {"team": "a"}
    assert scene.copy["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"


async def test_original_stays(scene: Scene) -> None:
    """Copying reads it."""
    await scene.given(labels={"team": "a"})
    before = deepcopy(scene.original)
    await scene.follow()
    assert scene.original == before


async def test_copying_twice(scene: Scene) -> None:
    """The second time nothing changes."""
    await scene.given(labels={"team": "a"})
    await scene.follow()
    version = scene.api.version
    await scene.follow()
    assert scene.api.version == version


async def test_changes(scene: Scene) -> None:
    """A field, a label or an annotation that is gone from the original goes from the copy."""
    await scene.given(spec={"behavior": {}, "fallback": {}}, labels={"team": "a"}, annotations={"note": "x"})
    await scene.follow()
    await scene.given(labels={"pool": "b"})
    await scene.follow()
    assert scene.copy["spec"].keys() == scene.case.spec.keys()
    assert scene.copy["metadata"]["labels"] == {"pool": "b"}
    assert scene.copy["metadata"]["annotations"].keys() == {copies.COPIED_FROM}


@pytest.mark.parametrize(
    ("replicas", "bounds"),
    [
        ({}, (2, 4)),
        ({"minReplicas": 3}, (3, 4)),
        ({"maxReplicas": 9}, (2, 9)),
        ({"minReplicas": 5, "maxReplicas": 9}, (5, 9)),
    ],
)
async def test_bounds(scene: Scene, replicas: Json, bounds: tuple[int, int]) -> None:
    """`primaryScalerReplicas` replaces either bound."""
    await scene.given()
    await scene.follow(primaryScalerReplicas=replicas)
    assert scene.bounds == bounds


async def test_bounds_that_contradict(scene: Scene) -> None:
    """The refusal names the field and both numbers."""
    await scene.given()
    with pytest.raises(UnfitTarget, match=r"primaryScalerReplicas: .* minimum of 5 and a maximum of 4 replicas"):
        await scene.follow(primaryScalerReplicas={"minReplicas": 5})


async def test_missing(scene: Scene) -> None:
    """There is nothing to copy, to pause or to be behind, and a canary starts with one pod."""
    with pytest.raises(NotFound):
        await scene.follow()
    canary = load_canary(scene.raw)
    await originals.pause(scene.cluster, canary)
    await originals.resume(scene.cluster, canary)
    await scene.release()
    assert not await scene.is_behind()
    assert await originals.starting_replicas(scene.cluster, canary) == 1


async def test_none(cluster: Cluster, api: ApiServer) -> None:
    """A Canary without an autoscaler needs none of all this."""
    raw = a_canary()
    canary = load_canary(raw)
    await copies.follow(cluster, canary, raw)
    await originals.pause(cluster, canary)
    await originals.resume(cluster, canary)
    await copies.release_capacity(cluster, canary, raw)
    assert await copies.hold_capacity(cluster, canary, raw, 9) == 0
    assert not await copies.is_behind(cluster, canary)
    assert api.requests == []


async def test_start(scene: Scene) -> None:
    """A canary starts with as many pods as the autoscaler allows at least; one where it does not say, or says none."""
    least = scene.case.scaler.bounds.least
    for spec, replicas in (({}, 2), ({least: None}, 1), ({least: 0}, 1)):
        await scene.given(spec=spec)
        assert await originals.starting_replicas(scene.cluster, load_canary(scene.raw)) == replicas


# -- behind ------------------------------------------------------------------------------------------------------------


async def test_behind(scene: Scene) -> None:
    """Before it is copied, and after each change, until it is copied again."""
    await scene.given()
    assert await scene.is_behind()
    await scene.follow()
    assert not await scene.is_behind()
    for change in ({"spec": {scene.case.scaler.bounds.most: 7}}, {"labels": {"team": "a"}}):
        await scene.given(**change)
        assert await scene.is_behind()
        await scene.follow()
        assert not await scene.is_behind()


async def test_pause_and_status_are_no_change(scene: Scene) -> None:
    """What comes and goes with each rollout starts nothing."""
    await scene.given()
    await scene.follow()
    await originals.pause(scene.cluster, load_canary(scene.raw))
    await scene.api.put(scene.case.path(), scene.original | {"status": scene.case.scaling})
    assert not await scene.is_behind()


# -- capacity ----------------------------------------------------------------------------------------------------------


async def test_holding(scene: Scene) -> None:
    """The minimum is raised to what serves; afterwards it is as before."""
    await scene.given()
    await scene.follow()
    await scene.scaling()
    before = scene.copy["metadata"]["annotations"]
    assert await scene.hold(3) == 3
    assert scene.bounds == (3, 4)
    await scene.release()
    assert scene.bounds == (2, 4)
    assert scene.copy["metadata"]["annotations"] == before


async def test_second_attempt(scene: Scene) -> None:
    """It does not count what the first one brought up."""
    await scene.given()
    await scene.follow()
    await scene.scaling()
    assert await scene.hold(3) == 3
    assert await scene.hold(6) == 3
    assert scene.bounds == (3, 4)


@pytest.mark.parametrize(("serving", "least"), [(1, 2), (2, 2), (4, 4), (9, 4)])
async def test_holding_within_bounds(scene: Scene, serving: int, least: int) -> None:
    """Never below the own minimum, never above the maximum."""
    await scene.given()
    await scene.follow()
    await scene.scaling()
    assert await scene.hold(serving) == min(serving, 4)
    assert scene.bounds == (least, 4)


async def test_idle_scaler_is_not_held(scene: Scene) -> None:
    """One that decides nothing would never let the additional pods go."""
    await scene.given()
    await scene.follow()
    assert await scene.hold(3) == 0
    assert scene.bounds == (2, 4)


async def test_holding_follows(scene: Scene) -> None:
    """A promotion brings the copy up to date, too, and makes one that is missing."""
    await scene.given()
    assert await scene.hold(3) == 0
    await scene.given(spec={scene.case.scaler.bounds.most: 9})
    await scene.hold(3)
    assert scene.bounds == (2, 9)
    assert not await scene.is_behind()


async def test_releasing_what_is_not_held(scene: Scene) -> None:
    """Writes nothing: changes of the original wait for the next promotion."""
    await scene.given()
    await scene.follow()
    await scene.given(spec={scene.case.scaler.bounds.most: 9})
    version = scene.api.version
    await scene.release()
    assert scene.api.version == version


async def test_releasing_without_original(scene: Scene) -> None:
    """Nothing to go back to is no reason to stop the end of a rollout."""
    await scene.given()
    await scene.follow()
    await scene.scaling()
    await scene.hold(3)
    await scene.api.remove(scene.case.path())
    await scene.release()
    assert scene.bounds == (3, 4)


async def test_odd_annotation(scene: Scene) -> None:
    """What somebody else wrote there is no number of replicas."""
    await scene.given()
    await scene.follow()
    await scene.scaling()
    copy = scene.copy
    copy["metadata"]["annotations"][copies.HELD] = "many"
    await scene.api.put(scene.case.path("podinfo-primary"), copy)
    assert await scene.hold(3) == 3


# -- pause -------------------------------------------------------------------------------------------------------------


async def test_pause(scene: Scene) -> None:
    """Twice is as good as once, others' annotations stay, and resuming leaves no trace."""
    await scene.given(annotations={"note": "x"})
    canary, pause = load_canary(scene.raw), dict(scene.case.scaler.pause)
    for _ in range(2):
        await originals.pause(scene.cluster, canary)
        assert scene.original["metadata"]["annotations"] == {"note": "x", **pause}
    for _ in range(2):
        await originals.resume(scene.cluster, canary)
        assert scene.original["metadata"]["annotations"] == {"note": "x"}


async def test_primary_is_never_paused(scene: Scene) -> None:
    """A copy that is made while the target rests works."""
    await scene.given(annotations=dict(scene.case.scaler.pause) | {"autoscaling.keda.sh/paused": "true"})
    await scene.follow()
    assert scene.copy["metadata"]["annotations"].keys() == {copies.COPIED_FROM}


def test_kinds() -> None:
    """The refusal names the field and what may stand there."""
    with pytest.raises(UnfitTarget, match=r"spec\.autoscalerRef\.kind: Robot .* HorizontalPodAutoscaler, ScaledObject"):
        scaler_for("Robot")
