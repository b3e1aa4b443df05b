"""Somebody who only watches the API server, and holds a rollout to what it would have been without any fault."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from temporalio.client import WorkflowExecutionStatus

from k8s.client import Json
from k8s.resources import DEPLOYMENTS, HTTP_ROUTES_V1
from playground.traffic import Traffic
from tests.integration.scenario import NAME, Eye, Scene, temporal_of, unchecked

STEPS = (20, 40)
PRIMARY = f"{NAME}-primary"
NEW_REVISION = "New revision detected!"
ENDINGS = ("Promotion completed!", "Canary failed!")


def a_canary_of(namespace: str) -> Json:
    """Two steps, a second each, and a hook that leaves a mark."""
    return unchecked(namespace, *STEPS)


def expected(namespace: str, steps: Sequence[int] = STEPS, *, name: str = NAME) -> list[str]:
    """The events of a canary that is promoted, waiting left out."""
    return [
        f"{NEW_REVISION} Scaling up {name}.{namespace}",
        f"Starting canary analysis for {name}.{namespace}",
        *(f"Advance {name}.{namespace} canary weight {weight}" for weight in steps),
        f"Copying {name}.{namespace} template spec to {name}-primary.{namespace}",
        "Routing all traffic to primary",
        f"Promotion completed! Scaling down {name}.{namespace}",
    ]


def doubled(texts: Sequence[str]) -> list[str]:
    """What was said twice of one revision."""
    told: Counter[str] = Counter()
    twice = []
    for text in texts:
        if text.startswith(NEW_REVISION):
            told.clear()
        told[text] += 1
        if told[text] == 2:
            twice.append(text)
    return twice


def no_pod_of(name: str) -> str:
    """What must not be when a workload's share of the traffic grows."""
    return f"while {name} has no pod of its template"


class Observer:
    """Notes each split of the traffic, and what of it broke a rule."""

    def __init__(self, routes: Eye, deployments: Eye, users: Traffic) -> None:
        self._routes, self._deployments = routes, deployments
        self.users = users
        self.weights = [0]
        """Of the canary, each that was another than the one before, percent."""
        self.broken: list[str] = []
        routes.objects.on_change(self._note)

    async def until(self, weight: int, *, seconds: float = 30) -> None:
        """Return once the canary has this weight; raises GaveUp."""
        await self._routes.until(lambda: self.weights[-1] == weight, f"weight {weight}", seconds=seconds)

    def _note(self, _: str, route: Json) -> None:
        split = {ref["name"]: int(ref["weight"]) for ref in route["spec"]["rules"][0]["backendRefs"]}
        if sum(split.values()) != 100:
            self.broken.append(f"not 100 in all: {split}")
        weight = split[f"{NAME}-canary"]
        if weight == self.weights[-1]:
            return
        grew = NAME if weight > self.weights[-1] else PRIMARY
        if not self._serves(grew):
            self.broken.append(f"weight {weight} {no_pod_of(grew)}")
        self.weights.append(weight)

    def _serves(self, name: str) -> bool:
        seen = self._deployments.get(name) or {"metadata": {}}
        status = seen.get("status") or {}
        current = status.get("observedGeneration") == seen["metadata"].get("generation")
        return bool(current and status.get("updatedReplicas") and status.get("availableReplicas"))


@asynccontextmanager
async def observing(scene: Scene) -> AsyncIterator[Observer]:
    """Users send requests, and somebody watches, while the block runs."""
    async with (
        Eye(scene.cluster, HTTP_ROUTES_V1, scene.namespace) as routes,
        Eye(scene.cluster, DEPLOYMENTS, scene.namespace) as deployments,
        Traffic(scene.url(), proxy=scene.stage.proxy, per_second=5) as users,
    ):
        yield Observer(routes, deployments, users)


@asynccontextmanager
async def releasing(
    scene: Scene, version: str, *, seconds: float, steps: Sequence[int] = STEPS, besides: tuple[str, ...] = ()
) -> AsyncIterator[Observer]:
    """Release around the block; after it the rollout must end as if nothing had happened.

    Args:
        scene: whose canary.
        version: of the image.
        seconds: within which it must end after the block.
        steps: of the Canary, percent.
        besides: beginnings of what the fault makes it say, each as often as the fault comes.
    """
    async with observing(scene) as observer:
        image = await scene.release(version)
        yield observer
        await scene.until(lambda: any(text.startswith(ENDINGS) for text in scene.texts), "the end", seconds=seconds)
        await observer.until(0)
        await scene.until(lambda: scene.watcher.replicas(NAME) == 0, "the canary scaled to zero", seconds=60)
        await until_closed(scene)
    told = [text for text in scene.texts if not text.startswith(besides)]
    assert scene.watcher.phase == "Succeeded"
    assert observer.broken == []
    assert observer.weights == [0, *steps, 0], "a step was repeated or skipped"
    assert [text for text in told if not text.startswith("Waiting for")] == expected(scene.namespace, steps)
    assert doubled(told) == []
    assert scene.watcher.image(PRIMARY) == image
    assert set(observer.users.answers) == {"200"}


async def until_closed(scene: Scene) -> None:
    """Nothing is left running in Temporal; its state has no event to await."""
    handle = (await temporal_of(scene.stage)).get_workflow_handle(scene.workflow_id)
    async with asyncio.timeout(60):
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.2)
