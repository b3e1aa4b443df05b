"""What is done for a canary outside of a rollout: bootstrap, finalize, and saying what blocks it.

`CanaryRollout` inherits from it.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import alerts, effects, wording
from workflows.effects import Role, Scale, Wait
from workflows.gates import Gatekeeper
from workflows.interruptions import NotReady, RollBack, Superseded
from workflows.observation import AT_REST, Phase, Revision, Severity
from workflows.steering import Command


class Upkeep(Gatekeeper):
    """The beginning and the end of a canary's life, and its pauses."""

    # -- bootstrap ------------------------------------------------------------------------------------------------

    async def _bootstrap(self) -> None:
        """A ready primary first, then the traffic, and only then is the target scaled to zero."""
        state = self.state
        state.phase, state.halt = Phase.INITIALIZING, ""
        await effects.report(self.report())
        state.revision, _ = await asyncio.gather(effects.create_primary(state.canary), self._probe())
        with suppress(Superseded):  # the primary follows the target for as long as nobody is served by it
            await self._await_first_primary()
            await self._open_traffic()
            state.phase, state.halt, state.waiting = Phase.INITIALIZED, "", ""
            self.say(wording.initialized(state.canary))
            self.alert(alerts.initialized(state.names), Severity.INFO, fields=True)
            report = self.report(applied=state.revision, promoted=state.revision)
            await effects.scale(Scale(canary=state.canary, up=False, report=report))

    async def _probe(self) -> None:
        """A metric provider that cannot be asked is told before it is needed, and stops nothing."""
        plan = self._plan()
        if not plan.measured or plan.skip_analysis:
            return
        if problems := (await effects.probe(self.state.canary)).problems:
            self.say(wording.providers_unavailable(problems), warning=True)
        else:
            self.say(wording.providers_available())

    async def _open_traffic(self) -> None:
        """Bring what leads the traffic to the spec as it was last looked at."""
        await effects.open_traffic(self.state.canary)
        self.state.generation = self.generation

    async def _await_first_primary(self) -> None:
        """Without a deadline that ends things: there is nothing to go back to. Each new reason is told once."""
        while True:
            await self._continue_as_new_when_long()
            try:
                return await self._await_ready(Role.PRIMARY)
            except NotReady as lacking:
                sentence = wording.primary_not_ready(self.state.names, str(lacking))
            if sentence != self.state.halt:
                self.state.halt = sentence
                await self._say_and_report(sentence, warning=True)
            await self._pass_time(self._plan().interval_seconds)

    # -- deletion and what blocks -----------------------------------------------------------------------------------

    async def _finalize(self) -> None:
        """`revertOnDeletion`: the target serves again before anything of ours goes."""
        state = self.state
        state.phase, state.halt = Phase.TERMINATING, ""
        await self._say_and_report(wording.terminating(state.canary))
        if await effects.hand_back(state.canary):
            await self._await_target()
        await self._say_and_report(wording.terminated(state.canary))
        await effects.release(state.canary)
        state.phase = Phase.TERMINATED

    async def _await_target(self) -> None:
        """Within the deadline: a target that cannot start must not keep the Canary from going."""
        wait = Wait(canary=self.state.canary, role=Role.CANARY, available=0)
        waiting = asyncio.create_task(effects.await_ready(wait, self.state.names.target))
        with suppress(TimeoutError):
            await workflow.wait_condition(waiting.done, timeout=self._deadline())
        waiting.cancel()
        with suppress(asyncio.CancelledError, ActivityError):
            await waiting

    async def _undo(self, command: Command) -> bool:
        """The primary runs what it ran before the last promotion; the target keeps its template. At rest afterwards."""
        state = self.state
        state.steering.undo = None
        undone = await effects.undo_promotion(state.canary)
        if not undone.restored:
            sentence = wording.nothing_to_undo(state.canary)
            await self._say_and_report(sentence, warning=True)
            state.halt = sentence  # for whoever asked, not for the condition
            return True
        await self._record_undo(undone.restored, wording.undone(state.names, command.by, command.reason))
        return True

    async def _record_undo(self, restored: str, sentence: str) -> None:
        state = self.state
        state.phase, state.halt = Phase.FAILED, sentence
        self.say(sentence, warning=True)
        self.alert(alerts.undone(), Severity.WARN, details={"Reason": state.halt})
        await effects.report(self.report(promoted=Revision(template=restored)))
        try:
            await self._await_ready(Role.PRIMARY)
            await self._route(0)  # a route that names the primary's revision, as Knative's does, has to follow it
        except NotReady as lacking:
            await self._say_and_report(wording.primary_not_ready(state.names, str(lacking)), warning=True)
        except RollBack as why:  # at rest there is nothing to roll back
            await self._say_and_report(str(why), warning=True)

    async def _block(self, problem: str) -> None:
        """Say it once; the operator starts a new run when something changes."""
        state = self.state
        if state.phase is Phase.NEW:
            state.phase = Phase.INITIALIZING
        state.halt = problem
        if problem not in self.told:
            await self._say_and_report(problem, warning=True)

    async def _clear_old_problem(self) -> None:
        """What blocked the canary is mended: its condition must not go on saying so."""
        state = self.state
        fitting = wording.condition(state.phase, state.names, state.halt)[1]
        if state.phase in AT_REST and self.told not in ("", fitting):
            await effects.report(self.report())
