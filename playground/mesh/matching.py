"""Whether an HTTPRoute's match fits a request, and which of two fitting matches wins. Pure.

The rules are the Gateway API's: https://gateway-api.sigs.k8s.io/reference/spec/#httproutematch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from k8s.client import Json

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """What of a request may be matched."""

    method: str = "GET"
    path: str = "/"
    headers: Pairs = ()
    """Names in lower case."""
    query: Pairs = ()


class Precedence(NamedTuple):
    """The greater one wins: exact path, then the longest path, a method, more headers, more query parameters."""

    exact_path: bool = False
    path_length: int = 0
    method: bool = False
    headers: int = 0
    query: int = 0


def matches(match: Json, request: Request) -> bool:
    """Whether every part of one entry of `rules[].matches` fits."""
    return (
        _path_fits(match.get("path") or {}, request.path)
        and match.get("method", request.method) == request.method
        and all(_value_fits(wanted, request.headers, fold=True) for wanted in match.get("headers") or [])
        and all(_value_fits(wanted, request.query, fold=False) for wanted in match.get("queryParams") or [])
    )


def precedence(match: Json) -> Precedence:
    """How one match ranks among all that fit."""
    path = match.get("path") or {}
    return Precedence(
        exact_path=path.get("type") == "Exact",
        path_length=len(path.get("value", "/")),
        method="method" in match,
        headers=len(match.get("headers") or []),
        query=len(match.get("queryParams") or []),
    )


def _path_fits(wanted: Json, path: str) -> bool:
    value = wanted.get("value", "/")
    match wanted.get("type", "PathPrefix"):
        case "Exact":
            return bool(path == value)
        case "RegularExpression":
            return re.fullmatch(value, path) is not None
        case _:  # whole elements: /foo is no prefix of /foobar
            prefix = value.rstrip("/")
            return bool(path == prefix or path.startswith(prefix + "/"))


def _value_fits(wanted: Json, given: Pairs, *, fold: bool) -> bool:
    """Whether the first header or parameter of that name has the value; header names ignore case."""
    name = wanted["name"].lower() if fold else wanted["name"]
    value = next((value for key, value in given if key == name), None)
    if value is None:
        return False
    if wanted.get("type") == "RegularExpression":
        return re.fullmatch(wanted["value"], value) is not None
    return bool(value == wanted["value"])
