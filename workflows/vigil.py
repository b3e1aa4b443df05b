"""Waiting without ever being deaf: to a person, to a newer revision, to a deletion.

`CanaryRollout` inherits from it; nothing here knows the order of a rollout.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import effects, wording
from workflows.console import Console
from workflows.effects import Ready, Role, Route, Stuck, Wait, Waiting
from workflows.interruptions import Ended, NotReady, RollBack, Superseded
from workflows.observation import AT_REST, PROMOTED, UNBORN, Gate, Observation, Phase, Plan, Revision, Severity
from workflows.steering import Command

Result = TypeVar("Result")


class Vigil(Console):
    """Every wait of a rollout goes through here."""

    told = ""
    """The message of condition Promoted when the canary was last looked at."""
    generation = 0
    """Of the Canary when it was last looked at."""
    cancel_heeded = False
    """The workflow was cancelled, and that rollout is over; a later one is not to be rolled back for it."""
    suspensions = 0
    """Each may have lasted for days: what was answered before it is out of date."""
    primary_outages = 0
    """Looks that found the primary without an available pod: whoever said before that it is ready is out of date."""

    async def _await_ready(self, role: Role) -> None:
        """Until the workload is ready; every progress of its pods buys a new deadline."""
        names = self.state.names
        workload = names.target if role is Role.CANARY else names.primary
        available, lacking = -1, "its pods are not seen yet"
        while True:
            wait = Wait(canary=self.state.canary, role=role, available=available)
            suspensions, outages = self.suspensions, self.primary_outages
            try:
                readiness = await self._watching(effects.await_ready(wait, workload), seconds=self._deadline())
            except TimeoutError:
                return await self._look_once_more(wait, workload, lacking)
            if self.suspensions > suspensions and workflow.patched("look-again-after-suspension"):
                continue
            match readiness:
                case Ready() if role is Role.PRIMARY and self._went_down_since(outages):
                    pass
                case Ready():
                    self.state.waiting = ""
                    return None
                case Stuck(why=why):
                    raise NotReady(why)
                case Waiting(why=why, available=now):
                    available, lacking = now, why
                    sentence = wording.waiting(workload, names.namespace, why)
                    if sentence != self.state.waiting or not workflow.patched("waiting-said-once"):
                        self.say(sentence)
                    self.state.waiting = sentence

    def _went_down_since(self, outages: int) -> bool:
        return self.primary_outages > outages and workflow.patched("primary-looked-at-again")

    async def _look_once_more(self, wait: Wait, workload: str, lacking: str) -> None:
        """The deadline may have passed while the cluster could not be asked: only what it says now counts."""
        wait = wait.model_copy(update={"available": -1})
        match await self._watching(effects.await_ready(wait, workload)):
            case Ready():
                self.state.waiting = ""
            case Stuck(why=why) | Waiting(why=why):
                raise NotReady(why or lacking)

    async def _until_next_check(self) -> None:
        """A durable timer on a fixed schedule, cut short by a person's promote or approval, or by a gate's time-out.

        Each does so once: the check that followed did not pass, and the next one is not hurried for it.
        """
        state, interval = self.state, timedelta(seconds=self._plan().interval_seconds)
        due = state.next_check or workflow.now() + interval
        heard = state.hurried_by if state.hurried_by and workflow.patched("approval-hurries-once") else None
        seconds, left = self._seconds_to_next_check(), self._time_left(state.gate)
        if left is not None and not state.timed_out:
            seconds = min(seconds, left)
        with suppress(TimeoutError):
            await self._watching(until=partial(self._is_urged, heard), seconds=seconds)
        state.hurried_by, state.timed_out = state.steering.approval, self._time_left(state.gate) == 0
        now = workflow.now()
        in_time = due <= now < due + interval
        state.next_check = (due if in_time else now) + interval

    def _time_left(self, gate: Gate | None) -> float | None:
        """Seconds that it may still stay closed, 0 when they are over; None for ever, or while nothing waits there."""
        limit, since = self._plan().approval_seconds, self.state.gate_since
        if not limit or since is None or self.state.gate is not gate:
            return None
        return max(0.0, limit - (workflow.now() - since).total_seconds())

    def _seconds_to_next_check(self) -> float:
        due = self.state.next_check
        return max(0.0, (due - workflow.now()).total_seconds()) if due else self._plan().interval_seconds

    async def _pass_time(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await self._watching(seconds=seconds)

    def _schedule_from_now(self) -> None:
        self.state.next_check = workflow.now() + timedelta(seconds=self._plan().interval_seconds)

    async def _watching(
        self,
        work: Coroutine[Any, Any, Result] | None = None,
        *,
        until: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
    ) -> Result:
        """Await work (or a condition), but act at once on an abort, a newer revision or a deletion.

        Raises:
            RollBack: somebody aborted, or the target is gone.
            Superseded: the target has a newer revision.
            Ended: the Canary is gone or being deleted.
            TimeoutError: `seconds` passed; what was spent on looking, telling and being suspended does not count.
            CancelledError: the workflow was cancelled, be it during a write, which swallows that.
        """
        task = asyncio.create_task(work) if work else None
        due = workflow.time() + seconds if seconds is not None else None
        try:
            while True:
                left = None if due is None else max(0.001, due - workflow.time())
                await workflow.wait_condition(lambda: self._stirs() or until() or done(task), timeout=_delta(left))
                came = workflow.time()
                await self._attend()
                due = None if due is None else due + workflow.time() - came
                if task and task.done():
                    return task.result()
                if task is None and until():
                    return None  # type: ignore[return-value]  # a condition has no result
        finally:
            if task and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, ActivityError):
                    await task

    async def _in_full(self, story: Coroutine[Any, Any, None]) -> None:
        """A cancellation that comes meanwhile wants what is being done already, and must not cut it short."""
        task = asyncio.create_task(story)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                self.cancel_heeded = True
                if task.cancelled():
                    raise
        task.result()

    async def _continue_as_new_when_long(self) -> None:
        """Not while a message is on its way: the next run would not know of it."""
        if not workflow.info().is_continue_as_new_suggested():
            return
        await self._tell_until_next_check()
        if self._may_continue():
            state = self.state.model_copy(deep=True)
            workflow.continue_as_new(self._request.model_copy(update={"state": state}))

    def _may_continue(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and not self.is_telling and not self._stirs()

    def _stirs(self) -> bool:
        return self.changed or self._must_abort() or bool(self.state.notes)

    def _must_abort(self) -> bool:
        return self.state.steering.abort is not None or bool(self.state.rollback_hook) or self._is_cancelled()

    def _is_cancelled(self) -> bool:
        return workflow.cancellation_reason() is not None and not self.cancel_heeded

    async def _attend(self) -> None:
        """Whatever stirred: an abort goes first, then a change, then what was said and not yet shown."""
        self._heed_abort()
        if self.changed:
            await self._reconsider()
        await self._tell()

    def _heed_abort(self) -> None:
        if abort := self.state.steering.abort:
            raise RollBack(wording.aborted(self.state.canary, abort.by, abort.reason), Severity.WARN)
        if self.state.rollback_hook:
            raise RollBack(wording.rollback_hook_invoked(self.state.canary), Severity.WARN)
        if self._is_cancelled():
            raise asyncio.CancelledError

    async def _reconsider(self) -> None:
        """Look again in the middle of things, and go on unless what was seen forbids it."""
        seen = await self._look()
        if seen.suspended:
            seen = await self._stay_suspended()
        if self.state.phase in PROMOTED:
            await self._shield_from_unanalysed(seen)
            return
        if not seen.target_found and self._has_to_roll_back():
            raise RollBack(wording.target_missing(self.state.canary, seen.problem))
        if seen.problem and seen.problem != self.state.problem:
            self.say(seen.problem, warning=True)
        self.state.problem = seen.problem
        if seen.revision and seen.revision != self.state.revision:
            raise Superseded(seen.revision)

    def _has_to_roll_back(self) -> bool:
        """Whether a release is under way; a bootstrap has nothing to take back, nor has an undo, which is at rest."""
        phase = self.state.phase
        return phase not in UNBORN and not (phase in AT_REST and workflow.patched("undo-outlives-target"))

    async def _look(self) -> Observation:
        self.changed = False
        seen = await self._observe()
        if not seen.found or seen.deleting:
            raise Ended
        return seen

    async def _stay_suspended(self) -> Observation:
        """Until it is not any more; only an abort or a deletion is heard meanwhile."""
        self.suspensions += 1
        if not self.state.suspended:
            self.state.suspended = True
            await self._say_and_report(wording.suspended())
        while True:
            await workflow.wait_condition(self._stirs)
            self._heed_abort()
            await self._tell()
            if self.changed and not (seen := await self._look()).suspended:
                self.state.suspended = False
                return seen
            if self.state.canary_since and self._may_continue():
                await self._continue_as_new_when_long()

    async def _shield_from_unanalysed(self, seen: Observation) -> None:
        """During a promotion a newer revision gets no traffic; it has its own rollout afterwards."""
        if seen.revision != self.state.revision and seen.primary_serving and self.state.weight:
            await self._route(0)

    # -- looking and telling -----------------------------------------------------------------------------------------

    async def _observe(self) -> Observation:
        state = self.state
        seen = await effects.observe(state.canary, route=state.revision is None)
        if seen.found:
            state.names, self.generation = seen.names, seen.generation
            state.config_versions = seen.config_versions
            state.plan = seen.plan or state.plan
            state.primary_serving = seen.primary_serving
            self.primary_outages += not seen.primary_serving
            self.told = seen.status.message
            if state.revision is None:
                self._rebuild_from(seen)
        else:
            state.phase = Phase.TERMINATED
            self._show()
        return seen

    def _rebuild_from(self, seen: Observation) -> None:
        """What is known before anything was done; a failure keeps its reason, whatever is reported next.

        Where the route was read it tells the weight: the status may show none although users are on the canary.
        """
        state, status = self.state, seen.status
        state.phase, state.failed_checks, state.iteration = status.phase, status.failed_checks, status.iterations
        state.weight = status.weight if seen.routed_weight is None else seen.routed_weight
        state.generation = status.generation
        failed = status.phase is Phase.FAILED
        state.halt = wording.reason(status.phase, state.names, status.message) if failed else ""

    async def _route(self, weight: int, *, mirrored: bool = False) -> None:
        self.state.weight, self.state.mirrored = weight, mirrored
        await effects.route(Route(canary=self.state.canary, weight=weight, mirrored=mirrored, report=self.report()))

    async def _tell(self) -> None:
        if self.state.notes:
            await effects.report(self.report())

    async def _tell_until_next_check(self) -> None:
        """Until chats and event webhooks were told, at the latest when the next check is due."""
        if self.is_telling:
            with suppress(TimeoutError):
                await self._watching(until=lambda: not self.is_telling, seconds=self._seconds_to_next_check())

    async def _finish_telling(self) -> None:
        """Until chats and event webhooks were told, or given up, unless something changed: that goes first."""
        while self.is_telling and not self.changed:
            await workflow.wait_condition(lambda: self.changed or bool(self.state.notes) or not self.is_telling)
            await self._tell()

    async def _say_and_report(self, sentence: str, *, warning: bool = False) -> None:
        self.say(sentence, warning=warning)
        await effects.report(self.report())

    # -- what the state must hold by now ------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        plan = self.state.plan
        if plan is None:
            raise ApplicationError("no plan before the first observation", non_retryable=True)
        return plan

    def _revision(self) -> Revision:
        revision = self.state.revision
        if revision is None:
            raise ApplicationError("no revision is pinned", non_retryable=True)
        return revision

    def _deadline(self) -> float:
        return self.state.plan.deadline_seconds if self.state.plan else 600.0

    def _skips_analysis(self) -> bool:
        return self._plan().skip_analysis or self.state.steering.promote is not None

    def _is_urged(self, heard: Command | None) -> bool:
        return self._skips_analysis() or self.state.steering.approval not in (None, heard)


def done(task: asyncio.Task[Any] | None) -> bool:
    """Whether there is a task, and it ended."""
    return task is not None and task.done()


def _delta(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
