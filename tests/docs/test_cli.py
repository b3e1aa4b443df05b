"""The page on the command line says what the commands' help says."""

from pathlib import Path

from worker import cli
from worker.reference import MARK, renewed

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_reference_is_the_help() -> None:
    """`make docs` renews it."""
    cli.mount()
    text = PAGE.read_text()
    assert MARK in text
    assert renewed(text) == text
