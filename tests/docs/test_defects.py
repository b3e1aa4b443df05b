"""The page on defects has every row, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| .+ \| .+ \| (?:`(tests/\S+\.py)::(test_\w+)`|(-)) \|$")
OUT_OF_REACH = {22: "a query's business", 44: "out of scope"}
"""Rows that nothing of ours can be shown for."""
ROWS = [
    found.groups()
    for line in (ROOT / "docs" / "defects.md").read_text().splitlines()
    if (found := ROW.match(line)) is not None
]


def test_every_row_is_there() -> None:
    """In order, none twice, each in the shape that is checked below."""
    assert [int(number) for number, *_ in ROWS] == list(range(1, 46))


@cache
def names_in(file: str) -> set[str]:
    """Names of a file's test functions."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("number", "file", "test", "none"), ROWS)
def test_what_shows_it_exists(number: str, file: str | None, test: str | None, none: str | None) -> None:
    """By file and name; only what is out of reach has none."""
    if none:
        assert int(number) in OUT_OF_REACH
    else:
        assert file
        assert test in names_in(file)
