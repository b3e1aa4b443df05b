"""What the API server checks on `kubectl apply` beyond types: the rules (CEL) of a schema, and unknown fields. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, NamedTuple

import cel

from k8s.models.common import quoted
from k8s.models.schema import Schema

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "isSorted": lambda items: list(items) == sorted(items),
    "lastIndexOf": lambda text, part: text.rfind(part),
    "findAll": lambda text, pattern: [found[0] for found in re.finditer(pattern, text, re.ASCII)],
}
"""Of Kubernetes' library for CEL, those that our rules use."""


class Node(NamedTuple):
    """A value, the schema that it must fit, and its path from the root."""

    path: str
    schema: Schema
    value: Any


def unknown_fields(schema: Schema, obj: Any) -> Iterator[str]:
    """A line for each field that the schema does not know: strict clients refuse it, others lose it in silence."""
    for path, node, value in _nodes(schema, obj):
        known = node.get("properties")
        if known is None or not isinstance(value, dict) or "additionalProperties" in node:
            continue
        for name in value.keys() - known.keys():
            near = get_close_matches(str(name), known, n=1)
            yield f"{_below(path, name)}: unknown field; {f'write {near[0]}' if near else 'remove it'}"


def broken_rules(schema: Schema, obj: Any) -> Iterator[str]:
    """A line for each rule that an object of the right types breaks: the field, its value, and what to write."""
    for path, node, value in _nodes(schema, obj):
        for rule in node.get("x-kubernetes-validations", ()):
            if not _compiled(rule["rule"]).execute(cel.Context({"self": value}, FUNCTIONS)):
                yield _told(path, value, rule)


def _nodes(schema: Schema, value: Any, path: str = "") -> Iterator[Node]:
    """Every value that the schema speaks of, outer ones first."""
    yield Node(path, schema, value)
    if isinstance(value, dict):
        for name, below in value.items():
            child = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if child:
                yield from _nodes(child, below, _below(path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, below in enumerate(value):
            yield from _nodes(schema["items"], below, f"{path}[{index}]")


@cache
def _compiled(rule: str) -> cel.Program:
    return cel.compile(rule)


def _told(path: str, value: Any, rule: Schema) -> str:
    steps = rule.get("fieldPath", "").removeprefix(".")
    meant = _at(value, steps.split(".")) if steps else value
    shown = "" if meant is None or isinstance(meant, dict) else f"{quoted(meant)} is refused: "
    return f"{_below(path, steps) if steps else path}: {shown}{rule['message']}"


def _at(value: Any, steps: Sequence[str]) -> Any:
    """What stands below; None when nothing does."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _below(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
