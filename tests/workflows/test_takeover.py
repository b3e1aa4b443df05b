"""A canary that another controller left, taken over without harm to its traffic."""

from typing import Any

import pytest

from tests.builders import NEW, NEWER, OLD, a_check, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import HookAnswer
from workflows.observation import Gate, Phase, Revision

FOREIGN = "548b6db558"
RESTARTING = "New revision detected! Restarting analysis for podinfo.test"


def a_world_left_by_another(phase: Phase, *, target: Revision = NEW, weight: int = 0, **status: Any) -> World:
    """Its hashes are not ours, and it does not say which generation of the Canary it last saw."""
    world = World()
    world.target, world.weight = target, weight
    world.target_replicas = 0 if phase in (Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED, Phase.WAITING) else 1
    world.status = a_status(phase=phase, applied=FOREIGN, promoted=FOREIGN, generation=0, weight=weight, **status)
    return world


def effects_of(world: World) -> list[str]:
    """What was done, but for looking and telling."""
    return [call for call in world.calls if call not in ("observe", "report")]


@pytest.mark.parametrize("phase", [Phase.INITIALIZED, Phase.SUCCEEDED])
async def test_at_rest_nothing_is_rolled_out(start: Start, phase: Phase) -> None:
    """Only its objects are brought to the spec; the hashes become ours, and it is said once."""
    world = a_world_left_by_another(phase, target=OLD)

    ending = await (await start(world)).result()

    assert effects_of(world) == ["open_traffic"]
    assert world.events == [
        f"Taken over from another controller: podinfo.test stays {phase.value}, nothing is rolled out"
    ]
    assert world.status.applied == world.status.promoted == OLD.template
    assert world.status.generation == 1
    assert ending.phase is phase


async def test_what_failed_is_not_tried_again(start: Start) -> None:
    """It stays Failed with its reason; what the primary runs remains unknown to us."""
    message = "Canary analysis failed, Deployment scaled to zero."
    world = a_world_left_by_another(Phase.FAILED, message=message)

    ending = await (await start(world)).result()

    assert effects_of(world) == ["open_traffic"]
    assert (world.status.applied, world.status.promoted) == (NEW.template, FOREIGN)
    assert world.status.message == message
    assert ending.phase is Phase.FAILED


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.WAITING_PROMOTION])
async def test_midway_the_analysis_starts_anew_with_all_traffic_on_the_primary(start: Start, phase: Phase) -> None:
    """Whatever weight it says: Flagger shows none while it waits for a promotion."""
    world = a_world_left_by_another(phase)
    world.weight = 30

    ending = await (await start(world)).result()

    assert world.weights == [0, 10, 20, 30, 0]
    assert world.events[0] == RESTARTING
    assert world.status.applied == world.status.promoted == NEW.template
    assert ending.phase is Phase.SUCCEEDED


async def test_midway_the_canary_keeps_its_traffic_while_the_primary_serves_nobody(start: Start) -> None:
    """A promotion that failed under Flagger leaves users on the canary; they stay until a primary can take them."""
    world = a_world_left_by_another(Phase.FAILED, weight=100)
    world.status = world.status.model_copy(update={"applied": OLD.template})
    world.primary_available = False
    kept: list[int] = []

    async def recover() -> None:
        kept.append(world.weight)
        world.primary_available = True

    world.on["scale_up"] = recover
    await (await start(world)).result()

    assert kept == [100]


async def test_waiting_the_gate_is_asked_again(start: Start) -> None:
    """And nothing moves before it opens."""
    world = a_world_left_by_another(Phase.WAITING)
    world.plan = a_plan(weights=(10,), gates={Gate.ROLLOUT: ("confirm",)})
    world.hook_answers["confirm"] = [HookAnswer(refusal="closed"), HookAnswer()]

    ending = await (await start(world)).result()

    assert world.hooks[:2] == ["confirm-rollout/confirm/Waiting"] * 2
    assert effects_of(world)[:3] == ["hook_confirm", "hook_confirm", "scale_up"]
    assert ending.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.FINALISING, Phase.PROGRESSING])
async def test_what_the_primary_runs_already_is_finished(start: Start, phase: Phase) -> None:
    """Its traffic comes back to the primary, its canary goes; nothing is analysed or copied."""
    world = a_world_left_by_another(phase, target=OLD, weight=30)

    ending = await (await start(world)).result()

    assert world.weights == [0]
    assert effects_of(world) == ["await_primary", "route", "scale_down", "open_traffic"]
    assert "Promotion completed! Scaling down podinfo.test" in world.events[-1]
    assert world.target_replicas == 0
    assert world.status.applied == world.status.promoted == OLD.template
    assert ending.phase is Phase.SUCCEEDED


async def test_a_promotion_whose_end_nobody_recorded_is_recorded_by_the_next_rollout(start: Start) -> None:
    """Whatever becomes of that one: what the primary runs is what was promoted last."""
    world = World()
    world.plan = a_plan(threshold=1)
    world.checks = [[a_check(69)]]
    world.primary, world.target = NEW, NEWER
    world.status = a_status(phase=Phase.PROMOTING, applied=NEW.template)

    ending = await (await start(world)).result()

    assert ending.phase is Phase.FAILED
    assert world.status.applied == NEWER.template
    assert world.status.promoted == world.primary.template == NEW.template


async def test_after_a_rollout_the_objects_are_brought_to_the_spec(start: Start) -> None:
    """An edit that came with the new revision is not taken for done because the status was written meanwhile."""
    world = World()
    world.status = a_status(generation=0)

    await (await start(world)).result()

    assert world.calls.index("open_traffic") > world.calls.index("scale_down")
    assert world.status.generation == 1
