"""Deletion, suspension and `temporal workflow cancel`, wherever they arrive."""

from datetime import timedelta

import pytest

from tests.builders import NEW, NEWER, OLD, a_plan
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import Role
from workflows.observation import Phase
from workflows.steering import Command

STEPS = ["scale_up", "await_canary", "hook_acceptance-test", "route", "hook_load-test", "examine"]
INTERRUPTED = {"await_canary", "hook_acceptance-test", "hook_load-test", "examine", "await_primary"}
"""What waits or asks is cut short; what writes is completed first."""
SUSPENDED = "skipping canary run as object is suspended"
CANCELLED = "Rolling back podinfo.test aborted: the workflow was cancelled"


def a_world_with_hooks() -> World:
    """So that a rollout has every step there is."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",))
    return world


# -- cancelled ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [*STEPS, "promote", "await_primary"])
async def test_cancelling_the_workflow_rolls_back(start: Start, step: str) -> None:
    """It is an abort, even if it arrives during a write: never a canary left with traffic."""
    world = a_world_with_hooks()
    rollout = await start(world)
    world.on[step] = rollout.cancel
    if step in INTERRUPTED:
        world.lingers.add(step)

    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert CANCELLED in world.events
    assert world.primary == OLD
    world.assert_safe_at_rest()


@pytest.mark.parametrize("step", ["undo_promotion", "await_primary", "route", "scale_down"])
async def test_cancelling_during_a_rollback_does_not_stop_it(start: Start, step: str) -> None:
    """What the cancellation wants is being done."""
    world = World()
    world.primary_serves_after_undo = step != "await_primary"
    rollout = await start(world)

    async def give_up() -> None:
        world.stuck = {Role.PRIMARY: "exceeded its progress deadline"}
        world.on["undo_promotion"] = recover

    async def recover() -> None:
        world.stuck = {}
        if step == "undo_promotion":
            await cancel()
        else:
            world.on[step] = cancel

    async def cancel() -> None:
        await rollout.handle.cancel()
        world.primary_available = True

    world.on["promote"] = give_up
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert world.events[-1] == "Canary failed! Scaling down podinfo.test"
    assert world.primary == OLD
    world.assert_safe_at_rest()


async def test_cancelling_after_the_promotion_takes_nothing_back(start: Start) -> None:
    """What was told as completed stays so."""
    world = World()
    world.plan = a_plan(post_rollout=("notify",))
    rollout = await start(world)
    world.on["hook_notify"] = rollout.cancel
    world.lingers.add("hook_notify")

    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.status.promoted == NEW.template
    world.assert_safe_at_rest()


async def test_cancelling_one_rollout_does_not_fail_the_next(start: Start) -> None:
    """A newer revision that is there by then is analysed like any other."""
    world = World()
    rollout = await start(world)

    async def cancel() -> None:
        world.on["scale_down"] = supersede
        await rollout.cancel()

    async def supersede() -> None:
        world.target = NEWER

    world.on["examine"] = cancel
    world.lingers.add("examine")
    ending = await rollout.result()

    assert CANCELLED in world.events
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEWER.template)
    assert world.primary == NEWER


# -- deleted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
async def test_a_canary_deleted_without_a_finalizer_ends_its_run(start: Start, step: str) -> None:
    """Its objects are collected by the cluster; nothing is left to do, whether an activity or a signal says so."""
    world = a_world_with_hooks()

    async def delete() -> None:
        world.found = False

    world.on[step] = delete
    ending = await (await start(world)).result()

    assert ending.phase is Phase.TERMINATED


async def test_a_target_that_cannot_start_does_not_keep_the_canary_from_going(start: Start) -> None:
    """The finalizer waits for the target, but no longer than the deadline."""
    world = World()
    world.plan, world.deleting, world.canary_ready = a_plan(deadline_seconds=0.3), True, False

    async def never() -> None:
        world.lingers.add("await_canary")

    world.on["hand_back"] = never
    ending = await (await start(world)).result()

    assert world.calls[-1] == "release"
    assert ending.phase is Phase.TERMINATED


async def test_a_target_deleted_at_the_last_moment_takes_the_traffic_home(start: Start) -> None:
    """Promotion finds no target to copy from: a rollback, not a canary left with the weight of its last step."""
    world = World()

    async def delete() -> None:
        world.target = None

    world.on["promote"] = delete
    ending = await (await start(world)).result()

    assert "Rolling back podinfo.test deployment podinfo.test not found" in world.events
    assert world.weights == [10, 20, 30, 0]
    assert world.primary == OLD
    assert ending.phase is Phase.FAILED


async def test_a_rollback_waits_for_a_primary_that_does_not_serve(start: Start) -> None:
    """With no pod of the primary available, the canary keeps the traffic until there is one."""
    world = World()
    world.plan = a_plan(deadline_seconds=0.3)
    world.primary_ready_after_promotion = world.primary_serves_after_undo = False
    rollout = await start(world)

    async def give_up() -> None:
        world.stuck = {Role.PRIMARY: "exceeded its progress deadline"}

    world.on["undo_promotion"] = give_up
    await rollout.pass_time(timedelta(hours=1))
    held = list(world.weights)
    world.stuck, world.primary_available = {}, True
    ending = await rollout.result()

    assert held == [10, 20, 30]
    assert world.weights == [10, 20, 30, 0]
    assert ending.phase is Phase.FAILED


# -- suspended ----------------------------------------------------------------------------------------------------


async def test_a_deadline_stands_still_while_suspended(start: Start) -> None:
    """What was suspended for longer than the deadline is not rolled back for that."""
    world = World()
    world.plan, world.canary_ready = a_plan(deadline_seconds=1), False
    rollout = await start(world)

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    async def suspend_the_next_wait() -> None:
        world.on["await_canary"] = suspend  # the first answers at once

    world.on["await_canary"] = suspend_the_next_wait
    await rollout.pass_time(timedelta(seconds=1.5))
    world.suspended = False
    await rollout.changed()
    await rollout.pass_time(timedelta(seconds=0.1))
    world.canary_ready = True
    world.wake.set()
    ending = await rollout.result()

    assert SUSPENDED in world.events
    assert ending.phase is Phase.SUCCEEDED


async def test_what_was_ready_before_a_suspension_is_looked_at_again(start: Start) -> None:
    """Pods that went meanwhile get no traffic."""
    world = World()
    rollout = await start(world)

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    async def resume_without_pods() -> None:
        world.suspended = world.canary_ready = False
        world.stuck = {Role.CANARY: "exceeded its progress deadline"}
        await rollout.changed()

    world.on["await_canary"], world.when_told[SUSPENDED] = suspend, resume_without_pods
    ending = await rollout.result()

    assert world.weights == [0]
    assert ending.phase is Phase.FAILED


async def test_a_suspended_rollout_hears_any_number_of_changes(start: Start) -> None:
    """Each is one look; it is told once, and an abort is still obeyed."""
    world = World()
    rollout = await start(world)
    looks = 350

    async def suspend() -> None:
        world.suspended = True
        world.on["observe"] = change_again
        await rollout.changed()

    async def change_again() -> None:
        if world.calls.count("observe") < looks:
            world.on["observe"] = change_again
            await rollout.changed()
        else:
            world.suspended = False
            await rollout.signal("abort", Command(by="ann"))

    world.on["examine"] = suspend
    ending = await rollout.result()

    assert world.calls.count("observe") >= looks
    assert world.events.count(SUSPENDED) == 1
    assert "Rolling back podinfo.test aborted by ann" in world.events
    assert ending.phase is Phase.FAILED


async def test_what_a_person_says_is_shown_while_suspended(start: Start) -> None:
    """Their command is in force at once, so its event is, too."""
    world = World()
    rollout = await start(world)
    shown: list[str] = []

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    async def pause() -> None:
        await rollout.signal("pause", Command(by="ann"))

    async def remember() -> None:
        shown.append("Pause podinfo.test advancement by ann")
        world.suspended = False
        await rollout.changed()
        await rollout.signal("resume")

    world.on["examine"], world.when_told[SUSPENDED] = suspend, pause
    world.when_told["Pause podinfo.test advancement by ann"] = remember
    ending = await rollout.result()

    assert shown
    assert ending.phase is Phase.SUCCEEDED
