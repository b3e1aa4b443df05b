"""Every order of events that a rollout may meet, as far as hypothesis finds them.

`PocketTemporal` lets each step choose what happens next; `FickleWorld` holds whatever is done to the rules.
"""
# ruff: noqa: D102 - the name of a rule says what happens

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.builders import CANARY, NEW, NEWER, OLD, a_check, a_plan, a_status
from tests.workflows.fickle import FickleWorld
from tests.workflows.pocket_temporal import PocketTemporal
from tests.workflows.test_properties import ANSWERS, HOOK_ANSWERS, MOVED_CONFIG
from workflows import wording
from workflows.effects import Role
from workflows.observation import AT_REST, Gate, Phase, Receiver, Strategy
from workflows.state import Request
from workflows.weights import FULL, ladder

MANY = 2000
"""More events than any rollout takes in a world where all is well."""
STRATEGIES: list[dict[str, Any]] = [
    {},
    {"mirror": True},
    {"skip_analysis": True},
    {"promotion_step": 40, "drain_seconds": 1},
    {"strategy": Strategy.AB_TESTING, "iterations": 2},
    {"strategy": Strategy.BLUE_GREEN, "iterations": 2, "mirror": True},
    {"gates": dict.fromkeys(Gate, ("gate",))},
    {"approvals": tuple(Gate), "approval_seconds": 90, "approval_by_default": True},
    {"rollback": ("panic",)},
    {"alerts": (Receiver(provider="slack"),), "event_hooks": ("log",)},
]
PLANS = st.builds(
    lambda step, limits, strategy: a_plan(weights=ladder(step, 60), pre_rollout=("check",), **limits, **strategy),
    step=st.sampled_from([20, 30, 100]),
    limits=st.fixed_dictionaries({"threshold": st.integers(1, 2), "unreadable_limit": st.sampled_from([0, 2])}),
    strategy=st.sampled_from(STRATEGIES),
)
REVISIONS = st.sampled_from([OLD, NEW, NEWER, MOVED_CONFIG])
THEN = st.sampled_from([-1, 0, 1, 2, 3, 5, 8, 13, 21])
"""How many events the rollout goes on for; -1: it hears of this together with what happens next."""
SEEN = st.none() | THEN
"""As above, once the operator saw it; None: it did not yet."""
PICK = st.integers(0, 3)


class AnyRollout(RuleBasedStateMachine):
    """A canary, its world, and Temporal."""

    def __init__(self) -> None:
        super().__init__()
        self.world = FickleWorld()
        self.temporal = PocketTemporal(self.world, Request(canary=CANARY, visibility=False))
        self.settles = False

    @initialize(plan=PLANS, born=st.sampled_from([True, True, True, False]))
    def a_canary(self, plan: Any, born: bool) -> None:
        self.world.plan, self.settles = plan, True
        if not born:
            self.world.status = a_status(phase=Phase.NEW, applied="", promoted="", configs=None)
            self.world.primary_found = False
        self.operator_looks(then=0)

    def _go_on(self, events: int) -> None:
        """Let it hear what happened, and then let things take their course."""
        if events >= 0:
            self.temporal.turn()
        for number in range(events):
            self._take_course(number)

    def _take_course(self, number: int) -> None:
        """An activity ends, or, if none can, a timer does."""
        ended = self.temporal.pending and self._end_activity(number)
        if not ended and self.temporal.timers:
            self.temporal.fire(min(self.temporal.timers, key=lambda seq: self.temporal.timers[seq]))
        self.temporal.turn()

    def _end_activity(self, pick: int) -> bool:
        """Whether it did, and is not to be tried again."""
        tell = self.temporal.attempt(self._pending(pick))
        if tell:
            tell()
        return tell is not None

    # -- what Temporal and its workers do -----------------------------------------------------------------------------

    @rule(pick=PICK, then=THEN)
    @precondition(lambda self: self.temporal.pending)
    def an_activity_ends(self, pick: int, then: int) -> None:
        self._end_activity(pick)
        self._go_on(then)

    @rule(pick=PICK)
    @precondition(lambda self: self.temporal.pending)
    def an_activity_did_its_work_and_its_worker_died(self, pick: int) -> None:
        self.temporal.attempt(self._pending(pick))

    @rule(pick=PICK, then=THEN)
    @precondition(lambda self: any(pending.cancel_requested for pending in self.temporal.pending.values()))
    def an_activity_stops_as_it_was_asked(self, pick: int, then: int) -> None:
        asked = [seq for seq, pending in self.temporal.pending.items() if pending.cancel_requested]
        self.temporal.give_up(asked[pick % len(asked)])
        self._go_on(then)

    @rule(then=THEN)
    @precondition(lambda self: self.temporal.timers)
    def time_passes(self, then: int) -> None:
        self.temporal.fire(min(self.temporal.timers, key=lambda seq: self.temporal.timers[seq]))
        self._go_on(then)

    @rule()
    @precondition(lambda self: self.temporal.is_open)
    def the_worker_dies(self) -> None:
        self.temporal.lose_worker()

    @rule()
    @precondition(lambda self: self.temporal.is_open)
    def temporal_loses_its_data(self) -> None:
        self.temporal.lose_run()
        self.world.forget_rollout()

    @rule()
    @precondition(lambda self: not self.temporal.suggests_continuing)
    def the_history_is_long(self) -> None:
        self.temporal.suggests_continuing = True

    @rule(then=THEN)
    def operator_looks(self, then: int) -> None:
        self.temporal.signal_with_start("changed", "test")
        self._go_on(then)

    @rule(then=THEN)
    @precondition(lambda self: self.temporal.is_open)
    def temporal_loses_its_data_and_the_primary_its_pods(self, then: int) -> None:
        self.pods_come_or_go(role=Role.PRIMARY, ready=False)
        self.temporal_loses_its_data()
        self.operator_looks(then)

    # -- what people do -----------------------------------------------------------------------------------------------

    @rule(verb=st.sampled_from(["promote", "abort", "pause", "resume"]), then=THEN)
    @precondition(lambda self: self.temporal.is_open)
    def somebody_steers(self, verb: str, then: int) -> None:
        if verb == "abort":  # who says it twice may be answered twice
            del self.world.told[wording.aborted(CANARY, "", "")]
        self.temporal.signal(verb)
        self._go_on(then)

    @rule(then=THEN)
    def somebody_undoes(self, then: int) -> None:
        self.temporal.signal_with_start("undo")
        self._go_on(then)

    @rule(then=THEN)
    @precondition(lambda self: self.temporal.is_open)
    def somebody_cancels_the_workflow(self, then: int) -> None:
        self.temporal.cancel()
        self._go_on(then)

    @rule(revision=REVISIONS, then=SEEN)
    def somebody_releases(self, revision: Any, then: int | None) -> None:
        self.world.target = revision
        self._changed(then)

    @rule(revision=REVISIONS, then=THEN)
    def somebody_releases_while_all_is_well(self, revision: Any, then: int) -> None:
        self.world.checks, self.world.hook_answers, self.world.stuck = [], {}, {}
        self.world.suspended, self.world.canary_ready = False, True
        self.somebody_releases(revision=revision, then=then)

    @rule(then=SEEN)
    def somebody_deletes_the_target(self, then: int | None) -> None:
        self.world.target = None
        self._changed(then)

    @rule(plan=PLANS, then=SEEN)
    def somebody_edits_the_spec(self, plan: Any, then: int | None) -> None:
        self.world.plan = plan
        self.world.generation += 1
        self.world.forget_rollout()
        self._changed(then)

    @rule(then=SEEN)
    def somebody_suspends_or_not(self, then: int | None) -> None:
        self.world.suspended = not self.world.suspended
        self._changed(then)

    @rule(then=SEEN, held=st.booleans())
    @precondition(lambda self: self.world.found)
    def somebody_deletes_the_canary(self, then: int | None, held: bool) -> None:
        self.world.deleting, self.world.found = held, held
        self._changed(then)

    def _changed(self, then: int | None) -> None:
        if then is not None:
            self.operator_looks(then)

    # -- what the cluster and its neighbours do ------------------------------------------------------------------------

    @rule(role=st.sampled_from(Role), ready=st.booleans())
    def pods_come_or_go(self, role: Role, ready: bool) -> None:
        if role is Role.CANARY:
            self.world.canary_ready = ready
        else:
            self.world.primary_available = ready

    @rule(role=st.sampled_from(Role))
    def the_cluster_gives_up_on(self, role: Role) -> None:
        self.world.stuck[role] = "exceeded its progress deadline"
        self.pods_come_or_go(role, ready=False)

    @rule(promoted=st.booleans(), undone=st.booleans())
    def new_pods_will_come_up_or_not(self, promoted: bool, undone: bool) -> None:
        self.world.primary_ready_after_promotion, self.world.primary_serves_after_undo = promoted, undone

    @rule(answers=st.lists(ANSWERS, min_size=1, max_size=2))
    def checks_will_say(self, answers: list[Any]) -> None:
        self.world.checks.append([a_check(answer) for answer in answers])

    @rule(hook=st.sampled_from(["check", "gate", "panic"]), answer=HOOK_ANSWERS)
    def a_hook_will_say(self, hook: str, answer: Any) -> None:
        self.world.hook_answers.setdefault(hook, []).append(answer)

    @rule(gone=st.sets(st.sampled_from(["slack", "log"])))
    def chats_are_away(self, gone: set[str]) -> None:
        self.world.dead = gone

    # -- and in the end ---------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Once everybody lets it, every rollout ends, with all traffic on a ready primary that runs what it should."""
        with self.temporal:
            if self.settles:
                self._all_is_well()
                self._settle()
                self._assert_at_rest()

    def _all_is_well(self) -> None:
        world = self.world
        world.stuck, world.checks, world.dead = {}, [], set()
        world.hook_answers = {}
        world.canary_ready = world.primary_available = True
        world.primary_ready_after_promotion = world.primary_serves_after_undo = True
        world.suspended = False
        world.target = world.target or OLD

    def _settle(self) -> None:
        self.operator_looks(then=0)
        for step in range(MANY):
            if not self.temporal.is_open and self.world.found and self.world.status.phase not in AT_REST:
                self.operator_looks(then=0)  # as it does every five minutes
            if not self.temporal.is_open:
                return
            if step % 50 == 0:
                self.temporal.signal("resume")
            self._take_course(step)
        raise AssertionError(f"does not end; done: {self.world.calls[-20:]}; shown: {self.world.events[-20:]}")

    def _assert_at_rest(self) -> None:
        world = self.world
        if not world.found:
            assert world.target_replicas == 1 or not world.deleting
            return
        world.assert_safe_at_rest()
        assert world.status.phase in AT_REST
        assert world.primary.template == world.status.promoted

    def _pending(self, pick: int) -> int:
        seqs = sorted(self.temporal.pending)
        return seqs[pick % len(seqs)]


@pytest.mark.timeout(3600)  # of the thorough form
def test_any_order_of_events_ends_safely(thorough: bool) -> None:
    """No rule is broken on the way; see the machine for what is tried, and `FickleWorld` for the rules."""
    effort = settings(
        max_examples=3000 if thorough else 40,
        stateful_step_count=60,
        derandomize=not thorough,
        print_blob=True,
    )
    run_state_machine_as_test(AnyRollout, settings=effort)


def test_a_lost_history_leads_nobody_to_a_primary_that_is_down() -> None:
    """Found by the search: blue/green has no weight in its status, also while the canary has all requests."""
    machine = AnyRollout()
    machine.a_canary(plan=a_plan(strategy=Strategy.BLUE_GREEN, iterations=1, weights=()), born=True)
    machine.somebody_releases(revision=NEW, then=0)
    while machine.world.weight < FULL:
        machine._go_on(1)
    machine.pods_come_or_go(role=Role.PRIMARY, ready=False)
    machine.temporal_loses_its_data()
    machine.operator_looks(then=20)
    machine.teardown()
