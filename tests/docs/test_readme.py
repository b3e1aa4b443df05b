"""What the documentation says exists: commands, flags, settings, messages, files. Nothing is run or started."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from temporalio import workflow

from playground.folders import Folders
from tests.settings import WORKERS, variables, written
from worker import cli
from workflows.console import SEARCH_ATTRIBUTES
from workflows.rollout import CanaryRollout

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
SETTINGS = variables(*WORKERS, Folders)

FENCE = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:serinus|kubectl canary|temporal workflow) [^`…]+)`")
PROMPT_OR_PATH = re.compile(r"^(?:\$ )?(?:\S*/bin/)?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| `(SERINUS_\w+)` \| (?:`(.*?)`)? ?\|", re.MULTILINE)


def commands(program: str) -> list[str]:
    """Every command line of a program in the documentation, in blocks and inside sentences."""
    return [line for text in TEXTS.values() for line in _lines(text) if line.startswith(f"{program} ")]


def _lines(text: str) -> Iterator[str]:
    yield from INLINE.findall(text)
    for block in FENCE.findall(text):
        yield from (PROMPT_OR_PATH.sub("", line) for line in block.splitlines())


def words_of(line: str) -> list[str]:
    """As a shell would split it, without the program and without a comment."""
    return shlex.split(line, comments=True)[1:]


@pytest.fixture(scope="module")
def program() -> Any:
    """The whole command line, neighbours included, as typer makes it: a group with `commands`."""
    cli.mount()
    return typer.main.get_command(cli.app)


class NoSuchCommand(Exception):
    """The program has no command of that name."""


def parse(command: Any, words: list[str]) -> None:
    """Parse as the program would, without running anything; raises what a user would see."""
    while subcommands := getattr(command, "commands", None):
        if not words:
            return
        if words[0] not in subcommands:
            raise NoSuchCommand(words[0])
        command, words = subcommands[words[0]], words[1:]
    command.make_context("serinus", list(words))


@pytest.mark.parametrize("line", [*dict.fromkeys(commands("serinus") + commands("kubectl canary"))])
def test_a_printed_command_is_one_that_the_program_takes(line: str, program: Any) -> None:
    """With these flags and arguments."""
    parse(program, words_of(line.removeprefix("kubectl ")))


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("serinus rollback podinfo", "NoSuchCommand"),
        ("serinus status --wat", "NoSuchOption"),
        ("serinus status -o xml", "BadParameter"),
        ("serinus abort", "MissingParameter"),
    ],
)
def test_a_command_that_the_program_refuses_would_be_noticed(line: str, refusal: str, program: Any) -> None:
    """An unknown command, flag or value, or a missing argument."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - typer keeps its error classes to itself
        parse(program, words_of(line))
    assert type(caught.value).__name__ == refusal


def test_every_command_is_documented(program: Any) -> None:
    """A command that nobody can find does not exist for its users."""
    assert set(program.commands) <= {words_of(line)[0] for line in commands("serinus")}


def test_every_message_to_a_workflow_exists() -> None:
    """Names of signals, updates and queries in `temporal workflow …`."""
    definition = workflow._Definition.must_from_class(CanaryRollout)
    known = {"signal": definition.signals, "query": definition.queries, "update": definition.updates}
    seen = [words_of(line) for line in commands("temporal") if "--name" in line]
    assert seen
    for words in seen:
        assert words[words.index("--name") + 1] in known[words[1]]


def test_every_search_attribute_is_documented_and_no_other() -> None:
    """In the README's list, and in each `--query`."""
    known = {key.name for key in SEARCH_ATTRIBUTES}
    queries = re.findall(r"--query '([^']+)'", TEXTS["README.md"])
    assert queries
    assert {name for query in queries for name in re.findall(r"(\w+) [=!<>]", query)} <= known
    assert {name for name in known if f"`{name}`" in TEXTS["README.md"]} == known


def test_the_documented_variables_are_those_that_are_read() -> None:
    """None is missing, none is invented."""
    documented = {name for text in TEXTS.values() for name in re.findall(r"SERINUS_[A-Z_]*[A-Z]", text)}
    assert documented == set(SETTINGS)


def test_the_documented_defaults_are_those_in_force() -> None:
    """As somebody would write them into the environment."""
    rows = dict(ROW.findall(TEXTS["README.md"]))
    assert rows
    assert rows == {name: written(SETTINGS[name]) for name in rows}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    """To a file or folder of this repository, and to a heading where they name one."""
    for link in LINK.findall(TEXTS[page]):
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text()), link


def headings(text: str) -> set[str]:
    """Anchors of a page."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_make_target_exists() -> None:
    """In the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for text in TEXTS.values() for line in _lines(text) if line.startswith("make ")]
    assert {words_of(line)[0] for line in lines} >= {"demo", "test"}
    assert {words_of(line)[0] for line in lines} <= targets


def test_the_pages_hold_no_path_of_one_machine() -> None:
    """Nor the address of a server that only one of us can reach."""
    for text in TEXTS.values():
        assert not re.search(r"/(?:root|home|work|tmp)/", text)
