"""Ctrl-C and SIGTERM end a command in good order, also where a shell started it with SIGINT ignored."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_interruptibly(work: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, but the two signals cancel the work.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """
    try:
        asyncio.run(_watched(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _watched(work: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    await task
