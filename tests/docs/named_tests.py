"""The tests that a page names, each as `tests/file.py::test_name`; a cell of a table holds one or several."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CELL = r"(-|`tests/[^|]+`)"
"""A cell of tests, or `-` for none."""
TEST = re.compile(r"`(tests/\S+\.py)::(test_\w+)`")


def mistakes_in(cell: str) -> list[str]:
    """What of a cell names no test that there is."""
    unknown = [f"{file}::{name}" for file, name in TEST.findall(cell) if name not in _names_in(file)]
    rest = TEST.sub("", cell).strip(", ")
    return [*unknown, *([rest] if rest else [])]


@cache
def _names_in(file: str) -> frozenset[str]:
    """Names of the test functions of a file, which is not imported."""
    tree = ast.parse((ROOT / file).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions)
