"""The page on defects has every row, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| .+ \| .+ \| (-|`tests/[^|]+`) \|$")
TEST = re.compile(r"`(tests/\S+\.py)::(test_\w+)`")
OUT_OF_SCOPE = {44}
"""Rows that nothing of ours can be shown for."""
ROWS = {
    int(found[1]): found[2]
    for line in (ROOT / "docs" / "defects.md").read_text().splitlines()
    if (found := ROW.match(line)) is not None
}


def test_every_row_is_there() -> None:
    """In order, none twice, each in the shape that is checked below."""
    assert list(ROWS) == list(range(1, 46))


@cache
def names_in(file: str) -> set[str]:
    """Names of a file's test functions."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("number", "tests"), ROWS.items())
def test_what_shows_it_exists(number: int, tests: str) -> None:
    """By file and name, one or several; only what is out of scope has none."""
    if tests == "-":
        assert number in OUT_OF_SCOPE
        return
    assert TEST.sub("", tests).strip(", ") == ""
    for file, test in TEST.findall(tests):
        assert test in names_in(file)
