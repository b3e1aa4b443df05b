"""The analysis: a step, held for an interval and then judged, and the next, until the release is good or bad.

`CanaryRollout` inherits from it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow

from workflows import effects, wording
from workflows.effects import Division, Examination, Findings, HookAnswer, Role
from workflows.gates import Gatekeeper
from workflows.interruptions import NotReady, RollBack
from workflows.observation import Gate, Strategy
from workflows.verdict import COUNTED, Check, judge, worst
from workflows.weights import Step, is_edited_away, next_step


class Analyst(Gatekeeper):
    """Takes the steps, asks the checks, and counts."""

    # -- before the first step -------------------------------------------------------------------------------------

    async def _pass_pre_rollout_hooks(self) -> None:
        """Each once per revision until it agrees; a refusal is a failed check, and is asked again an interval later."""
        if self._skips_analysis():
            return
        if self.state.next_check is None:
            self.say(wording.starting_analysis(self.state.names))
            self._schedule_from_now()
        for hook in self._plan().pre_rollout:
            while hook not in self.state.passed_hooks and not self._skips_analysis():
                await self._continue_as_new_when_long()
                await self._ask_before_rollout(hook)
        self.state.analysing = True

    async def _ask_before_rollout(self, hook: str) -> None:
        answer = await self._watching(effects.call_hook(self._hook_call("pre-rollout", hook)))
        if not answer.refusal:
            self.state.passed_hooks.append(hook)
            self.state.unreadable_rounds, self.state.halt = 0, ""
            self.say(wording.hook_passed("pre-rollout", hook))
            return
        sentence = wording.hook_failed(self.state.canary, "pre-rollout", hook, answer.refusal)
        await (self._halt(sentence) if answer.reached else self._hold_unreadable(sentence))
        await self._until_next_check()

    # -- steps -----------------------------------------------------------------------------------------------------

    async def _analyse(self) -> None:
        """Step by step: hold for an interval, ask, and advance only when everything passed and the gates are open."""
        if not self.state.step.begun:
            await self._outlast_pause()
            await self._take_first_step()
            await self._start_load()
        while not self._skips_analysis():
            await self._continue_as_new_when_long()
            await self._until_next_check()
            if self._skips_analysis():
                return
            if await self._passes() and not self.state.steering.pause and await self._is_complete():
                return

    async def _outlast_pause(self) -> None:
        """Before the first step nothing is checked, so that a pause may last until the run has grown long."""
        await self._watching(
            until=lambda: not self.state.steering.pause or self._skips_analysis() or self._may_continue()
        )
        await self._continue_as_new_when_long()

    async def _take_first_step(self) -> None:
        step = next_step(self._plan(), self.state.step)
        if step is None:
            return
        if self._increases(step) and not await self._pass_gate(Gate.TRAFFIC_INCREASE):
            return
        self._schedule_from_now()
        await self._take(step)

    async def _is_complete(self) -> bool:
        """Take the next step if there is one; after the last, once the release is confirmed."""
        step = next_step(self._plan(), self.state.step)
        if step is None:
            return await self._opens(Gate.PROMOTION)
        if step.weight < self.state.weight and not await self._may_decrease():
            if not step.iteration or not workflow.patched("iterates-on-canary"):
                return False
            step = Step(self.state.weight, iteration=step.iteration)  # the release may be what mends the primary
        if not self._increases(step) or await self._opens(Gate.TRAFFIC_INCREASE):
            await self._take(step)
        return False

    def _increases(self, step: Step) -> bool:
        return self._plan().strategy is Strategy.CANARY and step.weight > self.state.weight

    async def _may_decrease(self) -> bool:
        """An edit in the middle may ask for less traffic to the canary; only a primary that serves can take it."""
        return not workflow.patched("decrease-to-serving") or (await self._look()).primary_serving

    async def _take(self, step: Step) -> None:
        state, plan = self.state, self._plan()
        stays = (step.weight, step.mirrored) == (state.weight, state.mirrored)
        state.iteration = step.iteration
        if plan.strategy is Strategy.CANARY:
            self.say(wording.advanced(state.canary, step.weight))
        else:
            self.say(wording.iterated(state.canary, step.iteration, plan.iterations))
        await (effects.report(self.report()) if stays else self._route(step.weight, mirrored=step.mirrored))

    async def _start_load(self) -> None:
        """Call the rollout hooks once before the first judgement, so that load tests have something to show by then."""
        calls = [effects.call_hook(self._hook_call("rollout", hook)) for hook in self._plan().rollout]
        if calls:
            await self._watching(gather(calls))

    # -- the verdict -----------------------------------------------------------------------------------------------

    async def _passes(self) -> bool:
        """Ask every check of the step at once; what failed or had no data counts, what was unreadable only holds."""
        findings = await self._watching(effects.examine(self._examination(), self.state.weight))
        self.state.plan = findings.plan or self.state.plan
        self.state.checks = list(findings.checks)
        if findings.waiting:
            await self._wait_again(findings)
            return False
        if findings.division and self._is_changed(findings.division):
            await self._route_again(findings.division)
            return False
        deciding = worst(self.state.checks)
        if deciding is None:
            self.state.halt, self.state.unreadable_rounds = "", 0
            return True
        await self._hold(deciding)
        return False

    def _is_changed(self, found: Division) -> bool:
        """Whether somebody else divides the traffic otherwise than the last step did."""
        if is_edited_away(self._plan(), self.state.step):
            return False
        return (found.weight, found.mirrored) != (self.state.weight, self.state.mirrored)

    async def _route_again(self, found: Division) -> None:
        """What was measured under another weight proves nothing of this one, good or bad: the step is held."""
        state = self.state
        seen = None if found.weight is None else Step(found.weight, found.mirrored)
        state.halt = wording.route_changed(state.canary, seen, state.step)
        self.say(state.halt, warning=True)
        await self._route(state.weight, mirrored=state.mirrored)

    async def _hold(self, check: Check) -> None:
        sentence = wording.halted(self.state.canary, self.state.names, check)
        if judge(check) in COUNTED:
            self.state.unreadable_rounds = 0
            await self._halt(sentence)
        else:
            await self._hold_unreadable(sentence)

    async def _halt(self, sentence: str) -> None:
        """One more failed check: say why, and roll back when it is one too many."""
        state = self.state
        state.failed_checks += 1
        state.halt = sentence
        self.say(sentence, warning=True)
        if state.failed_checks >= self._plan().threshold:
            raise RollBack(wording.threshold_reached(state.canary, state.failed_checks))
        await effects.report(self.report())

    async def _hold_unreadable(self, sentence: str) -> None:
        """Nothing is known about the release: stay, say it once, and obey the limit a user may have set."""
        state, limit = self.state, self._plan().unreadable_limit
        state.unreadable_rounds += 1
        if state.unreadable_rounds == 1:
            state.halt = sentence
            await self._say_and_report(sentence, warning=True)
        if limit and state.unreadable_rounds >= limit:
            raise RollBack(wording.unreadable_limit_reached(state.canary, state.unreadable_rounds))

    async def _wait_again(self, findings: Findings) -> None:
        """Pods became unready in the middle: no verdict on the release, but they get no longer than the deadline."""
        if findings.waiting_for is Role.PRIMARY and workflow.patched("primary-went-down"):
            self.state.primary_serving = False  # whoever rolls back meanwhile looks whether any pod is left
        try:
            await self._await_ready(findings.waiting_for)
        except NotReady as lacking:
            raise RollBack(wording.deadline_exceeded(self.state.canary, str(lacking))) from None
        if findings.waiting_for is Role.PRIMARY:
            self.state.primary_serving = True

    def _examination(self) -> Examination:
        since = self.state.canary_since or workflow.now()
        return Examination(
            canary=self.state.canary,
            revision=self._revision(),
            canary_since=since,
            primary_matters=self.state.primary_serving,
        )


async def gather(calls: list[Coroutine[Any, Any, HookAnswer]]) -> list[HookAnswer]:
    """As `asyncio.gather`, as a coroutine."""
    return list(await asyncio.gather(*calls))
