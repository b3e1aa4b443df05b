"""Any error of an activity, turned into what Temporal shall make of it, in one place.

A fault outside never decides: nearly everything is tried again until the outside is back. What the API server or the
spec refuses is tried less often and told to the user once; only a Canary that is gone, or is to go, ends the attempt.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.bench import Bench, CanaryGone
from activities.configs import MissingConfig
from activities.heartbeat import remembered
from activities.report import Reporter
from k8s.apply import find
from k8s.errors import ClusterError, NotFound, Refused
from k8s.models.errors import InvalidCanary
from k8s.resources import CANARIES
from k8s.routers.base import UnfitRoute
from k8s.targets.base import UnfitTarget
from workflows.effects import Activity, Note
from workflows.observation import CanaryRef

REFUSED = (Refused, NotFound, InvalidCanary, UnfitTarget, UnfitRoute, MissingConfig)
"""Will be refused again until somebody changes something."""
REFUSED_RETRY = timedelta(seconds=10)
RACE_RETRY = timedelta(seconds=3)
"""After a first refusal, of which a cache or a controller that is behind may be the reason: an API server that has just
started, for one, forbids everything until it has read its RoleBindings.
"""
POINTLESS_FOR_THE_DELETED = frozenset(
    {
        Activity.CREATE_PRIMARY,
        Activity.OPEN_TRAFFIC,
        Activity.SCALE,
        Activity.ROUTE,
        Activity.PROMOTE,
        Activity.UNDO_PROMOTION,
    }
)
"""What would keep a rollout from hearing that its Canary is to go, for as long as it is refused."""
TOLD_AT_REFUSAL = 2
MARGIN_SECONDS = 1.0


class FaultInterceptor(Interceptor):
    """Wraps every activity of the worker."""

    def __init__(self, bench: Bench, reporter: Reporter) -> None:
        self._bench = bench
        self._reporter = reporter

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - theirs
        """Put ourselves in front."""
        return _Faults(next, self._bench, self._reporter)


class _Faults(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, bench: Bench, reporter: Reporter) -> None:
        super().__init__(following)
        self._bench = bench
        self._reporter = reporter

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - theirs
        try:
            async with asyncio.timeout(bound()):
                return await super().execute_activity(input)
        except CanaryGone as error:
            raise ApplicationError(str(error), type="CanaryGone", non_retryable=True) from error
        except REFUSED as error:
            if await self._is_pointless(input):
                raise ApplicationError(str(error), type="CanaryGone", non_retryable=True) from error
            refusals = count_refusal()
            if refusals == TOLD_AT_REFUSAL:
                await self._tell(input, error)
            delay = RACE_RETRY if refusals < TOLD_AT_REFUSAL else REFUSED_RETRY
            raise ApplicationError(str(error), type="Refused", next_retry_delay=delay) from error
        except (ClusterError, TimeoutError) as error:
            raise ApplicationError(str(error) or "timed out", type="Unavailable") from error

    async def _is_pointless(self, order: ExecuteActivityInput) -> bool:
        """Whether the Canary is being deleted; one that cannot be read is asked for again at the next attempt."""
        ref = canary_of(order)
        if ref is None or activity.info().activity_type not in POINTLESS_FOR_THE_DELETED:
            return False
        try:
            raw = await find(self._bench.cluster, CANARIES, ref.namespace, ref.name)
        except ClusterError:
            return False
        return raw is None or "deletionTimestamp" in raw["metadata"]

    async def _tell(self, order: ExecuteActivityInput, error: Exception) -> None:
        """One Warning event about what is refused; best effort, since the API server may be what refuses."""
        if not (ref := canary_of(order)):
            return
        note = Note(id=f"{time.time_ns():x}", text=str(error), at=datetime.now(UTC), warning=True)
        try:
            raw = await find(self._bench.cluster, CANARIES, ref.namespace, ref.name)
            if raw:
                await self._reporter.show(raw, ref, note)
        except ClusterError as unavailable:
            activity.logger.warning("fault_not_told", extra={"why": str(unavailable)})


def count_refusal() -> int:
    """How many attempts were refused, up to this one; others may have failed in between for reasons that pass."""
    before = remembered()
    refusals = int(before.get("refusals", 0)) + 1
    activity.heartbeat(before | {"refusals": refusals})
    return refusals


def bound() -> float | None:
    """Seconds an attempt may take: a little less than Temporal grants, so that no second one runs beside it.

    What heartbeats bounds itself.
    """
    info = activity.info()
    if info.heartbeat_timeout or info.start_to_close_timeout is None:
        return None
    return max(MARGIN_SECONDS, info.start_to_close_timeout.total_seconds() - MARGIN_SECONDS)


def canary_of(order: ExecuteActivityInput) -> CanaryRef | None:
    """Which Canary the activity is about: its argument, or a field of it."""
    argument = order.args[0] if order.args else None
    if isinstance(argument, CanaryRef):
        return argument
    found = getattr(argument, "canary", None)
    return found if isinstance(found, CanaryRef) else None
