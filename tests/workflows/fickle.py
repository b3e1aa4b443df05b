"""A world that changes at any time, and in which whatever is done may be done twice."""

from collections import Counter

from temporalio.exceptions import ApplicationError

from tests.workflows.scenario import World, steps_of
from workflows.effects import (
    Examination,
    Findings,
    HookAnswer,
    HookCall,
    Look,
    Ready,
    Readying,
    Report,
    Role,
    Undone,
    Wait,
    Waiting,
)
from workflows.observation import CanaryRef, Observation, Phase, Plan, Revision
from workflows.rollout import CANARY_GONE

ONCE = (
    "New revision detected!",
    "Starting canary analysis",
    "Pre-rollout check",
    "Advance",
    "Copying",
    "Routing all traffic",
    "Promotion completed!",
    "Rolling back",
    "Canary failed!",
    "Initialization done!",
)
"""Beginnings of what is said once in a rollout."""


class FickleWorld(World):
    """Pods come and go unasked, so traffic may only not be led to what was seen to be unready."""

    def __init__(self) -> None:
        super().__init__()
        self.seen_down: set[Role] = set()
        """Workloads of which the workflow last heard that they have no pod."""
        self.told: Counter[str] = Counter()
        """In this rollout."""
        self._seen = [self.plan]
        """As it was whenever the workflow looked."""
        self._all_steps: set[int] = set()

    @property
    def plan_seen(self) -> Plan:
        """It may have been edited since."""
        return self._seen[-1]

    @property
    def primary_may_serve(self) -> bool:
        """Nobody knew better, or it has all the traffic already."""
        serves_all = self.weight == 0 and bool(self.status.promoted)
        return self.primary_available or Role.PRIMARY not in self.seen_down or serves_all

    @property
    def canary_may_serve(self) -> bool:
        """Nobody knew better."""
        return self.canary_ready or Role.CANARY not in self.seen_down

    def forget_rollout(self) -> None:
        """Its history is gone, or its plan is another: the next sentences may be those of before."""
        self.told.clear()

    def _see(self, role: Role, *, up: bool) -> None:
        self.seen_down = self.seen_down - {role} if up else self.seen_down | {role}

    def _see_plan(self) -> None:
        self._seen.append(self.plan)

    def _steps(self) -> set[int]:
        """An order may be of a plan that was edited since, and is given again when its answer was lost."""
        for plan in self._seen:
            self._all_steps |= steps_of(plan, self.weight)
        return self._all_steps

    async def observe(self, look: Look) -> Observation:
        """As before."""
        self._see_plan()
        self._see(Role.PRIMARY, up=self.primary_available)
        return await super().observe(look)

    async def create_primary(self, ref: CanaryRef) -> Revision:
        """Tried until there is a target, or the Canary is to go."""
        self._need_target()
        return await super().create_primary(ref)

    async def open_traffic(self, ref: CanaryRef) -> None:
        """As before."""
        self._need_target()
        await super().open_traffic(ref)

    def _need_target(self) -> None:
        if self.target is None:
            kind = CANARY_GONE if self.deleting else "Refused"
            raise ApplicationError("deployment podinfo.test not found", type=kind, non_retryable=self.deleting)

    async def examine(self, order: Examination) -> Findings:
        """Who is waited for was seen to be down."""
        self._see_plan()
        findings = await super().examine(order)
        if findings.waiting:
            self._see(findings.waiting_for, up=False)
        return findings

    async def call_hook(self, call: HookCall) -> HookAnswer:
        """A rollback hook is silent, unless it is to say something."""
        if call.type == "rollback" and not self.hook_answers.get(call.name):
            return HookAnswer(refusal="not now")
        return await super().call_hook(call)

    async def await_ready(self, wait: Wait) -> Readying:
        """Nothing sleeps here: what is not ready yet is asked again."""
        up = self.canary_ready if wait.role is Role.CANARY else self.primary_available
        if not up and wait.available >= 0 and wait.role not in self.stuck:
            raise ApplicationError("not yet")
        answer = await super().await_ready(wait)
        self._see(wait.role, up=not isinstance(answer.readiness, Waiting) and up)
        assert up or not isinstance(answer.readiness, Ready)
        return answer

    async def undo_promotion(self, ref: CanaryRef) -> Undone:
        """The answer tells."""
        undone = await super().undo_promotion(ref)
        self._see(Role.PRIMARY, up=undone.serving)
        return undone

    async def _take(self, what: Report) -> None:
        """What is reported again finds its events there."""
        fresh = tuple(note for note in what.notes if self.notes.get(note.id) != note)
        what = what.model_copy(update={"notes": fresh})
        if what.phase is Phase.WAITING:
            self.told.clear()
        for note in what.notes:
            if note.text.startswith("New revision detected!"):
                self.told.clear()
            self.told[note.text] += 1
        doubled = [text for text, times in self.told.items() if times > 1 and text.startswith(ONCE)]
        assert not doubled, f"said twice: {doubled}"
        if what.phase is Phase.SUCCEEDED and what.promoted:
            assert what.promoted.template == self.primary.template, "succeeded with another template"
        await super()._take(what)
