"""The page on the fields has every field of the definitions and no other, and each test that it names exists."""

import re
from collections.abc import Iterator

import pytest

from k8s.crd import crds
from k8s.models.schema import Schema
from tests.docs.named_tests import CELL, ROOT, mistakes_in

PAGE = ROOT / "docs" / "canary-fields.md"
HEADING = re.compile(r"^## (\w+)$")
ROW = re.compile(rf"^\| `([^`]+)` \| (.+) \| {CELL} \|$")
PENDING = {
    "Canary spec.service.meshName",
    "Canary spec.service.backends",
}
"""No test shows these yet; to be emptied, field by field."""


def fields(schema: Schema, path: str = "") -> Iterator[str]:
    """Paths of all fields below a node: `[]` is each element of a list, `*` each value of a map."""
    for name, child in schema.get("properties", {}).items():
        below, node = f"{path}.{name}" if path else name, child
        yield below
        while following := node.get("items") or _values(node):
            below += "[]" if "items" in node else ".*"
            node = following
        yield from fields(node, below)


def _values(node: Schema) -> Schema | None:
    values = node.get("additionalProperties")
    return values if isinstance(values, dict) else None


def defined() -> list[str]:
    """Kind and path of every field, in the order of the definitions."""
    return [
        f"{crd['spec']['names']['kind']} {path}"
        for crd in crds()
        for path in fields(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    ]


def documented() -> dict[str, str]:
    """Kind and path of every row, and the tests that it names; `-` for none."""
    rows, kind = {}, ""
    for line in PAGE.read_text().splitlines():
        if heading := HEADING.match(line):
            kind = heading[1]
        elif line.startswith("| `"):
            row = ROW.match(line)
            assert row, f"not a row of field, meaning and test: {line}"
            assert f"{kind} {row[1]}" not in rows, f"twice: {line}"
            rows[f"{kind} {row[1]}"] = row[3]
    return rows


def test_every_field_is_documented_and_no_other() -> None:
    """In the order of the definitions."""
    assert list(documented()) == defined()


@pytest.mark.parametrize("tests", sorted(set(documented().values()) - {"-"}))
def test_every_named_test_exists(tests: str) -> None:
    """Under that name, in that file."""
    assert mistakes_in(tests) == []


def test_no_field_is_without_a_test_unless_it_is_known() -> None:
    """And none that has one is still listed here."""
    assert {field for field, test in documented().items() if test == "-"} == PENDING
