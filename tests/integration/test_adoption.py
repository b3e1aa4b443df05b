"""What Flagger left, taken over by a worker that starts: no rollout at rest, no request dropped, the next one works.

The objects were recorded from the real Flagger (`tests/flagger`); the API server, the traffic and the worker are real.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from k8s.client import Json
from k8s.resources import AUTOSCALERS, DEPLOYMENTS
from playground.stage import Stage
from playground.traffic import Traffic
from tests.flagger import left
from tests.integration.scenario import NAME, Eye, Scene, a_scene

pytestmark = [pytest.mark.integration, pytest.mark.long]

PRIMARY = f"{NAME}-primary"
AT_REST = ("initialized", "succeeded", "failed", "kubernetes")
MIDWAY = ("progressing", "ab_testing", "blue_green", "session_affinity")
STORIES = (*AT_REST, *MIDWAY, "waiting", "waiting_promotion", "promoting")
ITERATIONS = 2
PER_SECOND = 5.0
ENOUGH = 20
"""Further requests in which a drop would show."""


@dataclass
class Story:
    """A canary that was taken over, with users who were there all along."""

    scene: Scene
    traffic: Traffic
    replica_sets: set[str]
    """Of the primary, when Flagger left."""

    @property
    def hashes(self) -> tuple[str, str]:
        """Of the revision taken up last, and of the one that the primary runs."""
        status = self.scene.watcher.status
        return status["lastAppliedSpec"], status["lastPromotedSpec"]

    async def until_taken_over(self) -> None:
        """Return once the status carries a hash of ours."""
        await self.scene.until(lambda: self.hashes[0].startswith("s1-"), "a hash of ours", seconds=30)

    async def assert_undisturbed(self) -> None:
        """No pod of the primary was replaced, and no request of the users failed."""
        await self.traffic.until(self.traffic.total + ENOUGH)
        assert await replica_sets(self.scene) == self.replica_sets
        self.assert_nothing_dropped()

    def assert_nothing_dropped(self) -> None:
        """Every request of the users was answered well."""
        assert self.traffic.total > 0
        assert self.traffic.failed == 0, self.traffic.answers


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[dict[str, Story]]:
    """Everything as Flagger left it, while no worker runs; then one starts."""
    async with AsyncExitStack() as stack:
        await stage.worker.stop()
        try:
            laid_out = [await lay_out(stack, stage, story) for story in STORIES]
        finally:
            await stage.worker.start()
        yield dict(zip(STORIES, laid_out, strict=True))


async def lay_out(stack: AsyncExitStack, stage: Stage, story: str) -> Story:
    """The objects of a story with its pods running, and users."""
    scene = await stack.enter_async_context(a_scene(stage, f"left-{story.replace('_', '-')}"))
    canary, *objects = left(story, scene.namespace)
    analysis = canary["spec"]["analysis"]
    analysis["interval"] = "1s"
    if "iterations" in analysis:
        analysis["iterations"] = ITERATIONS
    for scaler in (obj for obj in objects if obj["kind"] == "HorizontalPodAutoscaler"):
        scaler["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    await scene.apply(canary)
    uid = (await scene.read("canary", NAME))["metadata"]["uid"]
    for owner in [owner for obj in objects for owner in obj["metadata"].get("ownerReferences") or []]:
        owner["uid"] = uid
    await scene.apply(*(obj for obj in objects if "ownerReferences" not in obj["metadata"]))
    for obj in (obj for obj in objects if "ownerReferences" in obj["metadata"]):
        await scene.kubectl("create", "--field-manager=flagger", "-f", "-", manifest=json.dumps(obj))
    async with Eye(scene.cluster, DEPLOYMENTS, scene.namespace) as eye:
        await eye.until(lambda: all(is_available(obj) for obj in eye.objects), "available pods", seconds=60)
    patch = json.dumps({"status": canary["status"]})
    await scene.kubectl("patch", "canary", NAME, "--subresource=status", "--type=merge", "-p", patch)
    traffic = Traffic(scene.url(), proxy=stage.proxy, per_second=PER_SECOND)
    return Story(scene, await stack.enter_async_context(traffic), await replica_sets(scene))


def is_available(deployment: Json) -> bool:
    """Whether as many pods as asked for are."""
    return bool((deployment.get("status") or {}).get("availableReplicas", 0) == deployment["spec"]["replicas"])


async def replica_sets(scene: Scene) -> set[str]:
    """Names of the primary's; each new template makes one."""
    listing = json.loads(await scene.kubectl("get", "replicasets", "-o", "json"))
    owned = ((obj["metadata"]["name"], obj["metadata"]["ownerReferences"][0]["name"]) for obj in listing["items"])
    return {name for name, owner in owned if owner == PRIMARY}


@pytest.mark.parametrize("name", AT_REST)
async def test_at_rest(stories: dict[str, Story], name: str) -> None:
    """Taken over without a rollout, whatever came of the last one."""
    story = stories[name]
    phase = story.scene.watcher.phase

    await story.until_taken_over()
    await story.scene.until(lambda: story.scene.watcher.status.get("observedGeneration") == 1, "its objects reconciled")

    await story.assert_undisturbed()
    assert story.scene.watcher.phase == phase
    assert story.scene.watcher.replicas(NAME) == 0
    assert story.scene.texts == [
        f"Taken over from another controller: podinfo.{story.scene.namespace} stays {phase}, nothing is rolled out"
    ]


async def test_autoscaler(stories: dict[str, Story]) -> None:
    """What Flagger wrote into the primary's goes with what was taken off the target's."""
    story = stories["initialized"]
    await story.until_taken_over()
    await story.scene.patch("hpa", NAME, {"spec": {"behavior": None}})
    async with Eye(story.scene.cluster, AUTOSCALERS, story.scene.namespace) as eye:
        assert (eye.get(PRIMARY) or {})["spec"]["behavior"]

        await story.scene.patch("canary", NAME, {"spec": {"analysis": {"threshold": 6}}})

        await eye.until(lambda: "behavior" not in (eye.get(PRIMARY) or {})["spec"], "no behaviour in the primary's")


async def test_next_revision(stories: dict[str, Story]) -> None:
    """Rolls out as any other, and so does a config after it."""
    story = stories["succeeded"]
    await story.until_taken_over()

    image = await story.scene.release("6.0.2")
    await story.scene.until(lambda: story.scene.watcher.image(PRIMARY) == image, "the new image in the primary")
    assert await story.scene.until_over() == "Succeeded"
    promoted = await replica_sets(story.scene)
    await story.scene.patch("configmap", "podinfo-config", {"data": {"color": "green"}})
    await story.scene.until_event("New revision detected!")
    await story.scene.until_phase("Progressing")
    assert await story.scene.until_over() == "Succeeded"

    assert (await story.scene.read("configmap", "podinfo-config-primary"))["data"] == {"color": "green"}
    assert await replica_sets(story.scene) > promoted
    story.assert_nothing_dropped()


async def test_after_a_failure(stories: dict[str, Story]) -> None:
    """What failed under Flagger rests; the revision after it is taken up."""
    story = stories["failed"]
    await story.until_taken_over()
    await story.scene.patch("canary", NAME, {"spec": {"analysis": {"webhooks": None}}})

    await story.scene.release("6.0.2")
    await story.scene.until_phase("Progressing")

    assert await story.scene.until_over() == "Succeeded"
    story.assert_nothing_dropped()


@pytest.mark.parametrize("name", MIDWAY)
async def test_midway(stories: dict[str, Story], name: str) -> None:
    """The analysis starts anew with all traffic on the primary, and ends in a promotion, whatever the strategy."""
    story = stories[name]

    assert await story.scene.until_over() == "Succeeded"

    assert story.scene.texts[0].startswith("New revision detected! Restarting analysis")
    assert story.hashes[0] == story.hashes[1]
    story.assert_nothing_dropped()


async def test_waiting(stories: dict[str, Story]) -> None:
    """The gate, still closed, is asked again: nothing moves."""
    story = stories["waiting"]

    await story.scene.until_event("Halt")

    await story.assert_undisturbed()
    assert story.scene.watcher.phase == "Waiting"
    assert story.scene.watcher.replicas(NAME) == 0


async def test_waiting_for_promotion(stories: dict[str, Story]) -> None:
    """Analysed again from the primary's traffic up, to the same gate."""
    story = stories["waiting_promotion"]

    await story.scene.until_event("Halt")

    await story.assert_undisturbed()
    assert story.scene.texts[0].startswith("New revision detected! Restarting analysis")
    assert (story.scene.watcher.phase, story.scene.watcher.weight) == ("WaitingPromotion", 30)


async def test_promoting(stories: dict[str, Story]) -> None:
    """Finished: the primary has the analysed template, so its pods stay and the canary's go."""
    story = stories["promoting"]

    assert await story.scene.until_over() == "Succeeded"

    await story.assert_undisturbed()
    assert story.hashes[0] == story.hashes[1]
    assert "Promotion completed!" in story.scene.texts[-1]
