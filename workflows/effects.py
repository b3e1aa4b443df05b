"""One typed call for every activity, with its time-out and retry policy named for its purpose.

The workflow knows activities by the names and records of this file alone; `activities` implements exactly these.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from workflows.observation import CanaryRef, Observation, Phase, Plan, Receiver, Record, Revision, Severity
from workflows.verdict import Check

Answered = TypeVar("Answered")

# -- what activities are told and what they answer ----------------------------------------------------------------


class Role(StrEnum):
    """Which of the two workloads."""

    CANARY = "canary"
    PRIMARY = "primary"


class Look(CanaryRef):
    """Which Canary object to look at, and what else to see."""

    route: bool = False
    """Of a rollout midway, also how its traffic is divided: there is no history to tell, and the status may not."""


class Note(Record):
    """One event to be shown on the Canary. Its id is fixed by the workflow, so saying it twice shows it once."""

    id: str
    text: str
    at: datetime
    warning: bool = False


class Report(Record):
    """The workflow's state as the outside shall see it: status, condition, events. None leaves a field alone."""

    canary: CanaryRef
    phase: Phase
    weight: int = 0
    failed_checks: int = 0
    iterations: int = 0
    condition: tuple[str, str] = ("Unknown", "")
    """Status and message of condition Promoted."""
    halt: str = ""
    """Why the last step did not advance."""
    applied: Revision | None = None
    promoted: Revision | None = None
    generation: int | None = None
    config_versions: dict[str, str] | None = None
    notes: tuple[Note, ...] = ()


class Route(Record):
    """Give the canary `weight` percent of the traffic, the primary the rest, then report it."""

    canary: CanaryRef
    weight: int = Field(ge=0, le=100)
    mirrored: bool = False
    """The canary gets a copy of the primary's requests."""
    report: Report


class Scale(Record):
    """Bring the target up for analysis, or down to zero, then report it."""

    canary: CanaryRef
    up: bool
    fresh: bool = False
    """Up with new pods even if some run already: theirs is the former config."""
    report: Report | None = None


class Wait(Record):
    """Return once the workload is ready, or has more available pods than `available`."""

    canary: CanaryRef
    role: Role
    available: int = -1
    """-1: answer with what is lacking as soon as the cluster's view is up to date."""


class Ready(Record):
    """All pods asked for run the present template and are available."""

    kind: Literal["ready"] = "ready"


class Waiting(Record):
    """Not yet, but there was progress since; `available` pods are."""

    kind: Literal["waiting"] = "waiting"
    why: str
    available: int = 0


class Stuck(Record):
    """The cluster gave up on it (ProgressDeadlineExceeded), or it is gone."""

    kind: Literal["stuck"] = "stuck"
    why: str


Readiness = Annotated[Ready | Waiting | Stuck, Field(discriminator="kind")]


class Readying(Record):
    """The answer of a wait."""

    readiness: Readiness


class HookCall(Record):
    """Call one webhook of the Canary."""

    canary: CanaryRef
    type: str
    name: str
    phase: Phase
    revision: Revision


class HookAnswer(Record):
    """What the receiver said; `refusal` is empty when it agreed."""

    refusal: str = ""
    reached: bool = True
    """False: nobody answered, which says nothing about the release."""


class Examination(Record):
    """Ask every metric and every rollout hook of a step, all at once."""

    canary: CanaryRef
    revision: Revision
    canary_since: datetime
    """When this revision's pods were ready: built-in queries look no further back."""
    primary_matters: bool = True
    """False: the primary had no available pod when the rollout began, and must not keep its own cure away."""


class Division(Record):
    """How the route that is in the cluster divides the traffic."""

    weight: int | None = None
    """The canary's share, percent; None: there is no route, or it does not lead to the two sides."""
    mirrored: bool = False


class Findings(Record):
    """What was found."""

    checks: tuple[Check, ...]
    waiting: str = ""
    """Why a workload is not ready at the moment, empty when both are."""
    waiting_for: Role = Role.CANARY
    plan: Plan | None = None
    """As the Canary's spec says now: edits take effect at the next step."""
    division: Division | None = None
    """None: nobody looked, or no router divides this canary's traffic."""


class Promotion(Record):
    """Copy this revision, and no other, from the target to the primary, then report it."""

    canary: CanaryRef
    revision: Revision
    report: Report


class PromotionOutcome(StrEnum):
    """Whether the primary got the template."""

    COPIED = "copied"
    SUPERSEDED = "superseded"
    """The target's template or config is no longer the analysed one; the primary was not touched."""


class Undone(Record):
    """After a promotion was taken back."""

    serving: bool
    """At least one pod of the primary is available, so traffic may go there at once."""
    restored: str = ""
    """Template hash of what the primary runs again; empty when nothing was kept to go back to."""


class Alert(Record):
    """One message to the chats."""

    text: str
    severity: Severity
    fields: bool = False
    """Tell also what is released and how it is analysed."""
    details: dict[str, str] = Field(default_factory=dict)
    """Further fields, title to value, such as the reason of a failure."""


class Alerts(Record):
    """What one chat is to be told, in this order."""

    canary: CanaryRef
    receiver: Receiver
    alerts: tuple[Alert, ...]


class Happening(Record):
    """An event as event webhooks are told of it."""

    text: str
    at: datetime
    warning: bool = False
    phase: Phase
    """The Canary's when the event was said."""
    revision: Revision | None = None


class Publication(Record):
    """What one event webhook is to be told, in this order."""

    canary: CanaryRef
    hook: str
    """Its name."""
    happenings: tuple[Happening, ...]


class Probed(Record):
    """Which metric providers cannot be asked; empty: all can."""

    problems: tuple[str, ...] = ()
    """One clause each, naming the provider and why."""


# -- how long, how often --------------------------------------------------------------------------------------------

QUICK = timedelta(seconds=10)
"""A handful of API requests; also how long the rollout of a lost worker stands still before the effect is repeated."""
HEARTBEAT = timedelta(seconds=10)
"""How soon a lost worker is noticed while something waits."""
PATIENT = timedelta(days=3650)
"""Waiting has no bound of its own: deadlines are timers of the workflow."""
ASKING = timedelta(hours=1)
"""Queries and hooks bound themselves; no webhook's time-out is longer."""

UNTIL_IT_WORKS = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2, maximum_interval=timedelta(seconds=10)
)
"""A fault outside never decides: the effect is tried until the outside is back."""

FOR_A_WHILE = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=6,
)
"""A message that nobody takes for some two minutes is given up: nothing hangs on it."""
DELIVERING = timedelta(minutes=2)
"""One attempt to deliver all that waits for a receiver; each message has a time-out of its own."""
UNDELIVERED = timedelta(minutes=15)
"""Longer than all attempts take, because a lost worker must not cost a message."""

NOW_OR_AFTER = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
"""For what writes: never two writers on one route."""


class Activity(StrEnum):
    """The names under which activities are registered."""

    OBSERVE = "observe"
    CREATE_PRIMARY = "create_primary"
    OPEN_TRAFFIC = "open_traffic"
    AWAIT_READY = "await_ready"
    SCALE = "scale"
    CALL_HOOK = "call_hook"
    EXAMINE = "examine"
    ROUTE = "route"
    PROMOTE = "promote"
    UNDO_PROMOTION = "undo_promotion"
    REPORT = "report"
    HAND_BACK = "hand_back"
    RELEASE = "release"
    ALERT = "alert"
    PUBLISH = "publish"
    PROBE = "probe"


async def observe(canary: CanaryRef, *, route: bool) -> Observation:
    """Look at the Canary, its target and its primary; midway, if asked for, at its route too."""
    look = Look(namespace=canary.namespace, name=canary.name, route=route)
    return await _read(Activity.OBSERVE, look, Observation, summary="look at the canary and its target")


async def create_primary(canary: CanaryRef) -> Revision:
    """Make the primary workload, its configs, and the Services of both sides; answers which revision it now runs."""
    return Revision.model_validate(
        await _write(Activity.CREATE_PRIMARY, canary, Revision, summary="create the primary and its services")
    )


async def open_traffic(canary: CanaryRef) -> None:
    """Point the apex Service and the routes at the primary; its autoscaler too."""
    await _write(Activity.OPEN_TRAFFIC, canary, summary="services and routes lead to the primary")


async def await_ready(wait: Wait, names: str) -> Ready | Waiting | Stuck:
    """Wait for pods, woken by the cluster's events."""
    answer = await _ask(Activity.AWAIT_READY, wait, Readying, summary=f"wait for {names}", within=PATIENT)
    return answer.readiness


async def scale(order: Scale) -> None:
    """Bring the target up or down."""
    await _write(Activity.SCALE, order, summary="scale up the canary" if order.up else "scale the canary to zero")


async def call_hook(call: HookCall) -> HookAnswer:
    """Ask one webhook."""
    return await _ask(Activity.CALL_HOOK, call, HookAnswer, summary=f"{call.type} {call.name}")


async def examine(examination: Examination, weight: int) -> Findings:
    """Ask all checks of a step."""
    return await _ask(Activity.EXAMINE, examination, Findings, summary=f"checks at weight {weight}")


async def probe(canary: CanaryRef) -> Probed:
    """See whether the metric providers of the Canary's checks can be asked; each bounds itself."""
    return await _ask(Activity.PROBE, canary, Probed, summary="probe the metric providers")


async def route(order: Route) -> None:
    """Shift traffic."""
    await _write(Activity.ROUTE, order, summary=f"weight {order.weight}")


async def promote(order: Promotion) -> PromotionOutcome:
    """Copy the analysed revision to the primary."""
    return PromotionOutcome(await _write(Activity.PROMOTE, order, str, summary="copy the revision to the primary"))


async def undo_promotion(canary: CanaryRef) -> Undone:
    """Give the primary back the template and configs it had before."""
    undone: Undone = await _write(Activity.UNDO_PROMOTION, canary, Undone, summary="restore the primary's template")
    return undone


async def report(what: Report) -> None:
    """Show the state outside."""
    await _write(Activity.REPORT, what, summary=f"report {what.phase or 'state'}")


async def hand_back(canary: CanaryRef) -> bool:
    """Scale the target up to what the primary runs; False when there is no target left to wait for."""
    return bool(await _write(Activity.HAND_BACK, canary, bool, summary="scale the target up again"))


async def release(canary: CanaryRef) -> None:
    """Lead the traffic to the target and take the finalizer off."""
    await _write(Activity.RELEASE, canary, summary="routes lead to the target again")


async def alert(order: Alerts) -> None:
    """Tell a chat; raises ActivityError when it could not be told for a while."""
    await _deliver(Activity.ALERT, order, summary=f"alert {order.receiver}")


async def publish(order: Publication) -> None:
    """Tell an event webhook; raises ActivityError when it could not be told for a while."""
    await _deliver(Activity.PUBLISH, order, summary=f"events to {order.hook}")


async def _deliver(activity: Activity, argument: Record, *, summary: str) -> None:
    await workflow.execute_activity(
        activity,
        argument,
        start_to_close_timeout=DELIVERING,
        schedule_to_close_timeout=UNDELIVERED,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=FOR_A_WHILE,
        summary=summary,
    )


async def _ask(
    activity: Activity, argument: Record, result: type[Answered], *, summary: str, within: timedelta = ASKING
) -> Answered:
    """What waits for others sends heartbeats, so that a lost worker is noticed, and may be given up at any time."""
    answer: Answered = await workflow.execute_activity(
        activity,
        argument,
        result_type=result,
        start_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=UNTIL_IT_WORKS,
        summary=summary,
    )
    return answer


async def _read(activity: Activity, argument: Record, result: type[Answered], *, summary: str) -> Answered:
    """Reading may be given up at any time."""
    answer: Answered = await workflow.execute_activity(
        activity,
        argument,
        result_type=result,
        start_to_close_timeout=QUICK,
        retry_policy=UNTIL_IT_WORKS,
        summary=summary,
    )
    return answer


async def _write(activity: Activity, argument: Record, result: type | None = None, *, summary: str) -> Any:
    return await workflow.execute_activity(
        activity,
        argument,
        result_type=result,
        start_to_close_timeout=QUICK,
        retry_policy=UNTIL_IT_WORKS,
        cancellation_type=NOW_OR_AFTER,
        summary=summary,
    )
