"""Builds one recipe with Go into the cache; an interrupted build resumes where it was."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playground.golang import environment
from playground.locks import exclusive
from playground.process import leashed
from playground.progress import Progress
from playground.recipes import Copy, Recipe

KEPT_LINES = 25
GRACE_SECONDS = 5.0
DOWNLOADING = "go: downloading "


class BuildFailed(Exception):
    """A recipe could not be built; the text names it, shows Go's last lines and tells where all of them are."""


@dataclass(frozen=True)
class Builder:
    """Builds recipes for one machine into one cache, telling one progress."""

    go: Path
    cache: Path
    target: tuple[str, str]
    progress: Progress

    async def build(self, recipe: Recipe) -> Path:
        """The folder of the recipe's outputs, built unless it is there; whole or not at all.

        Raises:
            BuildFailed: Go refused, or its modules could not be fetched.
        """
        final = place(recipe, self.cache, self.target)
        waiting = f"{recipe.name}: another build is at it; waiting for that"
        async with exclusive(self.cache / "locks" / recipe.name, lambda: self.progress.note(waiting)):
            if not final.exists():
                started = time.monotonic()
                with _scratch(final) as scratch:
                    await self._compile(recipe, scratch)
                    for copy in recipe.copies:
                        await self._copy(recipe, copy, scratch)
                    scratch.rename(final)
                self.progress.finished(recipe.name, time.monotonic() - started)
        return final

    async def _compile(self, recipe: Recipe, into: Path) -> None:
        if not recipe.packages:
            return
        stale = "{{if .Stale}}{{.ImportPath}}{{end}}"
        listed = await self._go(recipe, "list", "-deps", "-f", stale, *recipe.flags, *recipe.packages.values())
        total = len(listed.split())
        done = 0

        def count(line: str) -> None:
            nonlocal done
            done += not line.startswith("go: ")
            self.progress.compiling(recipe.name, min(done, total), total)

        self.progress.compiling(recipe.name, 0, total)
        # Several programs get the last words of their packages as names, which for a single one may be a version.
        output = f"{into}/" if len(recipe.packages) > 1 else str(into / next(iter(recipe.packages)))
        await self._go(recipe, "build", "-v", *recipe.flags, "-o", output, *recipe.packages.values(), on_line=count)

    async def _copy(self, recipe: Recipe, copy: Copy, into: Path) -> None:
        answer = json.loads(await self._go(recipe, "mod", "download", "-json", copy.module))
        source = Path(answer["Dir"])
        files = sorted(file for pattern in copy.patterns for file in source.glob(pattern))
        if not files:
            raise BuildFailed(f"{recipe.name}: {copy.module} has no files like {', '.join(copy.patterns)}")
        place_files(files, into / copy.into)

    async def _go(self, recipe: Recipe, *words: str, on_line: Callable[[str], None] | None = None) -> str:
        """Run one go command in the recipe's folder; what it writes to its standard output."""
        log_path = self.cache / "logs" / f"{recipe.name}.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        last: deque[str] = deque(maxlen=KEPT_LINES)

        def heard(line: str) -> None:
            log.write(line + "\n")
            last.append(line)
            if line.startswith(DOWNLOADING):
                self.progress.fetching(recipe.name, line.removeprefix(DOWNLOADING))
            elif on_line is not None:
                on_line(line)

        with log_path.open("a", encoding="utf-8", buffering=1) as log:
            log.write(f"$ go {' '.join(words)}\n")
            code, output = await _run(
                [str(self.go), *words], recipe.folder, environment(self.go, self.cache, self.target), heard
            )
        if code != 0:
            said = "\n".join(last) or output
            raise BuildFailed(
                f"{recipe.name} could not be built: `go {words[0]}` ended with exit code {code}. "
                f"All it said is in {log_path}; its last lines:\n{said}"
            )
        return output


def place(recipe: Recipe, cache: Path, target: tuple[str, str]) -> Path:
    """Where the outputs of the recipe are once they are complete."""
    return cache / "built" / f"{recipe.name}-{recipe.key(target)}"


def place_files(files: list[Path], into: Path) -> None:
    """Join the files to one of several YAML documents when `into` names a YAML file, or copy them into it."""
    if into.suffix == ".yaml":
        into.write_text("\n---\n".join(file.read_text() for file in files))
        return
    into.mkdir()
    for file in files:
        shutil.copyfile(file, into / file.name)


@contextmanager
def _scratch(final: Path) -> Iterator[Path]:
    """An empty folder beside the final one; what is left in it, here or by a build that was killed, goes away."""
    final.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{final.name.rsplit('-', 1)[0]}-"
    for left in final.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=prefix))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _run(
    command: list[str], folder: Path, environment: dict[str, str], on_line: Callable[[str], None]
) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *leashed(command),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return await _heard(child, on_line)
    finally:
        await _end(child)


async def _heard(child: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> tuple[int, str]:
    if child.stdout is None or child.stderr is None:
        raise AssertionError("both were asked for as pipes")
    output = asyncio.create_task(child.stdout.read())
    try:
        async for line in child.stderr:
            on_line(line.decode(errors="replace").rstrip())
        return await child.wait(), (await output).decode()
    finally:
        output.cancel()


async def _end(child: asyncio.subprocess.Process) -> None:
    """Interrupt Go and the compilers it runs, which makes it remove its work folder; insist after a grace."""
    if child.returncode is not None:
        return
    os.killpg(child.pid, signal.SIGINT)
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
