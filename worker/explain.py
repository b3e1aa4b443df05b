"""Why a canary stands where it stands, what it waits for, and what answers it. `explanation` is pure."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client

from k8s.client import Json
from worker.command import Printed
from worker.temporal import ask
from workflows import wording
from workflows.observation import AT_REST, UNBORN, CanaryRef, Gate, Phase
from workflows.state import ChecksAnswer, PlanAnswer, StatusAnswer
from workflows.steering import STEERABLE, Command, Steering, Verb, follow, refusal
from workflows.verdict import COUNTED, Check, NoData, Objected, Unreadable, Value, Verdict, judge, worst


@dataclass(frozen=True)
class Seen:
    """What the cluster says of a canary, and what its rollout says; None where nobody answered."""

    canary: Json
    status: StatusAnswer | None = None
    plan: PlanAnswer | None = None
    checks: ChecksAnswer | None = None

    @property
    def ref(self) -> CanaryRef:
        """Which canary."""
        metadata = self.canary["metadata"]
        return CanaryRef(namespace=metadata["namespace"], name=metadata["name"])

    @property
    def shadow(self) -> Json:
        """`status`, which outlives the workflow."""
        return dict(self.canary.get("status") or {})

    @property
    def phase(self) -> Phase:
        """The workflow knows it first."""
        return self.status.phase if self.status else Phase(self.shadow.get("phase") or "")

    @property
    def is_suspended(self) -> bool:
        """By its spec."""
        return bool(self.canary["spec"].get("suspend"))


class Judged(Printed):
    """A check of the last step."""

    name: str
    verdict: Verdict
    shown: str
    """For people: `failed, 89.01%`."""
    bounds: str
    value: float | None
    minimum: float | None
    maximum: float | None
    detail: str
    """Why there is no value, or what a hook said."""
    query: str


class Way(Printed):
    """A command that changes something, and what."""

    command: str
    does: str


class Explanation(Printed):
    """Of one canary."""

    canary: str
    phase: str
    weight: int
    failed_checks: int
    threshold: int | None
    revision: str
    why: str
    """The last sentence that says why it does not advance, or how it ended."""
    waits_for: str
    next_check: datetime | None
    checks: list[Judged]
    ways: list[Way]


async def look(client: Client, canary: Json) -> Seen:
    """Ask the rollout, at rest the last one: it remembers its checks."""
    ref = Seen(canary).ref
    status, plan, checks = await asyncio.gather(
        ask(client, ref, "status", StatusAnswer),
        ask(client, ref, "plan", PlanAnswer),
        ask(client, ref, "checks", ChecksAnswer),
    )
    return Seen(canary, status, plan, checks)


def explanation(seen: Seen) -> Explanation:
    """What to say of it."""
    status, shadow = seen.status, seen.shadow
    return Explanation(
        canary=str(seen.ref),
        phase=seen.phase or Phase.NEW.name.title(),
        weight=status.weight if status else shadow.get("canaryWeight") or 0,
        failed_checks=status.failed_checks if status else shadow.get("failedChecks") or 0,
        threshold=status.threshold if status and status.threshold else None,
        revision=status.revision if status else shadow.get("lastAppliedSpec") or "",
        why=_why(seen),
        waits_for=_waits_for(seen),
        next_check=status.next_check if status else None,
        checks=[judged(check) for check in seen.checks.checks] if seen.checks else [],
        ways=list(_ways(seen)),
    )


def judged(check: Check) -> Judged:
    """A check with its verdict."""
    answer = check.answer
    return Judged(
        name=check.name,
        verdict=judge(check),
        shown=wording.outcome(check),
        bounds=wording.bounds(check),
        value=answer.value if isinstance(answer, Value) else None,
        minimum=check.minimum,
        maximum=check.maximum,
        detail=answer.detail if isinstance(answer, NoData | Unreadable | Objected) else "",
        query=check.query,
    )


def _why(seen: Seen) -> str:
    status, shadow = seen.status, seen.shadow
    told = (status.waiting or status.halt) if status else ""
    condition = (shadow.get("conditions") or [{}])[0].get("message", "")
    return told or shadow.get("haltReason") or (status.log[-1] if status and status.log else condition)


# -- what it waits for ------------------------------------------------------------------------------------------------


def _waits_for(seen: Seen) -> str:
    if seen.is_suspended:
        return "spec.suspend to be taken back; nothing happens until then"
    if seen.phase in AT_REST | UNBORN:
        return _at_rest(seen)
    if seen.status is None:
        return "a worker: no rollout answers within a few seconds; see serinus check"
    return _under_way(seen, seen.status)


def _at_rest(seen: Seen) -> str:
    blocked = bool(seen.shadow.get("haltReason"))
    match seen.phase:
        case Phase.FAILED:
            return "the next revision of the target; all traffic is on the primary"
        case Phase.NEW | Phase.INITIALIZING if not blocked:
            return "its primary to be made and to become ready"
        case _ if blocked:
            return "the problem to be solved; it looks again whenever the Canary or its target changes"
        case _:
            return "nothing: it is at rest until the target changes"


def _under_way(seen: Seen, status: StatusAnswer) -> str:
    deciding = worst(list(seen.checks.checks)) if seen.checks else None
    if status.gate:
        return f"a yes at {status.gate}"
    if status.paused_by:
        return f"{status.paused_by}, who paused it; checks go on, and failed ones still roll back"
    if status.waiting:
        limit = f"; {seen.plan.deadline_seconds:g} s without progress roll back" if seen.plan else ""
        return f"pods to become ready{limit}"
    if status.halt and deciding and judge(deciding) not in COUNTED:
        return f"check {deciding.name} to be readable; the weight is held meanwhile"
    if status.halt and status.threshold:
        left = max(1, status.threshold - status.failed_checks)
        return f"the next check; {left} more failed {'one rolls' if left == 1 else 'ones roll'} back"
    return "the next check" if status.next_check else "what it is doing now"


# -- what changes it --------------------------------------------------------------------------------------------------


def _ways(seen: Seen) -> Iterator[Way]:
    ref = seen.ref
    whom = f"{ref.name} -n {ref.namespace}"
    if seen.is_suspended:
        patch = """'{"spec":{"suspend":false}}'"""
        yield Way(
            command=f"kubectl -n {ref.namespace} patch canary {ref.name} --type=merge -p {patch}",
            does="the Canary is looked after again",
        )
    if seen.status and seen.phase in STEERABLE:
        yield from _steering(seen.status, whom)
    elif seen.phase is Phase.SUCCEEDED:
        yield Way(command=f"serinus undo {whom}", does="the primary runs again what it ran before the last promotion")
    elif seen.phase is Phase.FAILED:
        yield Way(command=f"serinus history {whom}", does="shows every release and how it ended")
    if seen.shadow.get("haltReason") and seen.phase in AT_REST - {Phase.FAILED} | UNBORN:
        command = f"kubectl -n {ref.namespace} get canary {ref.name} -o yaml | serinus lint -"
        yield Way(command=command, does="tells what is wrong with its spec")


def _steering(status: StatusAnswer, whom: str) -> Iterator[Way]:
    """The verbs that would not be refused, in the words of their answer."""
    gate = next((gate for gate in Gate if gate == status.gate), None)
    for verb in Verb:
        steering = Steering(pause=Command(by=status.paused_by) if status.paused_by else None)
        if not refusal(verb, Command(), steering, status.phase, status.revision, gate):
            yield Way(command=f"serinus {verb} {whom}", does=follow(verb, Command(), steering, gate))
