"""Somebody else writes the HTTPRoute in the middle of a rollout."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from k8s.resources import HTTP_ROUTES_V1
from playground.stage import Stage
from tests.integration.scenario import NAME, Scene, Stories, a_canary, at_once, unchecked

pytestmark = pytest.mark.integration

ROUTE = f"httproutes.{HTTP_ROUTES_V1.group}"
CHANGED = f"Halt {NAME}.{{namespace}} advancement the route was changed by somebody else: "


@dataclass(frozen=True)
class Tale:
    """What was seen of a rollout with an edit in its first step."""

    phase: str
    warnings: list[str]
    """Events that tell of the edit, without their beginning."""
    weight: int
    """Of the canary, in the route, once the edit was told."""


async def edit_weights(scene: Scene) -> None:
    """All traffic to the canary."""
    weights = [
        {"op": "replace", "path": f"/spec/rules/0/backendRefs/{side}/weight", "value": weight}
        for side, weight in enumerate((0, 100))
    ]
    await scene.kubectl("patch", ROUTE, NAME, "--type=json", "-p", json.dumps(weights))


async def delete(scene: Scene) -> None:
    """The whole object."""
    await scene.kubectl("delete", ROUTE, NAME)


async def told(stage: Stage, namespace: str, edit: Callable[[Scene], Awaitable[None]]) -> Tale:
    """Release, and edit once the canary has its first share."""
    changed = CHANGED.format(namespace=namespace)
    async with a_canary(stage, namespace, unchecked(namespace, interval="3s")) as scene:
        await scene.release()
        await scene.until(lambda: scene.watcher.weight == 20, "weight 20")
        await edit(scene)
        await scene.until_event(changed)
        route = await scene.read(ROUTE, NAME)
        phase = await scene.until_over()
        warnings = [seen.text for seen in scene.watcher.events if seen.warning and seen.text.startswith(changed)]
        weight = route["spec"]["rules"][0]["backendRefs"][1]["weight"]
        return Tale(phase, [text.removeprefix(changed) for text in warnings], weight)


@pytest.fixture(scope="module")
async def tales(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """Both at once."""
    async with at_once(
        edited=told(stage, "route-edited", edit_weights), deleted=told(stage, "route-deleted", delete)
    ) as stories:
        yield stories


async def test_other_weights(tales: Stories[Tale]) -> None:
    """One warning, the weight of the step again, and the release is promoted."""
    assert await tales.told("edited") == Tale("Succeeded", ["canary weight 100; back to canary weight 20"], 20)


async def test_a_deleted_route(tales: Stories[Tale]) -> None:
    """The same, with a new route."""
    told_of = "it does not lead to both sides; back to canary weight 20"
    assert await tales.told("deleted") == Tale("Succeeded", [told_of], 20)
