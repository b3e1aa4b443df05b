"""Somebody who only watches the API server, and holds a rollout to what it would have been without any fault."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from temporalio.client import WorkflowExecutionStatus

from k8s.client import Json
from k8s.resources import DEPLOYMENTS, HTTP_ROUTES_V1
from playground.traffic import Traffic
from tests.integration.scenario import NAME, Eye, Scene, temporal_of, unchecked

STEPS = (20, 40)
PRIMARY = f"{NAME}-primary"
ENDINGS = ("Promotion completed!", "Canary failed!")


def a_canary_of(namespace: str) -> Json:
    """Two steps, a second each, and a hook that leaves a mark."""
    return unchecked(namespace, *STEPS)


def expected(namespace: str) -> list[str]:
    """Its events, waiting left out."""
    return [
        f"New revision detected! Scaling up {NAME}.{namespace}",
        f"Starting canary analysis for {NAME}.{namespace}",
        *(f"Advance {NAME}.{namespace} canary weight {weight}" for weight in STEPS),
        f"Copying {NAME}.{namespace} template spec to {PRIMARY}.{namespace}",
        "Routing all traffic to primary",
        f"Promotion completed! Scaling down {NAME}.{namespace}",
    ]


class Observer:
    """Notes each split of the traffic, and what of it broke a rule."""

    def __init__(self, scene: Scene, routes: Eye, deployments: Eye) -> None:
        self._scene, self._deployments = scene, deployments
        self.weights = [0]
        self.broken: list[str] = []
        routes.objects.on_change(self._note)

    def _note(self, _: str, route: Json) -> None:
        split = {ref["name"]: int(ref["weight"]) for ref in route["spec"]["rules"][0]["backendRefs"]}
        if sum(split.values()) != 100:
            self.broken.append(f"not 100 in all: {split}")
        weight = split[f"{NAME}-canary"]
        if weight == self.weights[-1]:
            return
        grew = NAME if weight > self.weights[-1] else PRIMARY
        if not self._serves(grew):
            self.broken.append(f"weight {weight} while {grew} has no pod of its template")
        self.weights.append(weight)

    def _serves(self, name: str) -> bool:
        seen = self._deployments.get(name) or {"metadata": {}}
        status = seen.get("status") or {}
        current = status.get("observedGeneration") == seen["metadata"].get("generation")
        return bool(current and status.get("updatedReplicas") and status.get("availableReplicas"))


@asynccontextmanager
async def releasing(scene: Scene, version: str, *, seconds: float) -> AsyncIterator[None]:
    """Release around the block; after it the rollout must end within so many seconds, as if nothing had happened."""
    async with AsyncExitStack() as stack:
        routes = await stack.enter_async_context(Eye(scene.cluster, HTTP_ROUTES_V1, scene.namespace))
        deployments = await stack.enter_async_context(Eye(scene.cluster, DEPLOYMENTS, scene.namespace))
        observer = Observer(scene, routes, deployments)
        users = await stack.enter_async_context(Traffic(scene.url(), proxy=scene.stage.proxy, per_second=5))
        image = await scene.release(version)
        yield
        await scene.until(lambda: any(text.startswith(ENDINGS) for text in scene.texts), "the end", seconds=seconds)
        await routes.until(lambda: observer.weights[-1] == 0, "all traffic on the primary")
        await scene.until(lambda: scene.watcher.replicas(NAME) == 0, "the canary scaled to zero", seconds=60)
        await until_closed(scene)
    assert scene.watcher.phase == "Succeeded"
    assert observer.broken == []
    assert observer.weights == [0, *STEPS, 0], "a step was repeated or skipped"
    assert [text for text in scene.texts if not text.startswith("Waiting for")] == expected(scene.namespace)
    assert {text: times for text, times in Counter(scene.texts).items() if times > 1} == {}
    assert scene.watcher.image(PRIMARY) == image
    assert set(users.answers) == {"200"}


async def until_closed(scene: Scene) -> None:
    """Nothing is left running in Temporal; its state has no event to await."""
    handle = (await temporal_of(scene.stage)).get_workflow_handle(scene.workflow_id)
    async with asyncio.timeout(60):
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.2)
