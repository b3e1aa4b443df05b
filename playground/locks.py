"""Keeps two processes out of one folder: of the build cache, and of a world's data."""

import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

RETRY_SECONDS = 0.5


@asynccontextmanager
async def exclusive(path: Path, on_wait: Callable[[], None] | None = None) -> AsyncIterator[None]:
    """Hold the lock on the file, which the kernel releases when this process ends.

    Without `on_wait` a lock held elsewhere is an error; with it, it is called once and the lock is waited for.

    Raises:
        BlockingIOError: another process holds the lock, and `on_wait` is not given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        await _lock(file, on_wait)
        yield


async def _lock(file: IO[str], on_wait: Callable[[], None] | None) -> None:
    try:
        _try(file)
    except BlockingIOError:
        if on_wait is None:
            raise
        on_wait()
        # flock can only be awaited by blocking a thread, which no Ctrl-C would end.
        busy = retry_if_exception_type(BlockingIOError)
        await AsyncRetrying(retry=busy, wait=wait_fixed(RETRY_SECONDS))(_again, file)


async def _again(file: IO[str]) -> None:
    _try(file)


def _try(file: IO[str]) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
