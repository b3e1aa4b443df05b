"""What the documentation tells people to type: blocks of shell, each command with what it is shown to answer."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```(sh|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"^# not run by the tests: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One, which may go over several lines."""

    text: str
    answer: str = ""
    """The first line of what it is shown to print; empty when none is shown."""

    @property
    def refused(self) -> bool:
        """It is shown to fail."""
        return self.answer.startswith("refused:")


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    page: str
    line: int
    commands: tuple[Command, ...]
    not_run: str = ""
    """Why the tests cannot run it, as its first line tells the reader; empty: they do."""

    def __str__(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """All of a page, in order."""
    text = page.read_text()
    for fence in FENCE.finditer(text):
        indent, kind, body = fence.groups()
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        reason = NOT_RUN.search(body)
        commands = shown(body) if kind == "console" else scripted(body)
        line = text.count("\n", 0, fence.start()) + 1
        yield Block(page.relative_to(ROOT).as_posix(), line, tuple(commands), reason[1] if reason else "")


def shown(body: str) -> Iterator[Command]:
    """Of a terminal: what stands behind `$ `, and the line below it."""
    lines = body.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("$ "):
            yield Command(line.removeprefix("$ "), "" if below.startswith("$ ") else below)


def scripted(body: str) -> Iterator[Command]:
    """Of a script: each line, with those that a backslash or an open quotation mark joins to it."""
    gathered = ""
    for line in body.splitlines():
        gathered += f"{line}\n"
        if not is_whole(gathered):
            continue
        if shlex.split(gathered, comments=True):
            yield Command(gathered.strip())
        gathered = ""


def is_whole(text: str) -> bool:
    """Whether a shell would not wait for more."""
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return not text.endswith("\\\n")
