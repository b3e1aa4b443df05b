"""A canary's world for workflow tests: the activities, replaced under their own names by a few lines of memory.

A test sets what the world answers, starts the workflow, and reads what happened: weights, events, phases.

Time is skipped only while a rollout's result is awaited, and never while an activity runs. So what a person or the
cluster does in the middle of a rollout is done from inside the activity that runs at that moment (`World.on`), or when
an event is shown (`World.when_told`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from tests.builders import CANARY, NEW, OLD, a_check, a_plan, a_status, an_observation
from workflows.decide import is_foreign
from workflows.effects import (
    Activity,
    Alert,
    Alerts,
    Division,
    Examination,
    Findings,
    Happening,
    HookAnswer,
    HookCall,
    Look,
    Note,
    Probed,
    Promotion,
    PromotionOutcome,
    Publication,
    Ready,
    Readying,
    Report,
    Role,
    Route,
    Scale,
    Stuck,
    Undone,
    Wait,
    Waiting,
)
from workflows.observation import MIDWAY, PROMOTED, CanaryRef, Observation, Phase, Plan, Revision, Strategy
from workflows.rollout import CANARY_GONE
from workflows.verdict import Check, Passed, Value
from workflows.weights import descent

Action = Callable[[], Awaitable[None]]
PROMOTE = "Promote podinfo.test without further analysis"


class BrokenRules(Interceptor):
    """A rule that the world sees broken fails the rollout, where a retry would hide it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Around every activity."""
        return _FailOnBrokenRule(next)


class _FailOnBrokenRule(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        try:
            return await super().execute_activity(input)
        except AssertionError as broken:
            name = activity.info().activity_type
            raise ApplicationError(f"{name} broke a rule: {broken}", type="RuleBroken", non_retryable=True) from broken


class World:
    """Memory instead of a cluster; every activity checks the rules that must hold at any moment."""

    copied_by: Promotion | None = None
    """The order that gave the primary what it runs."""
    settled = False
    """A later order found that the primary ran its revision for long."""

    def __init__(self) -> None:
        self.plan = a_plan(weights=(10, 20, 30))
        self.target: Revision | None = NEW
        """What the target runs."""
        self.primary = self.former = OLD
        self.status = a_status()
        self.found, self.deleting, self.suspended, self.problem = True, False, False, ""
        self.primary_found, self.generation = True, 1
        self.target_replicas, self.primary_available, self.canary_ready = 0, True, True
        self.primary_ready_after_promotion = self.primary_serves_after_undo = True
        self.stuck: dict[Role, str] = {}
        """What the cluster gave up on, and why."""
        self.weight, self.mirrored = 0, False
        self.edited: Division | None = None
        """What somebody else made of the route."""
        self.weights: list[int] = []
        self.mirroring: list[bool] = []
        """Whether requests were copied, at each change of the route."""
        self.notes: dict[str, Note] = {}
        self.phases: list[Phase] = []
        self.analysed: set[str] = set()
        """Templates that were examined at all."""
        self.taken_up: Revision | None = None
        """The revision that the canary was last scaled up for."""
        self.passed_last_step, self.may_advance, self.may_promote, self.primary_seen_ready = False, False, False, False
        self.undone = self.begins = False
        """The last promotion was taken back; the first step of an analysis, which needs no check, is to come."""
        self.hooks: list[str] = []
        self.hook_answers: dict[str, list[HookAnswer]] = {}
        self.alerts: dict[str, list[Alert]] = {}
        """What each chat took."""
        self.published: dict[str, list[Happening]] = {}
        """What each event webhook took."""
        self.dead: set[str] = set()
        """Chats and event webhooks that take nothing at present."""
        self.deaf: set[str] = set()
        """Those that refuse for good."""
        self.provider_problems: tuple[str, ...] = ()
        """Of metric providers that cannot be asked."""
        self.checks: list[list[Check]] = []
        """Answers of the coming examinations, in order; healthy when used up."""
        self.on: dict[str, Action] = {}
        """Called when an activity of that name starts, once."""
        self.at_call: dict[int, Action] = {}
        """Called when the activity with that number starts; the first has 1."""
        self.when_told: dict[str, Action] = {}
        """Called when that event is shown, once."""
        self.lingers: set[str] = set()
        """Activities that, the next time, go on until they are cancelled."""
        self.wake = asyncio.Event()
        self.calls: list[str] = []

    @property
    def events(self) -> list[str]:
        """Texts in the order they were said."""
        return [self.notes[id_].text for id_ in sorted(self.notes, key=lambda id_: int(id_, 16))]

    def took(self, first: str, last: str) -> timedelta:
        """Between the first events that begin so."""
        notes = [self.notes[id_] for id_ in sorted(self.notes, key=lambda id_: int(id_, 16))]
        began, ended = (next(note.at for note in notes if note.text.startswith(text)) for text in (first, last))
        return ended - began

    @property
    def plan_seen(self) -> Plan:
        """As the workflow knows it."""
        return self.plan

    @property
    def primary_may_serve(self) -> bool:
        """Traffic may be led to it."""
        return self.primary_available

    @property
    def canary_may_serve(self) -> bool:
        """Traffic may be led to it."""
        return self.canary_ready

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """To register with a worker."""
        return [
            self.observe,
            self.create_primary,
            self.open_traffic,
            self.await_ready,
            self.scale,
            self.call_hook,
            self.examine,
            self.route,
            self.promote,
            self.undo_promotion,
            self.report,
            self.hand_back,
            self.release,
            self.alert,
            self.publish,
            self.probe,
        ]

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        if not self.found and name not in ("observe", "report"):
            raise ApplicationError("canary podinfo.test not found", type=CANARY_GONE, non_retryable=True)
        for action in (self.at_call.pop(len(self.calls), None), self.on.pop(name, None)):
            if action:
                await action()
        if name in self.lingers:
            self.lingers.remove(name)
            await self._linger()

    async def _linger(self) -> None:
        """Stay at work until cancelled, as an activity does that a message overtakes."""
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.05)

    @activity.defn(name=Activity.OBSERVE)
    async def observe(self, look: Look) -> Observation:
        """Facts."""
        await self._enter("observe")
        if not self.found:
            return an_observation(found=False)
        return an_observation(
            plan=self.plan,
            revision=self.target,
            generation=self.generation,
            target_found=self.target is not None,
            problem=self.problem or ("" if self.target else "deployment podinfo.test not found"),
            deleting=self.deleting,
            suspended=self.suspended,
            status=self.status,
            primary_found=self.primary_found,
            primary_serving=self.primary_available,
            primary_is_target=self.primary == self.target,
            primary_template="" if is_foreign(self.status.promoted) else self.primary.template,
            routed_weight=self._division().weight if look.route and self.status.phase in MIDWAY else None,
        )

    def _division(self) -> Division:
        """As the route says, whoever wrote it."""
        return self.edited or Division(weight=self.weight, mirrored=self.mirrored)

    @activity.defn(name=Activity.CREATE_PRIMARY)
    async def create_primary(self, ref: CanaryRef) -> Revision:  # noqa: ARG002 - there is one canary
        """The primary runs what the target runs."""
        await self._enter("create_primary")
        assert self.target
        self.primary, self.primary_found = self.target, True
        return self.target

    @activity.defn(name=Activity.OPEN_TRAFFIC)
    async def open_traffic(self, ref: CanaryRef) -> None:  # noqa: ARG002 - there is one canary
        """Only ever to a ready primary."""
        await self._enter("open_traffic")
        assert self.primary_may_serve

    @activity.defn(name=Activity.AWAIT_READY)
    async def await_ready(self, wait: Wait) -> Readying:
        """Ready when the test says so; otherwise waits to be woken."""
        await self._enter(f"await_{wait.role}")
        while True:
            ready = self.canary_ready if wait.role is Role.CANARY else self.primary_available
            if why := self.stuck.get(wait.role):
                return Readying(readiness=Stuck(why=why))
            if wait.role is Role.CANARY and self.target is None:
                return Readying(readiness=Stuck(why="deployment podinfo.test not found"))
            if ready:
                self.primary_seen_ready = wait.role is Role.PRIMARY
                return Readying(readiness=Ready())
            if wait.available < 0:
                return Readying(readiness=Waiting(why="0 of 1 updated replicas are available", available=0))
            self.wake.clear()
            waking = asyncio.create_task(self.wake.wait())
            while not waking.done():
                await asyncio.wait({waking}, timeout=0.2)
                activity.heartbeat()

    @activity.defn(name=Activity.SCALE)
    async def scale(self, order: Scale) -> None:
        """The target goes down only when it has no traffic and the primary serves."""
        await self._enter("scale_up" if order.up else "scale_down")
        if not order.up:
            assert self.weight == 0
            assert self.primary_may_serve
        self.target_replicas = 1 if order.up else 0
        if order.up and order.report:
            self.taken_up = order.report.applied
        if order.report:
            await self._take(order.report)

    @activity.defn(name=Activity.CALL_HOOK)
    async def call_hook(self, call: HookCall) -> HookAnswer:
        """As the test prepared; agrees otherwise."""
        await self._enter(f"hook_{call.name}")
        self.hooks.append(f"{call.type}/{call.name}/{call.phase.value}")
        answers = self.hook_answers.get(call.name) or [HookAnswer()]
        return answers.pop(0)

    @activity.defn(name=Activity.EXAMINE)
    async def examine(self, order: Examination) -> Findings:
        """As the test prepared; healthy otherwise."""
        await self._enter("examine")
        if order.primary_matters and not self.primary_available:
            return Findings(checks=(), waiting="0 of 1 updated replicas are available", waiting_for=Role.PRIMARY)
        if not self.canary_ready:
            return Findings(checks=(), waiting="0 of 1 updated replicas are available", waiting_for=Role.CANARY)
        assert self.taken_up in (None, order.revision), "examined a revision that was not taken up"
        checks = self.checks.pop(0) if self.checks else [a_check(100)]
        self.begins = False
        self.analysed.add(order.revision.template)
        self.may_advance = self.edited is None and all(is_healthy(check) for check in checks)
        self.passed_last_step = self.may_advance and self._is_last_step()
        return Findings(checks=tuple(checks), plan=self.plan, division=self._division())

    @activity.defn(name=Activity.ROUTE)
    async def route(self, order: Route) -> None:
        """Traffic only ever goes to what is ready."""
        await self._enter("route")
        assert 0 <= order.weight <= 100
        assert order.weight == 0 or order.weight in self._steps()
        assert order.weight <= self.weight or self.canary_may_serve
        assert order.weight <= self.weight or self.weight == 0 or self.begins or self.may_advance, (
            "advanced on a check that did not pass"
        )
        assert order.weight == 0 or not order.mirrored, "copied requests to a canary that has its own"
        assert order.report.phase is not Phase.FINALISING or self.primary_seen_ready, "finished on an unready primary"
        self.may_advance = self.begins = False
        assert order.weight >= self.weight or self.primary_may_serve
        self.weight, self.mirrored, self.edited = order.weight, order.mirrored, None
        self.weights.append(order.weight)
        self.mirroring.append(order.mirrored)
        await self._take(order.report)

    def _steps(self) -> set[int]:
        """Weights that may be next."""
        return steps_of(self.plan, self.weight)

    def _is_last_step(self) -> bool:
        if self.plan.strategy is Strategy.CANARY:
            return self.weight >= max(self.plan.weights)
        return self.status.iterations >= self.plan.iterations

    @activity.defn(name=Activity.PROMOTE)
    async def promote(self, order: Promotion) -> PromotionOutcome:
        """Exactly the pinned revision, or nothing."""
        await self._enter("promote")
        by_hand = self.may_promote or any(note.text.startswith(PROMOTE) for note in order.report.notes)
        assert self.passed_last_step or by_hand or self.plan_seen.skip_analysis, "promoted what was not analysed"
        if order.revision not in (self.target, self.primary):
            return PromotionOutcome.SUPERSEDED
        self.primary_seen_ready = False
        if self.primary != order.revision:
            self.former, self.primary = self.primary, order.revision
            self.undone, self.primary_available = False, self.primary_ready_after_promotion
            self.copied_by, self.settled = order, False
        elif order != self.copied_by and self.status.promoted == order.revision.template:
            self.settled = True
        await self._take(order.report)
        return PromotionOutcome.COPIED

    @activity.defn(name=Activity.UNDO_PROMOTION)
    async def undo_promotion(self, ref: CanaryRef) -> Undone:  # noqa: ARG002 - there is one canary
        """The former template serves again."""
        await self._enter("undo_promotion")
        if self.settled and self.status.phase in PROMOTED:
            return Undone(serving=self.primary_available, restored="")
        if self.primary != self.former:
            self.undone = True
            self.primary, self.primary_available = self.former, self.primary_serves_after_undo
        return Undone(serving=self.primary_available, restored=self.former.template if self.undone else "")

    @activity.defn(name=Activity.REPORT)
    async def report(self, what: Report) -> None:
        """Remember."""
        await self._enter("report")
        await self._take(what)

    @activity.defn(name=Activity.HAND_BACK)
    async def hand_back(self, ref: CanaryRef) -> bool:  # noqa: ARG002 - there is one canary
        """The target serves again."""
        await self._enter("hand_back")
        self.target_replicas = 1
        return self.target is not None

    @activity.defn(name=Activity.RELEASE)
    async def release(self, ref: CanaryRef) -> None:  # noqa: ARG002 - there is one canary
        """The Canary may go."""
        await self._enter("release")
        self.found = False

    @activity.defn(name=Activity.ALERT)
    async def alert(self, order: Alerts) -> None:
        """Taken by chats that live."""
        await self._reach(str(order.receiver))
        self.alerts.setdefault(str(order.receiver), []).extend(order.alerts)

    @activity.defn(name=Activity.PUBLISH)
    async def publish(self, order: Publication) -> None:
        """Taken by webhooks that live."""
        await self._reach(order.hook)
        self.published.setdefault(order.hook, []).extend(order.happenings)

    async def _reach(self, name: str) -> None:
        await self._enter(f"tell_{name}")
        if name in self.dead | self.deaf:
            raise ApplicationError("503 gone fishing", type="Undelivered", non_retryable=name in self.deaf)

    @activity.defn(name=Activity.PROBE)
    async def probe(self, ref: CanaryRef) -> Probed:  # noqa: ARG002 - there is one canary
        """What the providers say, unless the story has them away."""
        await self._enter("probe")
        return Probed(problems=self.provider_problems)

    async def _take(self, what: Report) -> None:
        for note in what.notes:
            assert note.id not in self.notes, f"said twice: {note.text}"
            self.notes[note.id] = note
            if note.text.startswith("New revision detected!"):
                self.passed_last_step = self.may_advance = self.may_promote = False
                self.begins = True
            self.may_promote = self.may_promote or note.text.startswith(PROMOTE)
        self.phases.append(what.phase)
        update: dict[str, Any] = {"phase": what.phase, "weight": what.weight, "message": what.condition[1]}
        update |= {"failed_checks": what.failed_checks, "iterations": what.iterations}
        update["generation"] = what.generation or self.status.generation
        if what.applied:
            update |= {"applied": what.applied.template, "configs": what.applied.configs}
        if what.promoted:
            update["promoted"] = what.promoted.template
        self.status = self.status.model_copy(update=update)
        for note in what.notes:
            if action := self.when_told.pop(note.text, None):
                await action()

    def assert_safe_at_rest(self) -> None:
        """All traffic on a ready primary, the canary at zero, and nothing promoted that was not to be."""
        assert self.weight == 0
        assert self.primary_available
        assert self.target_replicas == 0


def steps_of(plan: Plan, weight: int) -> set[int]:
    """Weights that the plan knows, up, or down from this one."""
    stepping = plan.strategy is Strategy.CANARY
    return {*(plan.weights if stepping else (100,)), *descent(weight, plan.promotion_step)}


def is_healthy(check: Check) -> bool:
    """Judged without the code under test; scenarios bound their checks from below alone."""
    match check.answer:
        case Passed():
            return True
        case Value(value=value):
            return value >= (check.minimum or 0)
        case _:
            return False


__all__ = ["CANARY", "BrokenRules", "World"]
