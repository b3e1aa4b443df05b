"""Gates: where a release waits for a yes, from webhooks, from a person, or from both.

`CanaryRollout` inherits from it. A closed gate holds no activity: its hooks are asked again an interval later, and a
person's answer is a message to the workflow.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows import alerts, effects, wording
from workflows.effects import HookCall
from workflows.interruptions import RollBack
from workflows.observation import Gate, Phase, Plan, Severity
from workflows.vigil import Vigil

WAITING_PHASES = {Gate.ROLLOUT: Phase.WAITING, Gate.PROMOTION: Phase.WAITING_PROMOTION}
"""A closed gate for a traffic increase keeps the phase (Flagger 1.44)."""
A_PERSON = "by a person"


class Gatekeeper(Vigil):
    """Asks at gates, and asks the rollback hooks all along."""

    async def _pass_gate(self, gate: Gate) -> bool:
        """Wait until it opens, meanwhile nothing else goes on; False when what it guards is skipped by now."""
        while not await self._opens(gate):
            if gate is not Gate.ROLLOUT and self._skips_analysis():
                return False
            await self._wait_at(gate)
        return True

    async def _wait_at(self, gate: Gate) -> None:
        """Until it is to be asked again; only then does a long run continue, lest hooks be asked before their time."""
        may_open = partial(self._may_open, self._plan() if workflow.patched("gate-hears-edits") else None)
        asks_hooks = bool(self._plan().gates.get(gate))
        with suppress(TimeoutError):
            await self._watching(
                until=lambda: may_open() or (not asks_hooks and self._may_continue()), seconds=self._patience(gate)
            )
        await self._continue_as_new_when_long()

    def _may_open(self, asked: Plan | None) -> bool:
        """A person answered, or the spec wants something else than it did when the gate was asked."""
        return self.state.steering.approval is not None or (asked is not None and asked != self._plan())

    async def _opens(self, gate: Gate) -> bool:
        """Ask once: the hooks in order, then the person. The first no is told, and starts the time that it may take.

        Raises:
            RollBack: nobody opened it in time.
        """
        closed_by = await self._closed_by(gate) if self._is_guarded(gate) else ""
        if closed_by:
            await self._stay_at(gate, closed_by)
            return False
        if self.state.phase in WAITING_PHASES.values():
            self.state.phase = Phase.PROGRESSING
        self.state.leave_gate()
        return True

    def _is_guarded(self, gate: Gate) -> bool:
        return bool(self._plan().gates.get(gate)) or gate in self._plan().approvals

    async def _closed_by(self, gate: Gate) -> str:
        """Who said no; empty when the gate opens."""
        plan, canary = self._plan(), self.state.canary
        if self.state.steering.approval:
            return ""
        if self._time_left(gate) == 0:
            if not plan.approval_by_default:
                raise RollBack(wording.approval_timed_out(canary, gate))
            self.say(wording.approved_by_default(canary, gate))
            return ""
        hooks = plan.gates.get(gate, ())
        for hook in hooks:
            answer = await self._watching(effects.call_hook(self._hook_call(gate, hook)))
            if answer.refusal:
                return hook
        if gate in plan.approvals:
            return A_PERSON
        for hook in hooks:
            self.say(wording.hook_passed(gate, hook))
        return ""

    async def _stay_at(self, gate: Gate, closed_by: str) -> None:
        state = self.state
        if state.gate is not gate:
            state.gate, state.gate_since = gate, workflow.now()
        elif not self._has_come_to_a_person(closed_by):
            return
        state.closed_by = closed_by
        state.phase = WAITING_PHASES.get(gate, state.phase)
        state.waiting = wording.waiting_for_approval(state.canary, gate, closed_by)
        if closed_by not in self._plan().muted:
            answers = {"Answers": alerts.answers(state.canary)}
            self.alert(alerts.waiting(gate), Severity.WARN, details=answers)
        await self._say_and_report(state.waiting, warning=True)

    def _has_come_to_a_person(self, closed_by: str) -> bool:
        """The hooks, which alone were told of, agree by now: who is left to answer must hear of it."""
        left = closed_by == A_PERSON and self.state.closed_by not in ("", A_PERSON)
        return left and workflow.patched("person-after-hooks")

    def _patience(self, gate: Gate) -> float | None:
        """Until the hooks are to be asked again, or the time is over; a person needs no asking again."""
        bounds = [self._time_left(gate), self._plan().interval_seconds if self._plan().gates.get(gate) else None]
        return min((bound for bound in bounds if bound is not None), default=None)

    # -- rollback hooks -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _asking_rollback_hooks(self) -> AsyncIterator[None]:
        """All along, whatever the rollout waits for: one that agrees is an abort."""
        asking = asyncio.create_task(self._ask_rollback_hooks())
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            self.state.rollback_hook = ""

    async def _ask_rollback_hooks(self) -> None:
        while not self.state.rollback_hook:
            await workflow.wait_condition(lambda: bool(self._plan().rollback))
            for hook in self._plan().rollback:
                await self._ask_for_rollback(hook)
            await workflow.sleep(self._plan().interval_seconds)

    async def _ask_for_rollback(self, hook: str) -> None:
        try:
            answer = await effects.call_hook(self._hook_call("rollback", hook))
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            return  # the Canary is gone; the rollout finds out by itself
        if not answer.refusal:
            self.say(wording.hook_passed("rollback", hook))
            self.state.rollback_hook = hook
        elif hook not in self.state.silent_hooks:
            self.state.silent_hooks.append(hook)
            self.say(wording.rollback_hook_silent(hook))

    # -- what both need -----------------------------------------------------------------------------------------------

    def _hook_call(self, kind: str, name: str) -> HookCall:
        state = self.state
        return HookCall(canary=state.canary, type=kind, name=name, phase=state.phase, revision=self._revision())
