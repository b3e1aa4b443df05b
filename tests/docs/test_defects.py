"""The page on defects has every row, and each test that it names exists."""

import re

import pytest

from tests.docs.named_tests import CELL, ROOT, mistakes_in

ROW = re.compile(rf"^\| (\d+) \| .+ \| .+ \| {CELL} \|$")
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


@pytest.mark.parametrize(("number", "tests"), ROWS.items())
def test_what_shows_it_exists(number: int, tests: str) -> None:
    """By file and name, one or several; only what is out of scope has none."""
    if tests == "-":
        assert number in OUT_OF_SCOPE
    else:
        assert mistakes_in(tests) == []
