"""Runs one command as a process group of its own, to the end of the whole group.

A command is over once its first process has exited and its output is closed, so `hey … & hey … &` is waited for. What
then still runs in its group has been sent away on purpose (`nohup … >/dev/null &`); it is ended all the same, because
nobody would end it later. Only a process that leaves the group (`setsid`) escapes.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

OUTPUT_BYTES = 64 * 1024
"""Of a command's output only the end is kept: that is where errors stand."""
GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""
DRAIN_SECONDS = 0.5
"""For the last words of a group that has been ended; one who escaped from it may hold the output open for ever."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Exited:
    """It ended by itself, or was ended by somebody else; standard output and error, mixed as they came."""

    code: int
    output: str

    @property
    def outcome(self) -> str:
        """Succeeded only with exit code 0."""
        return "succeeded" if self.code == 0 else "failed"

    @property
    def error(self) -> str:
        """In the words of Go, which users of Flagger know."""
        return f"exit status {self.code}" if self.code >= 0 else f"signal: {signal.strsignal(-self.code)}".lower()


@dataclass(frozen=True)
class TimedOut:
    """It was ended because it took too long."""

    seconds: float
    output: str
    outcome = "timed_out"

    @property
    def error(self) -> str:
        """Which limit, and where to raise it."""
        return f"timed out after {self.seconds:g} seconds (LOADTESTER_TASK_TIMEOUT_SECONDS)"


@dataclass(frozen=True)
class NotStarted:
    """The system could not start it, for the reason given."""

    error: str
    output = ""
    outcome = "not_started"


Ended = Exited | TimedOut | NotStarted


async def run(words: Sequence[str], *, environment: Mapping[str, str], timeout_seconds: float) -> Ended:
    """Run a program to its end. When cancelled, the group is ended first.

    The program is looked for on the PATH of `environment`.
    """
    async with _Tail.piped() as (tail, writing):
        try:
            async with _group(words, environment, writing) as process, asyncio.timeout(timeout_seconds):
                await process.wait()
                await tail.closed.wait()
        except TimeoutError:
            await tail.drain()
            return TimedOut(timeout_seconds, tail.text)
        except OSError as error:
            return NotStarted(str(error))
        return Exited(await process.wait(), tail.text)


@asynccontextmanager
async def _group(
    words: Sequence[str], environment: Mapping[str, str], output: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that leads a group; when the block has been left, however that was, the group is gone."""
    starting = asyncio.create_task(_start(words, environment, output))
    try:
        # Shielded, because a start that is cancelled half-way leaves a process that nobody knows.
        yield await asyncio.shield(starting)
    finally:
        with suppress(OSError):
            await _end(await starting)


async def _start(words: Sequence[str], environment: Mapping[str, str], output: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    exited = process.returncode is not None
    if _signal(process.pid, signal.SIGTERM) and exited:
        log.warning("background_processes_ended", process_group=process.pid)
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("task_killed", process_group=process.pid, grace_seconds=GRACE_SECONDS)
    finally:
        _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> bool:
    """Whether the group still existed."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS denies where only zombies are left
        return False
    return True


class _Tail(asyncio.Protocol):
    """The end of what comes through a pipe.

    A pipe of our own, because asyncio reports the exit of a process only after all pipes it made are closed, and those
    may be held by its children.
    """

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._kept = bytearray()
        self._left_out = 0

    @classmethod
    @asynccontextmanager
    async def piped(cls) -> AsyncIterator[tuple["_Tail", int]]:
        """A tail and the descriptor to write to, which whoever takes it closes."""
        reading, writing = os.pipe()
        try:
            transport, tail = await asyncio.get_running_loop().connect_read_pipe(cls, os.fdopen(reading, "rb", 0))
        except BaseException:
            os.close(writing)
            raise
        try:
            yield tail, writing
        finally:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Keep the end."""
        self._kept += data
        excess = max(0, len(self._kept) - OUTPUT_BYTES)
        del self._kept[:excess]
        self._left_out += excess

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a pipe that broke is closed, too
        """Everybody has closed the other end."""
        self.closed.set()

    async def drain(self) -> None:
        """Wait a moment for what is still on its way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.closed.wait()

    @property
    def text(self) -> str:
        """What was kept, saying how much was not."""
        kept = self._kept.decode(errors="replace")
        return f"[{self._left_out} bytes left out]\n{kept}" if self._left_out else kept
