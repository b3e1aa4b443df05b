"""What holds for every rollout, whatever the checks answer and whenever people and clusters interfere.

`World` watches the rules that hold at each moment (see its `route`, `promote` and `scale`); here is what interferes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Effort
from hypothesis import strategies as st
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from tests.builders import CANARY, NAMES, NEW, NEWER, OLD, a_check, a_plan
from tests.workflows.conftest import real_server, rolling_out
from tests.workflows.handle import Rollout
from tests.workflows.scenario import World
from workflows.decide import (
    Adopt,
    Block,
    Finalize,
    Finish,
    Gone,
    Reconcile,
    Rest,
    Restart,
    RollOut,
    Suspend,
    decide,
    is_foreign,
)
from workflows.effects import Division, HookAnswer, Role
from workflows.observation import AT_REST, PROMOTED, Gate, Observation, Phase, Revision, Status, Strategy
from workflows.state import Request
from workflows.verdict import Answer, NoData, Objected, Passed, Unreadable
from workflows.weights import ladder

# -- the decision -------------------------------------------------------------------------------------------------

CONFIGS = st.sampled_from([{}, {"configmap/podinfo": "1"}])
HASHES = st.sampled_from([OLD.template, NEW.template, "foreign", ""])
REVISIONS = st.builds(Revision, template=st.sampled_from([OLD.template, NEW.template]), configs=CONFIGS)
STATUSES = st.builds(
    Status,
    phase=st.sampled_from(Phase),
    applied=HASHES,
    promoted=HASHES,
    configs=st.none() | CONFIGS,
    generation=st.integers(0, 2),
)
OBSERVATIONS = st.builds(
    Observation,
    names=st.just(NAMES),
    found=st.booleans(),
    deleting=st.booleans(),
    suspended=st.booleans(),
    problem=st.sampled_from(["", "deployment podinfo.test not found"]),
    plan=st.none() | st.just(a_plan()),
    revision=st.none() | REVISIONS,
    generation=st.integers(0, 2),
    status=STATUSES,
    primary_found=st.booleans(),
    primary_is_target=st.booleans(),
)


@given(seen=OBSERVATIONS)
def test_what_must_not_be_touched_is_not_touched(seen: Observation) -> None:
    """Gone goes before deleted, deleted before suspended, suspended before blocked; nothing else is done then."""
    move = decide(seen)

    assert isinstance(move, Gone) == (not seen.found)
    assert isinstance(move, Finalize) == (seen.found and seen.deleting)
    assert isinstance(move, Suspend) == (seen.found and not seen.deleting and seen.suspended)
    if seen.problem and not isinstance(move, Gone | Finalize | Suspend):
        assert move == Block(seen.problem)


@given(seen=OBSERVATIONS)
def test_only_what_the_target_runs_is_rolled_out(seen: Observation) -> None:
    """And a promotion is completed without analysis only where the primary already runs what was being promoted."""
    move = decide(seen)

    if isinstance(move, RollOut | Restart | Finish | Adopt):
        assert move.revision == seen.revision
    if isinstance(move, Finish):
        assert seen.primary_is_target
        assert seen.status.phase in PROMOTED or is_foreign(seen.status.applied, seen.status.promoted)
    if isinstance(move, Adopt):
        assert move.promoted == seen.primary_is_target
        assert seen.status.phase in AT_REST


@given(seen=OBSERVATIONS)
def test_what_another_controller_left_is_not_rolled_out(seen: Observation) -> None:
    """Whatever its phase, for as long as its primary runs what the target says."""
    foreign = is_foreign(seen.status.applied, seen.status.promoted)
    if foreign and seen.primary_is_target:
        assert not isinstance(decide(seen), RollOut | Restart)


@given(seen=OBSERVATIONS)
def test_a_rollout_is_over_once_it_is_over(seen: Observation) -> None:
    """Neither a promoted nor a failed revision is taken up again by itself."""
    move = decide(seen)
    if not isinstance(move, RollOut | Restart):
        return
    applied = {"applied": move.revision.template, "configs": move.revision.configs}
    failed = seen.status.model_copy(update=applied | {"phase": Phase.FAILED})
    promoted = failed.model_copy(update={"phase": Phase.SUCCEEDED, "promoted": move.revision.template})

    assert isinstance(decide(seen.model_copy(update={"status": failed})), Rest | Reconcile | Adopt)
    assert isinstance(decide(seen.model_copy(update={"status": promoted})), Rest | Reconcile)


# -- the whole rollout ----------------------------------------------------------------------------------------------

SUSPENDED = "skipping canary run as object is suspended"
MOVED_CONFIG = Revision(template=NEW.template, configs={"configmap/podinfo": "2"})
LAST_CALL = 40
"""The last activity at which something happens."""


@dataclass(frozen=True)
class Script:
    """What checks and hooks answer (healthy when used up), and what happens when that many activities were started."""

    step: int
    threshold: int
    unreadable_limit: int
    skip_analysis: bool
    promotion_fails: bool
    """At the first time."""
    plan: dict[str, Any]
    """What else the plan asks for."""
    checks: list[list[Answer]]
    pre_rollout: list[HookAnswer]
    happenings: dict[int, str] = field(default_factory=dict)


async def supersede(world: World, rollout: Rollout, revision: Revision) -> None:
    """The target changes."""
    world.target = revision
    await rollout.changed()


async def suspend(world: World, rollout: Rollout) -> None:
    """`spec.suspend`, until the workflow has told so."""

    async def unsuspend() -> None:
        world.suspended = False
        await rollout.changed()

    world.suspended, world.when_told[SUSPENDED] = True, unsuspend
    await rollout.changed()


async def strand(world: World, _: Rollout) -> None:
    """The cluster gives up on the primary."""
    world.stuck[Role.PRIMARY] = "exceeded its progress deadline"


async def strand_canary(world: World, _: Rollout) -> None:
    """The cluster gives up on the canary."""
    world.stuck[Role.CANARY] = "exceeded its progress deadline"


async def edit_route(world: World, _: Rollout) -> None:
    """Somebody deletes it."""
    world.edited = Division()


async def let_loose(world: World, rollout: Rollout) -> None:
    """Nothing holds the rollout back any more."""
    world.stuck = {}
    if world.suspended:  # for the second time while it was, which is told once
        world.suspended = False
        await rollout.changed()
    await rollout.signal("resume")


HAPPENINGS: dict[str, Callable[[World, Rollout], Awaitable[None]]] = {
    "promote": lambda _, rollout: rollout.signal("promote"),
    "abort": lambda _, rollout: rollout.signal("abort"),
    "pause": lambda _, rollout: rollout.signal("pause"),
    "resume": lambda _, rollout: rollout.signal("resume"),
    "cancel": lambda _, rollout: rollout.handle.cancel(),
    "a newer revision": lambda world, rollout: supersede(world, rollout, NEWER),
    "a newer config": lambda world, rollout: supersede(world, rollout, MOVED_CONFIG),
    "back to the old": lambda world, rollout: supersede(world, rollout, OLD),
    "suspend": suspend,
    "primary stuck": strand,
    "canary stuck": strand_canary,
    "route deleted": edit_route,
    "let loose": let_loose,
}
ANSWERS = st.sampled_from([100.0, 100.0, 69.0, NoData(), Unreadable(detail="refused"), Passed(), Objected(detail="no")])
HOOK_ANSWERS = st.sampled_from([HookAnswer(), HookAnswer(refusal="no"), HookAnswer(refusal="refused", reached=False)])
PLANS: list[dict[str, Any]] = [
    {},
    {"mirror": True},
    {"promotion_step": 40, "drain_seconds": 0.01},
    {"strategy": Strategy.AB_TESTING, "iterations": 2},
    {"strategy": Strategy.BLUE_GREEN, "iterations": 2, "mirror": True},
    {"gates": dict.fromkeys(Gate, ("acceptance-test",))},
    {"approvals": tuple(Gate), "approval_seconds": 0.05, "approval_by_default": True},
]
SCRIPTS = st.builds(
    Script,
    step=st.sampled_from([20, 30, 50, 100]),
    threshold=st.integers(1, 3),
    unreadable_limit=st.sampled_from([0, 2]),
    skip_analysis=st.sampled_from([False] * 9 + [True]),
    promotion_fails=st.sampled_from([False, False, True]),
    plan=st.sampled_from(PLANS),
    checks=st.lists(st.lists(ANSWERS, min_size=1, max_size=3), max_size=6),
    pre_rollout=st.lists(HOOK_ANSWERS, max_size=3),
    happenings=st.dictionaries(st.integers(1, LAST_CALL), st.sampled_from(sorted(HAPPENINGS)), max_size=5),
)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """The real one: scripts interfere at moments that the one which skips time does not bear."""
    async with await real_server() as running:
        yield running


@given(script=SCRIPTS)
@settings(
    max_examples=25,
    deadline=None,  # each starts a worker and lets real time pass
    suppress_health_check=[HealthCheck.too_slow],  # same
    print_blob=True,
    phases=[Effort.explicit, Effort.reuse, Effort.generate],  # a rollout that hangs takes long; do not make it shorter
)
async def test_every_rollout_ends_safely(server: WorkflowEnvironment, script: Script) -> None:
    """No rule is broken on the way, and in the end all traffic is on a ready primary, which runs what was promoted."""
    world = a_world_of(script)
    async with rolling_out(server, world, Request(canary=CANARY, visibility=False)) as rollout:
        # The first activity may run before this line.
        for number, name in script.happenings.items():
            world.at_call[number + 1] = partial(HAPPENINGS[name], world, rollout)
        if script.promotion_fails:
            world.on["promote"] = partial(strand, world, rollout)
        helping = asyncio.create_task(help_on(world, rollout))
        try:
            await ended(rollout)
        finally:
            helping.cancel()

    world.assert_safe_at_rest()
    assert world.primary.template == world.status.promoted
    assert world.status.phase in AT_REST


def a_world_of(script: Script) -> World:
    """With intervals of a moment."""
    world = World()
    world.plan = a_plan(
        interval_seconds=0.01,
        weights=ladder(script.step, 100),
        threshold=script.threshold,
        unreadable_limit=script.unreadable_limit,
        skip_analysis=script.skip_analysis,
        pre_rollout=("acceptance-test",),
        **script.plan,
    )
    world.checks = [[a_check(answer) for answer in answers] for answers in script.checks]
    world.hook_answers["acceptance-test"] = list(script.pre_rollout)
    return world


async def help_on(world: World, rollout: Rollout) -> None:
    """Somebody lets the rollout loose when it stands still, or when the script is over."""
    while True:
        calls = len(world.calls)
        await asyncio.sleep(0.3)
        if calls == len(world.calls) or calls > LAST_CALL:
            with suppress(RPCError):  # closed by now
                await let_loose(world, rollout)


async def ended(rollout: Rollout) -> None:
    """However it ended; a cancellation while nothing is under way simply ends it."""
    try:
        await rollout.result()
    except WorkflowFailureError as failed:
        if not isinstance(failed.cause, CancelledError):
            raise
