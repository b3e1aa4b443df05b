"""Tells the person waiting what is being built, why it takes that long, and how far it is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

PLAIN_SECONDS = 15.0


@dataclass(frozen=True)
class Planned:
    """One thing about to be built."""

    name: str
    what: str
    seconds: float
    """Expected on this machine, from an empty cache."""


class Progress(Protocol):
    """What a build tells while it runs; calls come in the order of the methods, for one name after the other."""

    def planned(self, jobs: Sequence[Planned], cache: str) -> None:
        """All that will be built now; said once, before anything else happens."""

    def note(self, text: str) -> None:
        """Something worth a line of its own: Go is being installed, another build is waited for."""

    def fetching(self, name: str, module: str) -> None:
        """The source of a module is being downloaded."""

    def compiling(self, name: str, done: int, total: int) -> None:
        """`done` of the `total` packages that were not in the cache are compiled."""

    def finished(self, name: str, seconds: float) -> None:
        """The name is built and in the cache."""


class ConsoleProgress:
    """One bar a module on a terminal; a line every quarter of a minute elsewhere. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("{task.fields[name]:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("packages"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[doing]}", markup=True),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._said = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._bars.stop()

    def planned(self, jobs: Sequence[Planned], cache: str) -> None:
        """Say everything that matters before the first second has passed."""
        self._line(f"Building once, then kept in {cache} (some 8 GB, most of which `playground trim` frees again):")
        for job in jobs:
            self._line(f"  {job.name:<12} {job.what}, {_about(job.seconds)}")
        self._line(f"Expect {_about(sum(job.seconds for job in jobs))} in all. Ctrl-C is safe: the next run resumes.")

    def note(self, text: str) -> None:
        """Print the text on a line of its own."""
        self._line(text)

    def fetching(self, name: str, module: str) -> None:
        """Show the module beside the bar."""
        self._show(name, doing=f"downloading {module}")
        self._now_and_then(f"{name}: downloading {module}")

    def compiling(self, name: str, done: int, total: int) -> None:
        """Move the bar."""
        task = self._show(name, doing="compiling" if done < total else "linking")
        self._bars.update(task, completed=done, total=total)
        elapsed = time.monotonic() - self._started[name]
        self._now_and_then(f"{name}: {done} of {total} packages after {elapsed:.0f} s")

    def finished(self, name: str, seconds: float) -> None:
        """Fill the bar, and leave one line behind."""
        self._bars.stop_task(self._show(name, doing="done"))
        self._line(f"{name}: built in {seconds:.0f} s")

    def _show(self, name: str, *, doing: str) -> TaskID:
        if name not in self._tasks:
            self._started[name] = time.monotonic()
            self._tasks[name] = self._bars.add_task(name, total=None, name=name, doing=doing)
        self._bars.update(self._tasks[name], doing=doing)
        return self._tasks[name]

    def _now_and_then(self, text: str) -> None:
        if not self._console.is_terminal and time.monotonic() - self._said >= PLAIN_SECONDS:
            self._said = time.monotonic()
            self._line(text)

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _about(seconds: float) -> str:
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
