"""Blocks of shell are read as a shell reads them, and those that no test runs say why."""

import subprocess

import pytest

from tests.docs.shell import PAGES, ROOT, Block, Command, blocks_of, scripted, shown

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def test_a_script() -> None:
    """One command a line, unless the line goes on."""
    text = "# a comment\nmake demo  # with one behind\n\nkubectl get \\\n  pods\npatch -p '{\n\"a\": 1}'\n"
    assert list(scripted(text)) == [
        Command("make demo  # with one behind"),
        Command("kubectl get \\\n  pods"),
        Command("patch -p '{\n\"a\": 1}'"),
    ]


def test_a_terminal() -> None:
    """Each command with the first line of its answer."""
    assert list(shown("$ a\nanswer\nmore\n$ b\n$ c\nrefused: no\n")) == [
        Command("a", "answer"),
        Command("b"),
        Command("c", "refused: no"),
    ]


def test_there_are_blocks() -> None:
    """Else the tests of them are empty."""
    assert len(BLOCKS) > 20
    assert {block.page for block in BLOCKS} >= {"README.md", "docs/tutorial.md", "docs/security.md"}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_shell(block: Block) -> None:
    """A shell parses every command of it."""
    assert block.commands
    for command in block.commands:
        parsed = subprocess.run(["/bin/sh", "-n"], input=command.text, capture_output=True, text=True, check=False)
        assert parsed.returncode == 0, parsed.stderr


def test_what_is_not_run_is_little_and_says_why() -> None:
    """A reason is a sentence's worth; one that begins with a test says where the like is run."""
    reasons = [block.not_run for block in BLOCKS if block.not_run]
    assert all(len(reason.split()) >= 3 for reason in reasons)
    nowhere = [reason for reason in reasons if not (ROOT / reason.split()[0]).is_file()]
    assert len(nowhere) < len(BLOCKS) / 4
