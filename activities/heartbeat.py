"""Heartbeats written once: a lost worker is noticed soon, and an abort reaches an activity that waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEATS_PER_TIMEOUT = 3


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Send heartbeats for as long as the block runs."""
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat() -> None:
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        return
    while True:
        activity.heartbeat()
        await asyncio.sleep(timeout.total_seconds() / BEATS_PER_TIMEOUT)
