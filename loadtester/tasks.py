"""Which commands run: at most so many at once, and a background command once per canary.

A canary's hook calls again and again for traffic that should never stop, say `hey -z 2m` every 30 seconds. A call for a
command that runs already is remembered; if the run ends within a few seconds after the latest such call, the next run
begins at once, so the traffic has no gap, and ends by itself once the calls end.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

import structlog

from loadtester.commands import Ended, run
from loadtester.metrics import Metrics
from loadtester.payload import Command, Refusal
from loadtester.settings import LoadTesterSettings

REMEMBERED_SECONDS = 5.0
"""So long a call for a running command counts as a wish for one more run."""

log = structlog.get_logger(__name__)


class Begun(Enum):
    """What became of a call for a background command."""

    STARTED = auto()
    REMEMBERED = auto()
    """It runs already; the call counts if that run ends soon."""


class Interrupted(Enum):
    """Why a command that somebody waited for was ended early."""

    CALLER_GONE = auto()
    SHUTDOWN = auto()


@dataclass
class _Background:
    """A background command while it runs, and the latest call for it."""

    command: Command
    called_at: float | None = None

    def take_call(self, now: float) -> bool:
        """Whether a call that still counts was remembered; it is forgotten."""
        called_at, self.called_at = self.called_at, None
        return called_at is not None and now - called_at <= REMEMBERED_SECONDS


class Tasks:
    """Every running command. As a context manager it ends them all on leaving; no process stays behind."""

    def __init__(
        self, settings: LoadTesterSettings, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._environment = settings.task_environment()
        self._metrics = metrics
        self._clock = clock
        self._jobs: set[asyncio.Task[Ended]] = set()
        self._background: dict[tuple[str, str], _Background] = {}
        self._stopping = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def running(self) -> int:
        """How many commands run now."""
        return len(self._jobs)

    def begin(self, command: Command) -> Begun:
        """Run a command in the background, unless it runs already for this canary.

        Raises:
            Refusal: 429 if too many run, 503 after `stop`.
        """
        self._check_serving()
        key = (command.canary, command.line)
        if (background := self._background.get(key)) is not None:
            background.command, background.called_at = command, self._clock()
            log.debug("task_remembered", canary=command.canary, command=command.line)
            return Begun.REMEMBERED
        self._check_room()
        background = _Background(command)
        self._spawn(self._repeat(key, background))
        self._background[key] = background
        return Begun.STARTED

    async def wait_for(
        self, command: Command, caller_gone: Callable[[], Coroutine[None, None, None]]
    ) -> Ended | Interrupted:
        """Run a command to its end, or until `caller_gone` returns.

        Raises:
            Refusal: 429 if too many run, 503 after `stop`.
        """
        self._check_serving()
        self._check_room()
        job = self._spawn(self._once(command))
        leaving = asyncio.create_task(caller_gone())
        try:
            await asyncio.wait({job, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            await self._end({job})
        if job.cancelled():
            return Interrupted.SHUTDOWN if self._stopping else Interrupted.CALLER_GONE
        return job.result()

    async def stop(self) -> None:
        """End everything that runs, process groups and all, and take nothing new."""
        self._stopping = True
        if jobs := set(self._jobs):
            log.info("tasks_ending", count=len(jobs))
            await self._end(jobs)

    def _spawn(self, work: Coroutine[None, None, Ended]) -> asyncio.Task[Ended]:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def _end(self, jobs: set[asyncio.Task[Ended]]) -> None:
        for job in jobs:
            if not job.cancelling():  # a second cancellation would interrupt the ending of its process group
                job.cancel()
        await asyncio.wait(jobs)

    def _check_serving(self) -> None:
        if self._stopping:
            raise Refusal(503, "the load tester is shutting down")

    def _check_room(self) -> None:
        if self.running >= self._settings.max_tasks:
            raise Refusal(
                429,
                f"{self.running} tasks are running, as many as LOADTESTER_MAX_TASKS allows; "
                "call again when one has ended, or raise it",
            )

    async def _repeat(self, key: tuple[str, str], background: _Background) -> Ended:
        try:
            while True:
                ended = await self._once(background.command)
                if not background.take_call(self._clock()):
                    return ended
        finally:
            del self._background[key]  # nothing is awaited since the last look, so no call is lost

    async def _once(self, command: Command) -> Ended:
        line = log.bind(canary=command.canary, type=command.kind, command=command.line)
        line.info("task_started")
        began = self._clock()
        with self._metrics.task(command.kind) as task:
            try:
                ended = await run(
                    command.words,
                    environment=self._environment,
                    timeout_seconds=self._settings.task_timeout_seconds,
                )
            except asyncio.CancelledError:
                line.info("task_interrupted")
                raise
            task.outcome = ended.outcome
        seconds = round(self._clock() - began, 3)
        result = {"outcome": ended.outcome, "detail": ended.error, "seconds": seconds}
        if command.log_output:
            result["output"] = ended.output
        line.info("task_finished", **result)
        return ended
