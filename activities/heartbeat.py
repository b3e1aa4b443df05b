"""Heartbeats written once: a lost worker is noticed soon, and an abort reaches an activity that waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

BEATS_PER_TIMEOUT = 3


def remembered() -> dict[str, Any]:
    """What the attempts before this one left for it, by name; on whichever worker they ran.

    Temporal keeps the details of the last heartbeat of an attempt that failed
    (https://docs.temporal.io/encyclopedia/detecting-activity-failures#activity-heartbeat).
    """
    details = activity.info().heartbeat_details
    return dict(details[0]) if details and isinstance(details[0], dict) else {}


@asynccontextmanager
async def heartbeating(details: Callable[[], dict[str, Any]] = remembered) -> AsyncIterator[None]:
    """Send heartbeats for as long as the block runs; the next attempt remembers the last `details`."""
    beating = asyncio.create_task(_beat(details))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(details: Callable[[], dict[str, Any]]) -> None:
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        return
    while True:
        activity.heartbeat(details())
        await asyncio.sleep(timeout.total_seconds() / BEATS_PER_TIMEOUT)


@asynccontextmanager
async def leaving_on_shutdown() -> AsyncIterator[None]:
    """Give up a harmless wait as soon as the worker is asked to stop, so that another takes it over at once.

    Raises:
        ApplicationError: to be retried.
    """
    waiting = asyncio.current_task()
    leaving = asyncio.create_task(activity.wait_for_worker_shutdown())
    leaving.add_done_callback(lambda done: waiting.cancel() if waiting and not done.cancelled() else None)
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if not activity.is_worker_shutdown():
            raise
        raise ApplicationError("the worker is stopping", type="WorkerStopping") from cancelled
    finally:
        leaving.cancel()
