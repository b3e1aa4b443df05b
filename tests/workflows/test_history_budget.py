"""However long a rollout takes, no run of it outgrows what Temporal keeps, and nobody notices where one ends.

`--thorough` takes 10,000 steps, asks every minute of a week, and lets the operator look as often as it does.
"""

from datetime import timedelta

import pytest

from tests.builders import CANARY, NAMES, NEW, a_plan
from tests.measuring import Measured
from tests.workflows.conftest import Start
from tests.workflows.handle import Rollout
from tests.workflows.scenario import World
from workflows.effects import HookAnswer
from workflows.observation import Gate, Phase, Strategy
from workflows.state import State
from workflows.steering import Command, Steering

EVENTS = 4200
"""Temporal suggests to continue at 4096 events; a step that is under way then is taken to its end."""
SIZE_BYTES = 1_000_000
"""Of a history with so many events. Temporal ends what has 51,200 events or 50 MiB."""
WEEK = timedelta(weeks=1)
RESYNC = timedelta(minutes=5)
"""How often the operator signals a canary that is not at rest."""
PATIENCE_SECONDS = 1800.0
CLOSED = HookAnswer(refusal="403 Forbidden")
PAUSE = Command(by="ann", reason="freeze")

pytestmark = pytest.mark.timeout(PATIENCE_SECONDS)


@pytest.fixture
def interval(thorough: bool) -> timedelta:
    """Between two questions."""
    return timedelta(minutes=1 if thorough else 24)


@pytest.fixture
def looks(thorough: bool) -> int:
    """How often the operator looks in: for a week, if there is time for that."""
    return WEEK // RESYNC if thorough else 450


async def test_every_step_of_a_long_analysis_is_taken_once(start: Start, thorough: bool, measured: Measured) -> None:
    """In order, over many runs."""
    steps = 10_000 if thorough else 400
    world = World()
    world.plan = a_plan(strategy=Strategy.AB_TESTING, iterations=steps, weights=())
    rollout = await start(world)

    ending = await rollout.result(PATIENCE_SECONDS)

    advances = [event for event in world.events if event.startswith("Advance")]
    assert advances == [f"Advance podinfo.test canary iteration {step}/{steps}" for step in range(1, steps + 1)]
    assert world.calls.count("examine") == steps
    assert world.calls.count("scale_up") == 1
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEW.template)
    await assert_within_budget(rollout, measured, f"{steps} steps")


async def test_a_release_waits_a_week_for_its_promotion(start: Start, interval: timedelta, measured: Measured) -> None:
    """Its gate is told of once and asked at every interval, and its weight stays."""
    world = a_world_with_a_closed_gate(Gate.PROMOTION, interval)
    rollout = await start(world)

    ending = await rollout.result(PATIENCE_SECONDS)

    waited = world.took("Halt podinfo.test advancement waiting", "Confirm-promotion check gate passed")
    assert abs(waited - WEEK) < interval / 2
    assert world.events.count("Halt podinfo.test advancement waiting for promotion approval gate") == 1
    assert world.weights == [10, 20, 30, 0]
    assert ending.phase is Phase.SUCCEEDED
    await assert_within_budget(rollout, measured, f"a week at {Gate.PROMOTION}, asked every {interval}")


async def test_a_paused_release_waits_a_week_to_begin(start: Start, interval: timedelta, measured: Measured) -> None:
    """Its gate is told of once and asked at every interval; once it opened, the release is paused as before."""
    world = a_world_with_a_closed_gate(Gate.ROLLOUT, interval)
    rollout = await start(world)

    async def pause() -> None:
        await rollout.say("pause", PAUSE)

    async def resume() -> None:
        await rollout.signal("resume")

    world.when_told["Halt podinfo.test advancement waiting for approval gate"] = pause
    world.when_told["Starting canary analysis for podinfo.test"] = resume
    ending = await rollout.result(PATIENCE_SECONDS)

    waited = world.took("Halt podinfo.test advancement waiting", "Confirm-rollout check gate passed")
    assert WEEK <= waited < 1.01 * WEEK  # each question takes a moment, and the interval begins after it
    assert world.events.count("Halt podinfo.test advancement waiting for approval gate") == 1
    begun = world.events.index("Advance podinfo.test canary weight 10")
    assert world.events[begun - 1].startswith("Resume podinfo.test advancement")
    assert ending.phase is Phase.SUCCEEDED
    await assert_within_budget(rollout, measured, f"a week at {Gate.ROLLOUT}, asked every {interval}")


async def test_a_person_has_a_week_to_approve(start: Start, interval: timedelta, measured: Measured) -> None:
    """Not a moment more or less, while a rollback hook is asked all along; what it says is told once."""
    world = World()
    world.plan = a_plan(
        approvals=(Gate.TRAFFIC_INCREASE,),
        approval_seconds=WEEK.total_seconds(),
        approval_by_default=True,
        rollback=("panic",),
        interval_seconds=interval.total_seconds(),
        weights=(50,),
    )
    world.hook_answers["panic"] = [CLOSED] * (2 * WEEK // interval)
    rollout = await start(world)

    ending = await rollout.result(PATIENCE_SECONDS)

    waited = world.took("Halt podinfo.test advancement waiting", "Approve podinfo.test confirm-traffic-increase")
    assert WEEK <= waited < WEEK + timedelta(seconds=1)
    assert world.events.count("Rollback hook panic not signaling a rollback") == 1
    assert ending.phase is Phase.SUCCEEDED
    await assert_within_budget(rollout, measured, f"a week for a person, a rollback hook asked every {interval}")


async def test_a_pause_before_the_first_step_may_last(start: Start, looks: int, measured: Measured) -> None:
    """The operator looks in all the time, and nothing is done for it."""
    world = World()
    rollout = await start(world, State(canary=CANARY, names=NAMES, steering=Steering(pause=PAUSE)))

    await be_looked_at(rollout, looks)
    paused_at = list(world.weights)
    await rollout.signal("resume")
    ending = await rollout.result(PATIENCE_SECONDS)

    assert paused_at == []
    assert world.calls.count("scale_up") == 1
    assert world.weights == [10, 20, 30, 0]
    assert ending.phase is Phase.SUCCEEDED
    await assert_within_budget(rollout, measured, f"{looks * RESYNC} of a pause, looked at every {RESYNC}")


async def test_a_suspension_may_last(start: Start, looks: int, measured: Measured) -> None:
    """It is told once, and the analysis goes on at its weight."""
    world = World()
    rollout = await start(world)

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    world.when_told["Advance podinfo.test canary weight 20"] = suspend
    await be_looked_at(rollout, looks)
    suspended_at, world.suspended = list(world.weights), False
    await rollout.changed()
    ending = await rollout.result(PATIENCE_SECONDS)

    assert suspended_at == [10, 20]
    assert world.events.count("skipping canary run as object is suspended") == 1
    assert world.weights == [10, 20, 30, 0]
    assert ending.phase is Phase.SUCCEEDED
    await assert_within_budget(rollout, measured, f"{looks * RESYNC} of a suspension, looked at every {RESYNC}")


async def be_looked_at(rollout: Rollout, times: int) -> None:
    """As the operator does with a canary that is not at rest."""
    for _ in range(times):
        await rollout.pass_time(RESYNC)
        await rollout.changed()


def a_world_with_a_closed_gate(gate: Gate, interval: timedelta) -> World:
    """Its hook agrees after a week of being asked."""
    world = World()
    world.plan = a_plan(gates={gate: ("gate",)}, interval_seconds=interval.total_seconds())
    world.hook_answers["gate"] = [CLOSED] * (WEEK // interval)
    return world


async def assert_within_budget(rollout: Rollout, measured: Measured, what: str) -> None:
    """It took more than one run, and none of them too much."""
    runs = await rollout.runs()
    events, size_bytes = max(run.events for run in runs), max(run.size_bytes for run in runs)
    measured(f"{what}: {len(runs)} runs, of {events} events and {size_bytes / 1000:.0f} kB at most")
    assert len(runs) > 1
    assert events < EVENTS
    assert size_bytes < SIZE_BYTES
