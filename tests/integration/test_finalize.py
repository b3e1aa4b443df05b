"""A Canary goes: with `revertOnDeletion` the target serves again first, and in every case nothing of ours stays."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from k8s.client import FIELD_MANAGER, Json
from k8s.resources import DEPLOYMENTS, HTTP_ROUTES_V1, SERVICES
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import (
    NAME,
    Eye,
    Scene,
    Stories,
    a_canary,
    assert_in_order,
    at_once,
    temporal_of,
    unchecked,
)

pytestmark = pytest.mark.integration

GENERATED = "deployments,services,httproutes,hpa"
FINALIZER, FOREIGN = "finalizer.flagger.app", "example.com/audit"
SUSPENDED, LET_GO = "skipping canary run as object is suspended", "(let go on)"
COLLECTION_SECONDS = 90.0
"""The cluster's garbage collector learns of new kinds every half minute: in a young world it takes its time."""
OWN_SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": NAME},
    "spec": {"selector": {"app": NAME}, "ports": [{"name": "http", "port": 9898, "targetPort": 9898}]},
}


def reverting(namespace: str, *steps: int, on: bool | None = True) -> Json:
    """A Canary that gives back what it took, that does not, or that does not say."""
    canary = unchecked(namespace, *steps)
    if on is not None:
        canary["spec"]["revertOnDeletion"] = on
    return canary


@dataclass(frozen=True)
class Tale:
    """What was left when the Canary was gone."""

    texts: list[str]
    left: set[str]
    target_replicas: int
    target_image: str
    run: WorkflowExecutionStatus | None
    users: dict[str, int]
    selector: dict[str, str]
    route_deleted_by: str
    """The user agent of whoever did it first."""


async def gone(scene: Scene, users: Traffic | None = None) -> Tale:
    """Delete the Canary, wait until everything it owned is collected, and look at what is left."""
    async with (
        Eye(scene.cluster, SERVICES, scene.namespace) as services,
        Eye(scene.cluster, HTTP_ROUTES_V1, scene.namespace) as routes,
        Eye(scene.cluster, DEPLOYMENTS, scene.namespace) as deployments,
    ):
        await scene.kubectl("delete", "canary", NAME, "--timeout=40s")
        await services.until(
            lambda: services.get(f"{NAME}-primary") is None, "podinfo-primary collected", seconds=COLLECTION_SECONDS
        )
        await routes.until(lambda: routes.get(NAME) is None, "the route collected", seconds=COLLECTION_SECONDS)
        await deployments.until(
            lambda: deployments.get(f"{NAME}-primary") is None, "the primary collected", seconds=COLLECTION_SECONDS
        )
        await services.until(
            lambda: services.get(f"{NAME}-canary") is None, "podinfo-canary collected", seconds=COLLECTION_SECONDS
        )
        service = services.get(NAME)
    left = (await scene.kubectl("get", GENERATED, "-o", "name")).split()
    return Tale(
        texts=list(scene.texts),
        left={name for name in left if "loadtester" not in name},
        target_replicas=scene.watcher.replicas(NAME),
        target_image=scene.watcher.image(NAME),
        run=await last_run(scene),
        users=dict(users.answers) if users else {},
        selector=service["spec"]["selector"] if service else {},
        route_deleted_by=who_deleted_the_route(scene),
    )


def who_deleted_the_route(scene: Scene) -> str:
    """By the API server's audit log."""
    for line in scene.stage.world.audit_log.read_text().splitlines():
        entry = json.loads(line)
        about = entry.get("objectRef") or {}
        if (entry["verb"], about.get("resource"), about.get("namespace")) == ("delete", "httproutes", scene.namespace):
            return str(entry["userAgent"])
    return ""


async def last_run(scene: Scene) -> WorkflowExecutionStatus | None:
    """How the canary's last run ended; waits for the end."""
    handle = (await temporal_of(scene.stage)).get_workflow_handle(scene.workflow_id)
    async with asyncio.timeout(60):
        await handle.result()
    return (await handle.describe()).status


async def reverted(stage: Stage) -> Tale:
    """A Service of the user's own leads to the target before there is a Canary; users call it all the while."""
    namespace = "final-reverted"

    async def own_service(scene: Scene) -> None:
        await scene.apply(OWN_SERVICE)

    async with (
        a_canary(stage, namespace, reverting(namespace), own_service) as scene,
        Traffic(scene.url(), proxy=stage.proxy, per_second=20) as users,
    ):
        await scene.release("6.0.1")
        await scene.until_over()
        return await gone(scene, users)


async def reverted_in_the_middle(stage: Stage) -> Tale:
    """A Canary that does not say is deleted while a release climbs its steps."""
    namespace = "final-middle"
    async with a_canary(stage, namespace, reverting(namespace, *range(10, 100, 10), on=None)) as scene:
        await scene.release("6.0.1")
        await scene.until(lambda: scene.watcher.weight >= 20, "weight 20")
        return await gone(scene)


async def dropped_in_the_middle(stage: Stage) -> Tale:
    """As above, without anything to revert."""
    namespace = "final-dropped"
    async with a_canary(stage, namespace, reverting(namespace, *range(10, 100, 10), on=False)) as scene:
        await scene.release("6.0.1")
        await scene.until(lambda: scene.watcher.weight >= 20, "weight 20")
        return await gone(scene)


async def without_target(stage: Stage) -> Tale:
    """Somebody deleted the target first."""
    namespace = "final-no-target"
    async with a_canary(stage, namespace, reverting(namespace)) as scene:
        await scene.kubectl("delete", "deployment", NAME)
        return await gone(scene)


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time."""
    all_ = (reverted, reverted_in_the_middle, dropped_in_the_middle, without_target)
    async with at_once(**{story.__name__: story(stage) for story in all_}) as running:
        yield running


STORIES = ["reverted", "reverted_in_the_middle", "dropped_in_the_middle", "without_target"]


@pytest.mark.parametrize("story", STORIES)
async def test_everything_of_ours_is_collected(stories: Stories[Tale], story: str) -> None:
    """What the user made stays, and the last run ended by itself."""
    tale = await stories.told(story)
    assert {name for name in tale.left if "primary" in name or "canary" in name or "httproute" in name} == set()
    assert "horizontalpodautoscaler.autoscaling/podinfo" in tale.left
    assert tale.run is WorkflowExecutionStatus.COMPLETED


@pytest.mark.parametrize("story", ["reverted", "reverted_in_the_middle"])
async def test_reverted_target_serves(stories: Stories[Tale], story: str) -> None:
    """It runs again, with the image it has, and the events tell of it."""
    tale = await stories.told(story)
    assert tale.target_replicas == 1
    assert tale.target_image.endswith(":6.0.1")
    assert_in_order(tale.texts, [r"Terminating canary podinfo\..*", r"Terminated canary podinfo\..*"])


@pytest.mark.parametrize("story", ["reverted", "reverted_in_the_middle"])
async def test_service_leads_to_the_target_again(stories: Stories[Tale], story: str) -> None:
    """Whether it was there before, or was made for the Canary: by now it has users."""
    tale = await stories.told(story)
    assert tale.selector == {"app": NAME}
    assert "service/podinfo" in tale.left


async def test_no_user_notices_the_deletion(stories: Stories[Tale]) -> None:
    """Every request is answered with 200: by the primary, and by the target from before our objects go."""
    tale = await stories.told("reverted")
    assert set(tale.users) == {"200"}
    assert tale.route_deleted_by == FIELD_MANAGER, "a route that is collected later may outlive what it leads to"


async def test_a_rollout_that_is_dropped_just_ends(stories: Stories[Tale]) -> None:
    """Without revertOnDeletion the target is left as it is, and nothing more is told."""
    tale = await stories.told("dropped_in_the_middle")
    assert tale.target_replicas == 1
    assert [text for text in tale.texts if "Terminat" in text or "Rolling back" in text] == []


# -- the finalizer, and a rollout that is suspended --------------------------------------------------------------------


async def toggled(stage: Stage) -> list[list[str]]:
    """The finalizers of a Canary whose revertOnDeletion is switched off and on again."""
    namespace = "final-toggled"
    async with a_canary(stage, namespace, reverting(namespace)) as scene:
        seen = [[FINALIZER]]
        await scene.until(lambda: finalizers_of(scene) == seen[-1], "the finalizer")
        await scene.patch("canary", NAME, {"metadata": {"finalizers": [FOREIGN, FINALIZER]}})
        for on, wanted in ((False, [FOREIGN]), (True, [FOREIGN, FINALIZER])):
            await scene.patch("canary", NAME, {"spec": {"revertOnDeletion": on}})
            await scene.until(lambda wanted=wanted: finalizers_of(scene) == wanted, f"finalizers {wanted}")  # type: ignore[misc]  # a default binds the loop's value
            seen.append(finalizers_of(scene))
        await scene.patch("canary", NAME, {"metadata": {"finalizers": [FINALIZER]}})
        return seen


def finalizers_of(scene: Scene) -> list[str]:
    """Of the Canary as last seen."""
    return list(scene.watcher.canary["metadata"].get("finalizers") or [])


async def namespace_deleted(stage: Stage) -> str:
    """The namespace of a Canary with our finalizer is deleted; what is left of it."""
    namespace = "final-namespace"
    async with a_canary(stage, namespace, reverting(namespace)) as scene:
        await scene.until(lambda: FINALIZER in finalizers_of(scene), "the finalizer")
        await stage.world.kubectl("delete", "namespace", namespace, "--timeout=60s")
        left = await stage.world.kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name")
        await stage.world.kubectl("create", "namespace", namespace)
        return left


async def suspended(stage: Stage) -> list[str]:
    """A rollout is suspended at weight 20 for a while; its events."""
    namespace = "final-suspended"
    async with a_canary(stage, namespace, unchecked(namespace, 10, 20, 30, 40)) as scene:
        await scene.release()
        await scene.until(lambda: scene.watcher.weight >= 20, "weight 20")
        await scene.patch("canary", NAME, {"spec": {"suspend": True}})
        await scene.until_event(SUSPENDED)
        await asyncio.sleep(3)  # three intervals in which nothing may happen
        before = len(scene.texts)
        await scene.patch("canary", NAME, {"spec": {"suspend": False}})
        await scene.until_over()
        return [*scene.texts[:before], LET_GO, *scene.texts[before:]]


@pytest.fixture(scope="module")
async def asides(stage: Stage) -> AsyncIterator[Stories[Any]]:
    """All of them at the same time."""
    all_ = (toggled, namespace_deleted, suspended)
    async with at_once(**{story.__name__: story(stage) for story in all_}) as running:
        yield running


async def test_the_finalizer_follows_the_field(asides: Stories[Any]) -> None:
    """It is there unless revertOnDeletion is false; other finalizers stay."""
    assert await asides.told("toggled") == [[FINALIZER], [FOREIGN], [FOREIGN, FINALIZER]]


async def test_a_namespace_with_a_reverting_canary_can_go(asides: Stories[Any]) -> None:
    """Everything is deleted at once, and the Canary holds nothing up."""
    assert await asides.told("namespace_deleted") == ""


async def test_a_suspended_rollout_stays_where_it_is(asides: Stories[Any]) -> None:
    """Nothing happens until it is let go on; then it climbs on from where it was."""
    texts: list[str] = await asides.told("suspended")
    told = texts.index(SUSPENDED)
    assert texts[told + 1] == LET_GO
    advances = [text.rpartition(" ")[2] for text in texts if text.startswith("Advance")]
    assert advances == ["10", "20", "30", "40"]
    assert texts[-1].startswith("Promotion completed!")
