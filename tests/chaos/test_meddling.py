"""People change and delete things at every moment of a rollout; an observer of the API server finds no rule broken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from k8s.client import Json
from k8s.resources import AUTOSCALERS, CANARIES, DEPLOYMENTS, HTTP_ROUTES_V1, SERVICES, Resource
from playground.stage import Stage
from tests.chaos.observer import ENDINGS, PRIMARY, Observer, doubled, no_pod_of, observing, until_closed
from tests.integration.scenario import (
    AT_REST,
    IMAGE,
    NAME,
    Eye,
    Scene,
    Stories,
    a_canary,
    at_once,
    unchecked,
)
from tests.measuring import Measured

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]

AT_ONCE = 4
COLLECTION_SECONDS = 90.0
"""The cluster's garbage collector learns of new kinds every half minute."""
STEP, TOP = 20, 40
NEWER = f"{IMAGE}:6.0.2"
AFTERWARDS = 10
"""Requests of users once all is over."""

SCALING_UP, AT_STEP, AT_TOP, PROMOTING, FINALIZING = "scaling up", "weight 20", "weight 40", "promoting", "finalizing"
MOMENTS: dict[str, Callable[[Scene], bool]] = {
    SCALING_UP: lambda scene: scene.watcher.phase == "Progressing" and scene.watcher.replicas(NAME) > 0,
    AT_STEP: lambda scene: scene.watcher.weight == STEP,
    AT_TOP: lambda scene: scene.watcher.weight == TOP,
    PROMOTING: lambda scene: scene.watcher.phase == "Promoting",
    FINALIZING: lambda scene: scene.watcher.phase == "Finalising",
}


@dataclass(frozen=True)
class Meddled:
    """A rollout in which somebody did something."""

    scene: Scene
    observer: Observer
    image: str
    """That was being released."""
    moment: str
    """At which it was done."""

    async def over(self) -> None:
        """The end of the rollout: traffic, pods and the workflow."""
        scene = self.scene
        await scene.until(lambda: any(text.startswith(ENDINGS) for text in scene.texts), "the end")
        await self.observer.until(0)
        await scene.until(lambda: scene.watcher.replicas(NAME) == 0, "the canary scaled to zero")
        await until_closed(scene)

    async def users_are_served(self) -> None:
        """From now on."""
        users = self.observer.users
        await users.until(users.total + AFTERWARDS)  # those who are waiting still
        failed = users.failed
        await users.until(users.total + AFTERWARDS)
        assert users.failed == failed


# -- what is done, and what must come of it ---------------------------------------------------------------------------


async def delete_canary(scene: Scene) -> None:
    """Which has a finalizer, as it does not say `revertOnDeletion: false`."""
    await scene.cluster.delete(CANARIES.path(scene.namespace, NAME))


async def canary_is_gone(case: Meddled) -> None:
    """Nothing of it is left, and the target serves in its place."""
    scene = case.scene
    await scene.until(lambda: not scene.watcher.canary, "the Canary gone", seconds=60)
    for resource in (HTTP_ROUTES_V1, SERVICES, DEPLOYMENTS, AUTOSCALERS):
        await until_collected(scene, resource)
    await until_closed(scene)
    target = await scene.cluster.get(DEPLOYMENTS.path(scene.namespace, NAME))
    service = await scene.cluster.get(SERVICES.path(scene.namespace, NAME))
    assert target["status"]["availableReplicas"] == target["spec"]["replicas"] > 0
    assert service["spec"]["selector"] == {"app": NAME}
    await case.users_are_served()
    assert set(case.observer.users.answers) == {"200"}


async def until_collected(scene: Scene, resource: Resource) -> None:
    """Nothing of this kind belongs to a Canary any more."""

    def is_owned(obj: Json) -> bool:
        return any(owner["kind"] == CANARIES.kind for owner in obj["metadata"].get("ownerReferences", ()))

    async with Eye(scene.cluster, resource, scene.namespace) as eye:
        await eye.until(
            lambda: not any(map(is_owned, eye.objects)), f"all {resource.plural} collected", seconds=COLLECTION_SECONDS
        )


async def delete_target(scene: Scene) -> None:
    """With its pods, and all that the canary's users were sent to."""
    await scene.cluster.delete(DEPLOYMENTS.path(scene.namespace, NAME))


async def target_is_gone(case: Meddled) -> None:
    """Users are led to the primary; only those whose pods were deleted may have failed."""
    scene = case.scene
    await scene.until_phase(*AT_REST)
    await case.observer.until(0)
    await until_closed(scene)
    await case.users_are_served()
    assert case.observer.weights != [0] or case.observer.users.failed == 0


def edit(**analysis: object) -> Callable[[Scene], Awaitable[None]]:
    """Of `spec.analysis`."""

    async def write(scene: Scene) -> None:
        await scene.cluster.merge(CANARIES.path(scene.namespace, NAME), {"spec": {"analysis": analysis}})

    return write


def climbs(*steps: int) -> Callable[[Meddled], Awaitable[None]]:
    """The release is promoted, by these steps if it had taken none yet."""

    async def holds(case: Meddled) -> None:
        await is_read(case)
        climbed = tuple(case.observer.weights[1:-1])
        if case.moment == SCALING_UP:
            assert climbed == steps
        assert climbed == tuple(sorted({*climbed}))
        assert {*climbed} <= {STEP, TOP, *steps}
        assert (case.scene.watcher.phase, case.scene.watcher.image(PRIMARY)) == ("Succeeded", case.image)

    return holds


async def release_is_judged_anew(case: Meddled) -> None:
    """By a metric that fails: it is rolled back, unless its last check had passed already."""
    await is_read(case)
    failed = case.scene.watcher.phase == "Failed"
    if case.moment != AT_TOP:  # the last check may be under way there
        assert failed is (case.moment in (SCALING_UP, AT_STEP))
    assert (case.scene.watcher.image(PRIMARY) == case.image) is not failed


async def is_read(case: Meddled) -> None:
    """The rollout ended, users noticed nothing, and the edit was not lost."""
    await case.over()
    watcher = case.scene.watcher
    await case.scene.until(
        lambda: watcher.status["observedGeneration"] == watcher.canary["metadata"]["generation"], "the edit observed"
    )
    assert set(case.observer.users.answers) == {"200"}


async def keep_a_pod(scene: Scene) -> None:
    """A target that is changed while it has users must not lose its pod before the next one serves."""
    await scene.patch("deployment", NAME, {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 0}}}})


async def change_target(scene: Scene) -> None:
    """Its image once more."""
    path = DEPLOYMENTS.path(scene.namespace, NAME)
    spec = (await scene.cluster.get(path))["spec"]["template"]["spec"]
    spec["containers"][0]["image"] = NEWER
    await scene.cluster.merge(path, {"spec": {"template": {"spec": spec}}})


async def newer_one_is_promoted(case: Meddled) -> None:
    """After an analysis of its own."""
    scene = case.scene
    await scene.until(
        lambda: (scene.watcher.phase, scene.watcher.image(PRIMARY)) == ("Succeeded", NEWER), "the newer one promoted"
    )
    await case.over()
    broken = case.observer.broken
    if broken and broken[0].endswith(no_pod_of(NAME)):
        del broken[0]  # the step that was under way when the target changed goes to the pods that were analysed
    assert case.observer.weights[-3:] == [STEP, TOP, 0]
    assert set(case.observer.users.answers) == {"200"}


TWO = {"name": "two", "interval": "1m", "query": "vector(2)", "thresholdRange": {"max": 1}}
Deed = tuple[Callable[[Scene], Awaitable[None]], Callable[[Meddled], Awaitable[None]]]
DEEDS: dict[str, Deed] = {
    "Canary deleted": (delete_canary, canary_is_gone),
    "target deleted": (delete_target, target_is_gone),
    "target changed": (change_target, newer_one_is_promoted),
    "threshold edited": (edit(threshold=1), climbs(STEP, TOP)),
    "stepWeight edited": (edit(stepWeight=10), climbs(10, 20, 30, 40)),
    "maxWeight edited": (edit(maxWeight=20), climbs(STEP)),
    "metrics edited": (edit(metrics=[TWO], threshold=1), release_is_judged_anew),
}
SOME = {
    "Canary deleted": [AT_STEP],
    "target deleted": [PROMOTING],
    "target changed": [AT_TOP],
    "metrics edited": [AT_STEP],
}


async def meddled(stage: Stage, deed: str, moment: str, turn: asyncio.Semaphore) -> None:
    """One rollout, and what must hold whatever was done in it."""
    namespace = f"{deed}-{moment}".lower().replace(" ", "-")
    canary = unchecked(namespace, stepWeights=None, stepWeight=STEP, maxWeight=TOP)
    do, holds = DEEDS[deed]
    async with turn, a_canary(stage, namespace, canary, keep_a_pod) as scene, observing(scene) as observer:
        image = await scene.release()
        await scene.until(lambda: MOMENTS[moment](scene), moment)
        await do(scene)
        await holds(Meddled(scene, observer, image, moment))
    assert observer.broken == [], (deed, moment)
    assert doubled(scene.texts) == [], (deed, moment)


@pytest.fixture(scope="module")
async def stories(stage: Stage, thorough: bool) -> AsyncIterator[Stories[None]]:
    """A few at the same time."""
    turn, moments = asyncio.Semaphore(AT_ONCE), moments_of(thorough=thorough)
    cases = [(deed, moment) for deed in moments for moment in moments[deed]]
    async with at_once(**{f"{deed}, {moment}": meddled(stage, deed, moment, turn) for deed, moment in cases}) as told:
        yield told


def moments_of(*, thorough: bool) -> Mapping[str, Sequence[str]]:
    """When each deed is done."""
    return dict.fromkeys(DEEDS, tuple(MOMENTS)) if thorough else SOME


@pytest.mark.parametrize("deed", DEEDS)
async def test_no_rule_is_broken(stories: Stories[None], thorough: bool, deed: str, measured: Measured) -> None:
    """Whenever it is done."""
    moments = moments_of(thorough=thorough).get(deed)
    if not moments:
        pytest.skip("only with --thorough")
    await asyncio.gather(*(stories.told(f"{deed}, {moment}") for moment in moments))
    measured(f"{deed} in a rollout, {len(moments)} times ({', '.join(moments)}), lost: nothing")
