"""The table of routers says what the code does, and each test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from k8s.client import Json
from k8s.models.loading import load_canary
from k8s.routers.base import beyond_weights
from k8s.routers.registry import ROUTERS
from tests.objects import a_canary, a_service, an_analysis
from tests.router_contract import CASES

ROOT = Path(__file__).parents[2]
CELLS = r" \| (real|small|none)" + r" \| (yes|refused|none)" * 4
ROW = re.compile(rf"^\| `([\w:]+)`{CELLS} \| (.+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
AB_TEST = {"iterations": 5, "stepWeight": None, "maxWeight": None, "match": [{"headers": {"x": {"exact": "y"}}}]}
STRATEGIES: dict[str, Json] = {
    "weights": {},
    "ab_test": AB_TEST,
    "copies": {"mirror": True},
    "affinity": {"sessionAffinity": {"cookieName": "side"}},
}


class Row(NamedTuple):
    """As the page has it."""

    provider: str
    definitions: str
    weights: str
    ab_test: str
    copies: str
    affinity: str
    checks: str
    rollouts: str


ROWS = [Row(*cells) for cells in ROW.findall((ROOT / "docs" / "routing.md").read_text())]


def test_every_router_has_a_row() -> None:
    """And no other; in order."""
    assert [row.provider for row in ROWS] == sorted(ROUTERS)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("row", ROWS, ids=[row.provider for row in ROWS])
def test_what_it_can_do_is_what_it_does_not_refuse(row: Row, strategy: str) -> None:
    """Which it is, the contract holds it to."""
    case = CASES[row.provider]
    spec = {"provider": row.provider, "service": a_service(**case.service), **case.spec}
    canary = load_canary(a_canary(analysis=an_analysis(**STRATEGIES[strategy]), **spec))
    assert strategy == "weights" or beyond_weights(canary)
    able = "refused" if ROUTERS[row.provider].problem(canary) else "yes"
    assert getattr(row, strategy) == (able if case.divides else "none")


@pytest.mark.parametrize("row", ROWS, ids=[row.provider for row in ROWS])
def test_definitions_are_those_of_the_contract(row: Row) -> None:
    """Real where it runs against a real API server."""
    case = CASES[row.provider]
    assert row.definitions == ("none" if not case.objects else "real" if case.in_playground else "small")


@cache
def names_in(file: str) -> set[str]:
    """Names of a file's test functions."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.provider for row in ROWS])
def test_what_shows_it_exists(row: Row) -> None:
    """By file and name, and the cells hold nothing else."""
    assert TEST.findall(row.checks)
    for file, name in TEST.findall(row.checks + row.rollouts):
        assert name in names_in(file)
    assert TEST.sub("", row.checks).strip() == ""
    assert TEST.sub("", row.rollouts).strip() in {"", "-"}
