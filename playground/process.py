"""Supervises one child process: its log, its readiness, its unexpected end, and its end on request.

No child outlives this process on Linux, even when this process is killed; see `leash.py`.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_delay, wait_fixed

LEASH = Path(__file__).with_name("leash.py")
PROBE_SECONDS = 0.1
TAIL_BYTES = 8_000
TAIL_LINES = 15

Probe = Callable[[], Awaitable[None]]
log = structlog.get_logger(__name__)


class NotReady(Exception):
    """Raised by a probe: the process does not serve yet; the text says what was seen instead."""


class ProcessFault(Exception):
    """A child process did not do what it is for; the text names it, and ends with the last lines of its log."""


class ProcessExited(ProcessFault):
    """The process ended although nobody asked it to."""


class ProcessNotReady(ProcessFault):
    """The process runs, and still does not serve after the time it was given."""


def leashed(command: Sequence[str | Path]) -> list[str]:
    """The command, whose first word is an absolute path, made to die with this process where the kernel offers it."""
    words = [str(word) for word in command]
    if sys.platform != "linux":
        return words
    return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *words]


class Process:
    """One child process in a session of its own, writing to one log file. Start, stop and start again as wished."""

    def __init__(
        self,
        name: str,
        log_path: Path,
        *,
        environment: Mapping[str, str] | None = None,
        grace_seconds: float = 10.0,
        on_exit: Callable[[ProcessExited], None] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._environment = environment
        self._grace_seconds = grace_seconds
        self._on_exit = on_exit
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._wanted = False
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process ID, while it runs."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def start(self, command: Sequence[str | Path]) -> None:
        """Start the command; returns as soon as it runs, see `ready`.

        Raises:
            RuntimeError: it runs already.
            OSError: the log cannot be written.
        """
        if self.pid is not None:
            raise RuntimeError(f"{self.name} runs already, as process {self.pid}")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as output:
            self._log_start = output.tell()
            self._child = await asyncio.create_subprocess_exec(
                *leashed(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._wanted = True
        self._watch = asyncio.create_task(self._notice_exit(self._child))
        log.debug("process_started", process=self.name, pid=self._child.pid)

    async def ready(self, probe: Probe, *, timeout_seconds: float) -> None:
        """Return once the probe passes, which is asked anew while it raises `NotReady`.

        Raises:
            ProcessExited: the process ended meanwhile.
            ProcessNotReady: the probe still raised `NotReady` after `timeout_seconds`.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(NotReady),
            wait=wait_fixed(PROBE_SECONDS),
            stop=stop_after_delay(timeout_seconds),
        )
        try:
            await retrying(self._probe_once, probe)
        except RetryError as gave_up:
            seen = gave_up.last_attempt.exception()
            raise ProcessNotReady(self._told(f"does not serve after {timeout_seconds:.0f} s: {seen}")) from seen

    async def stop(self) -> None:
        """Ask it to end with SIGTERM, and end it with SIGKILL once the grace is over; nothing if it does not run."""
        self._wanted = False
        if self._child is None:
            return
        try:
            self._signal(signal.SIGTERM)
            async with asyncio.timeout(self._grace_seconds):
                await self._child.wait()
        except TimeoutError:
            log.warning("process_killed", process=self.name, grace_seconds=self._grace_seconds)
        finally:
            self._signal(signal.SIGKILL)
            await self._gone()

    async def kill(self) -> None:
        """End it with SIGKILL, as a crash would, without it being reported as one."""
        self._wanted = False
        self._signal(signal.SIGKILL)
        await self._gone()

    async def _gone(self) -> None:
        if self._watch is not None:
            await self._watch

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def _probe_once(self, probe: Probe) -> None:
        if self._child is None or self._child.returncode is not None:
            raise self._exited()
        await probe()

    async def _notice_exit(self, child: asyncio.subprocess.Process) -> None:
        code = await child.wait()
        if self._wanted:
            log.error("process_exited", process=self.name, exit_code=code, log_path=str(self.log_path))
            if self._on_exit is not None:
                self._on_exit(self._exited())

    def _exited(self) -> ProcessExited:
        code = self._child.returncode if self._child is not None else None
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return ProcessExited(self._told(how))

    def _told(self, what: str) -> str:
        tail = self._tail()
        said = f"the last lines of {self.log_path}:\n{tail}" if tail else f"{self.log_path} says nothing"
        return f"{self.name} {what}; {said}"

    def _tail(self) -> str:
        with self.log_path.open("rb") as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(self._log_start, size - TAIL_BYTES))
            return "\n".join(output.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
