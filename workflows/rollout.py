"""`CanaryRollout`: what happens to a canary, told in the order of its event log. Start reading here.

One run takes a canary from "something changed" back to rest: bootstrap, rollout, reconcile, finalize. It observes,
decides (`decide.py`), acts (`effects.py`) and reports; it holds no API field, no query and no retry number.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows import alerts, effects, wording
    from workflows.analysis import Analyst
    from workflows.decide import (
        Adopt,
        Block,
        Bootstrap,
        Finalize,
        Finish,
        Gone,
        Move,
        Reconcile,
        RecordUndo,
        Rest,
        Restart,
        Restore,
        RollOut,
        Suspend,
        Withdraw,
        decide,
    )
    from workflows.effects import Promotion, PromotionOutcome, Role, Scale, Stuck, Wait
    from workflows.interruptions import Ended, NotReady, RollBack, Superseded
    from workflows.observation import AT_REST, PROMOTED, Gate, Phase, Revision, Severity, Strategy
    from workflows.state import Ending, Request
    from workflows.upkeep import Upkeep
    from workflows.weights import FULL, descent

CANARY_GONE = "CanaryGone"
"""Type of the error with which an activity says that the Canary object no longer exists."""


@workflow.defn(name="CanaryRollout")
class CanaryRollout(Analyst, Upkeep):
    """The life of one canary from a change until it is at rest again."""

    @workflow.init
    def __init__(self, request: Request) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: Request) -> Ending:  # noqa: ARG002 - taken by __init__, as Temporal asks
        """Make moves until there is none left, then end: an idle canary costs nothing."""
        if self.state.canary_since is not None:
            self.changed = self.state.suspended
            await self._unless_ended(self._roll_out())  # where the run that this one continues stopped
        while True:
            at_rest = await self._unless_ended(self._look_and_move())
            if at_rest:
                await self._finish_telling()
            await workflow.wait_condition(workflow.all_handlers_finished)
            if at_rest and not self.changed:
                return self._ending()

    async def _unless_ended(self, story: Coroutine[Any, Any, bool]) -> bool:
        """Whether the canary is at rest; one that is gone, deleted or changed meanwhile is to be looked at again."""
        try:
            return await story
        except (Ended, Superseded):
            return False
        except ActivityError as error:
            if is_gone(error):
                return False
            if self._is_cancelled():  # what fails after it was asked to stop is not tried again
                raise asyncio.CancelledError from error
            raise

    async def _look_and_move(self) -> bool:
        self.changed = False
        self.state.canary_since = None  # whatever was under way is over, also for a run that continues this one
        move, undo = decide(await self._observe()), self.state.steering.undo
        if isinstance(move, Rest) and undo:
            return await self._undo(undo)
        return await self._make(move)

    async def _make(self, move: Move) -> bool:
        """Make one move; True when nothing is left to do."""
        match move:
            case Gone() | Rest():
                await self._clear_old_problem()
                return True
            case Suspend():
                self.state.generation = self.generation
                await self._say_and_report(wording.suspended())
                return True
            case Block(problem=problem):
                await self._block(problem)
                return True
            case Finalize():
                await self._finalize()
                return True
            case Bootstrap():
                await self._bootstrap()
            case Adopt(revision=revision, promoted=promoted):
                self.say(wording.taken_over(self.state.names, self.state.phase))
                await effects.report(self.report(applied=revision, promoted=revision if promoted else None))
            case Reconcile():
                await self._open_traffic()
                await effects.report(self.report())
            case RecordUndo(restored=restored):
                await self._record_undo(restored, wording.undone(self.state.names, "", "found done, but not recorded"))
            case Restore():
                remade = await effects.create_primary(self.state.canary)
                await self._open_traffic()
                await effects.report(self.report(promoted=remade))
            case Withdraw(phase=phase):
                self.state.end(phase)
                await effects.report(self.report())
            case RollOut() | Restart() | Finish():
                await self._ship(move)
        return False

    # -- the rollout ----------------------------------------------------------------------------------------------

    async def _ship(self, move: RollOut | Restart | Finish) -> None:
        """From its beginning, or from where a rollout without a history stopped."""
        match move:
            case RollOut(revision=revision):
                if await self._may_begin(revision):
                    await self._begin(revision)
                    await self._roll_out()
            case Restart(revision=revision, promoted=promoted):
                if promoted:
                    await effects.report(self.report(promoted=Revision(template=promoted)))
                await (self._restart(revision) if workflow.patched("restart") else self._begin(revision))
                await self._roll_out()
            case Finish(revision=revision):
                self.state.revision, self.state.phase = revision, Phase.PROMOTING
                await self._roll_out(promoted=True)

    async def _may_begin(self, revision: Revision) -> bool:
        """`confirm-rollout`: nothing moves before that gate opens."""
        self.state.revision = revision
        return not self._is_guarded(Gate.ROLLOUT) or await self._unless_rolled_back(self._pass_gate(Gate.ROLLOUT))

    async def _begin(self, revision: Revision) -> None:
        self.state.take_up(revision)
        self.say(wording.new_revision(self.state.names))
        self.alert(alerts.progressing(), Severity.INFO, fields=True)
        for caveat in self._plan().caveats:
            self.say(caveat, warning=True)

    async def _roll_out(self, *, promoted: bool = False) -> bool:
        """Until the pinned revision, or the one that superseded it, is promoted or rolled back; then look again."""
        while True:
            story = self._finish_promotion() if promoted else self._analyse_and_promote()
            try:
                await self._unless_rolled_back(story)
            except Superseded as newer:
                await self._restart(newer.revision)
            else:
                return False

    async def _unless_rolled_back(self, story: Coroutine[Any, Any, object]) -> bool:
        """Whether it went well; a cancellation of the workflow rolls back too."""
        try:
            async with self._asking_rollback_hooks():
                await story
        except RollBack as why:
            await self._in_full(self._roll_back(str(why), why.severity))
        except (ActivityError, asyncio.CancelledError) as error:
            if not is_cancelled_exception(error):
                raise
            await self._in_full(self._roll_back_cancelled())
        else:
            return True
        return False

    async def _analyse_and_promote(self) -> None:
        state = self.state
        if state.canary_since is None:
            await self._scale_up()
            await self._await_canary()
        if not state.analysing:
            await self._pass_pre_rollout_hooks()
        if not self._skips_analysis():
            await self._analyse()
        if not self._skips_analysis():
            await self._switch_to_green()
        await self._promote()

    async def _restart(self, revision: Revision) -> None:
        """All traffic on the primary while the newer pods come up; on one that serves nobody, it stays off."""
        weight = self.state.weight
        self.say(wording.restarting(self.state.names))
        self.state.take_up(revision)
        if self.state.primary_serving:
            await self._route(0)
        else:
            self.state.weight = weight

    async def _scale_up(self) -> None:
        report = self.report(applied=self.state.revision)
        await effects.scale(Scale(canary=self.state.canary, up=True, fresh=self.state.fresh_pods, report=report))

    async def _await_canary(self) -> None:
        try:
            await self._await_ready(Role.CANARY)
        except NotReady as lacking:
            raise RollBack(wording.deadline_exceeded(self.state.canary, str(lacking))) from None
        self.state.canary_since = workflow.now()

    # -- promotion ------------------------------------------------------------------------------------------------

    async def _switch_to_green(self) -> None:
        """Blue/green passed: the canary takes the traffic while the primary is brought to the new revision."""
        if self._plan().strategy is Strategy.BLUE_GREEN and self._plan().routed:
            self.say(wording.routing_to_canary(mirrored=self.state.mirrored))
            await self._route(FULL)

    async def _promote(self) -> None:
        """Copy exactly what was analysed; the target having changed at the last moment restarts the analysis."""
        state = self.state
        revision = self._revision()
        state.phase, state.halt, state.canary_since = Phase.PROMOTING, "", None
        state.leave_gate()
        self.say(wording.copying(state.names))
        order = Promotion(canary=state.canary, revision=revision, report=self.report())
        if await effects.promote(order) is PromotionOutcome.SUPERSEDED:
            state.phase = Phase.PROGRESSING
            await self._reconsider()
            # Changed and changed back: the pods are new ones, so they are analysed again.
            raise Superseded(revision)
        await self._finish_promotion()

    async def _finish_promotion(self) -> None:
        """Traffic returns to the primary only when the primary is ready, and only then does the canary go."""
        state = self.state
        skipped = self._plan().skip_analysis
        await self._await_promoted()
        while rest := descent(state.weight, self._plan().promotion_step)[0]:
            self.say(wording.primary_advanced(state.canary, FULL - rest))
            await self._route(rest)
            await self._pass_time(self._plan().interval_seconds)
            await self._await_promoted()
        state.phase = Phase.FINALISING
        if self._plan().promotion_step and state.weight:
            self.say(wording.primary_advanced(state.canary, FULL))
        elif self._plan().routed:
            self.say(wording.routing_to_primary())
        await self._lead_away()
        state.end(Phase.SUCCEEDED)
        self.say(wording.completed_without_analysis(state.names) if skipped else wording.completed(state.names))
        self.alert(alerts.promoted(skipped=skipped), Severity.INFO)
        report = self.report(applied=self._revision(), promoted=self._revision())
        await self._settle(Scale(canary=state.canary, up=False, report=report))
        await self._call_post_rollout_hooks()

    async def _await_promoted(self) -> None:
        try:
            await self._await_ready(Role.PRIMARY)
        except NotReady as lacking:
            raise RollBack(wording.promotion_failed(self.state.names, str(lacking))) from None

    # -- rollback -------------------------------------------------------------------------------------------------

    async def _roll_back(self, sentence: str, severity: Severity) -> None:
        """Traffic first, then the pods, then the record of why."""
        state = self.state
        state.canary_since = None
        self.say(sentence, warning=True)
        reason = {"Reason": state.halt} if state.halt else {}
        self.alert(alerts.rolled_back(state.canary, state.names, sentence), severity, details=reason)
        state.halt = f"{state.halt}; {sentence}" if state.halt else sentence
        state.leave_gate()
        serving = state.primary_serving
        if state.phase in PROMOTED:
            serving = (await effects.undo_promotion(state.canary)).serving
        if not serving:
            await self._await_serving_primary()
        await self._lead_away()
        state.end(Phase.FAILED)
        self.say(wording.failed(state.canary), warning=True)
        await self._settle(Scale(canary=state.canary, up=False, report=self.report(applied=state.revision)))
        await self._call_post_rollout_hooks()

    async def _await_serving_primary(self) -> None:
        """Traffic stays where it is for as long as the primary has no pod for it; a newer revision may be the cure."""
        state, names = self.state, self.state.names
        wait = Wait(canary=state.canary, role=Role.PRIMARY, available=0)
        listens = workflow.patched("rollback-listens")
        while True:
            state.steering.abort, outages = None, self.primary_outages
            coming = effects.await_ready(wait, names.primary)
            try:
                answer = await (self._watching(coming) if listens else coming)
            except RollBack:  # aborted again, or the target went: it is being rolled back already
                continue
            if not isinstance(answer, Stuck):
                if self._went_down_since(outages):
                    continue
                return
            state.waiting = wording.waiting(names.primary, names.namespace, answer.why)
            await workflow.sleep(self._plan().interval_seconds)

    async def _roll_back_cancelled(self) -> None:
        """A cancellation is an abort; once at rest there is nothing to bring back."""
        self.cancel_heeded = True
        if self.state.phase not in AT_REST:
            aborted = wording.aborted(self.state.canary, "", "the workflow was cancelled")
            await self._roll_back(aborted, Severity.WARN)

    async def _lead_away(self) -> None:
        """All traffic on the primary; the canary's pods stay until every proxy knows."""
        drain = self._plan().drain_seconds if self.state.weight and self._plan().routed else 0
        await self._route(0)
        if drain:
            await workflow.sleep(drain)

    async def _settle(self, order: Scale) -> None:
        """The last write of a rollout: a cancellation that comes meanwhile must not lose it."""
        try:
            await effects.scale(order)
        except (ActivityError, asyncio.CancelledError) as error:
            if not is_cancelled_exception(error):
                raise
            self.cancel_heeded = True
            await effects.scale(order)

    # -- small things -----------------------------------------------------------------------------------------------

    async def _call_post_rollout_hooks(self) -> None:
        """Nothing hangs on them; the first refusal is told and spares the rest."""
        for hook in self._plan().post_rollout:
            answer = await effects.call_hook(self._hook_call("post-rollout", hook))
            if answer.refusal:
                self.say(wording.post_rollout_failed(hook, answer.refusal), warning=True)
                break
            self.say(wording.hook_passed("post-rollout", hook))
        if self.state.notes:
            await effects.report(self.report())

    def _ending(self) -> Ending:
        state = self.state
        return Ending(phase=state.phase, revision=state.revision.template if state.revision else "", reason=state.halt)


def is_gone(error: ActivityError) -> bool:
    """Whether an activity found the Canary object deleted."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == CANARY_GONE
