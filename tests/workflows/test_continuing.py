"""A rollout whose history got long continues as a new run, and nobody notices."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.builders import CANARY, NAMES, NEW, NEWER, a_check, a_plan, a_status
from tests.workflows.conftest import Stage, Start, real_server
from tests.workflows.scenario import World
from workflows.effects import HookAnswer
from workflows.observation import Gate, Phase
from workflows.state import State

EVENTS = 5
"""History length at which this server suggests to continue as new; by default some thousands."""
INTERVAL_SECONDS = 0.05


@pytest.fixture
async def start_for_short() -> AsyncIterator[Start]:
    """Start rollouts whose histories are long from the first step on."""
    server = await real_server(
        f"limit.historyCount.suggestContinueAsNew={EVENTS}",
        'history.workflowIdReuseMinimalInterval="1ms"',  # by default a run of less than a second is followed late
    )
    async with Stage(server, visibility=True) as stage:
        yield stage.start


def a_quick_world() -> World:
    """Real time passes here."""
    world = World()
    world.plan = a_plan(
        interval_seconds=INTERVAL_SECONDS, pre_rollout=("acceptance-test",), rollout=("load-test",), threshold=3
    )
    return world


async def test_a_continued_rollout_repeats_nothing(start_for_short: Start) -> None:
    """Over several runs, each hook agrees once, each weight comes once, and failed checks add up."""
    world = a_quick_world()
    world.checks = [[a_check(100)], [a_check(69)], [a_check(100)], [a_check(69)]]
    rollout = await start_for_short(world)

    ending = await rollout.result()

    assert len(await rollout.runs()) > 3
    assert world.weights == [10, 20, 30, 0]
    assert world.hooks == ["pre-rollout/acceptance-test/Progressing", "rollout/load-test/Progressing"]
    assert world.status.failed_checks == 2
    assert world.calls.count("scale_up") == 1
    assert world.events.count("Starting canary analysis for podinfo.test") == 1
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEW.template)


async def test_a_rollout_waiting_for_a_hook_continues_too(start_for_short: Start) -> None:
    """A gate that nobody answers for days must not end in a history that the server refuses to extend."""
    world = a_quick_world()
    world.hook_answers["acceptance-test"] = [HookAnswer(refusal="refused", reached=False)] * 10
    rollout = await start_for_short(world)

    ending = await rollout.result()

    assert len(await rollout.runs()) > 5
    assert world.calls.count("scale_up") == 1
    assert world.events.count("Starting canary analysis for podinfo.test") == 1
    assert world.events.count("Halt podinfo.test advancement pre-rollout check acceptance-test failed refused") == 1
    assert ending.phase is Phase.SUCCEEDED


async def test_a_change_is_not_lost_between_two_runs(start_for_short: Start) -> None:
    """A signal that came when the run was about to continue is looked into first."""
    world = a_quick_world()
    rollout = await start_for_short(world)

    async def supersede() -> None:
        world.target = NEWER
        await rollout.changed()

    world.when_told["Advance podinfo.test canary weight 20"] = supersede
    await rollout.result()

    assert world.weights == [10, 20, 0, 10, 20, 30, 0]
    assert world.primary == NEWER


async def test_a_run_that_waits_to_begin_does_not_take_itself_for_the_rollout_before(start_for_short: Start) -> None:
    """What follows a rollout in the same run, and waits at its first gate, is scaled up and analysed from the start."""
    world = a_quick_world()
    world.plan = world.plan.model_copy(update={"gates": {Gate.ROLLOUT: ("gate",)}})
    rollout = await start_for_short(world)

    async def release_another() -> None:
        world.target, world.hook_answers["gate"] = NEWER, [HookAnswer(refusal="403 Forbidden")] * 3
        await rollout.changed()

    world.when_told["Promotion completed! Scaling down podinfo.test"] = release_another
    ending = await rollout.result()

    assert world.calls.count("scale_up") == 2
    assert world.weights == [10, 20, 30, 0, 10, 20, 30, 0]
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEWER.template)


async def test_a_run_goes_on_where_the_former_one_stopped(start: Start) -> None:
    """From the state alone: no hook, no scaling and no step again."""
    world = World()
    world.status = a_status(phase=Phase.PROGRESSING, applied=NEW.template, weight=20)
    world.weight, world.target_replicas = 20, 1

    ending = await (await start(world, a_state_at(weight=20))).result()

    assert world.hooks == []
    assert world.weights == [30, 0]
    assert "scale_up" not in world.calls
    assert world.events[0] == "Advance podinfo.test canary weight 30"
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_a_run_whose_canary_was_deleted_meanwhile_ends(start: Start) -> None:
    """A deletion is heard in a continued run as in any other."""
    world = World()
    world.status, world.weight = a_status(phase=Phase.PROGRESSING, applied=NEW.template, weight=20), 20
    rollout = await start(world, a_state_at(weight=20))

    async def delete() -> None:
        world.deleting = True
        await rollout.changed()

    world.on["examine"] = delete
    world.lingers.add("examine")
    ending = await rollout.result()

    assert world.events == ["Terminating canary podinfo.test", "Terminated canary podinfo.test"]
    assert ending.phase is Phase.TERMINATED


def a_state_at(weight: int) -> State:
    """In the middle of the analysis of NEW."""
    plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",))
    return State(
        canary=CANARY,
        names=NAMES,
        phase=Phase.PROGRESSING,
        plan=plan,
        revision=NEW,
        weight=weight,
        passed_hooks=["acceptance-test"],
        analysing=True,
        canary_since=datetime(2020, 1, 1, tzinfo=UTC),
    )
