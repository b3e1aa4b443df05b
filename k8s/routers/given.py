"""Reads what a user wrote in another mesh's words, and refuses what is not understood."""

from collections.abc import Collection
from typing import Any

from k8s.models.common import quoted
from k8s.models.service import Service
from k8s.routers.base import UnfitRoute


def refuse_unknown(where: str, given: Any, known: tuple[str, ...], *, route: str = "an HTTPRoute") -> None:
    """Raises UnfitRoute unless `given` is an object with known fields only; `route` is what cannot express others."""
    if not isinstance(given, dict):
        raise UnfitRoute(f"{where}: {quoted(given)} is no object; write {', '.join(known)}")
    for field, value in given.items():
        if field not in known:
            remedy = f"write {', '.join(known)} only, or remove it"
            raise UnfitRoute(f"{where}.{field}: {quoted(value)} cannot be expressed in {route}; {remedy}")


def text_match(where: str, given: Any, words: Collection[str], *, route: str = "an HTTPRoute") -> tuple[str, str]:
    """Istio's StringMatch as its one key, of those that `route` has words for, and its text; raises UnfitRoute."""
    if isinstance(given, dict) and len(given) == 1:
        [(word, text)] = given.items()
        if word in words and isinstance(text, str) and text:
            return word, text
    remedy = f"write {' or '.join(words)} alone" + (', such as {"regex": "a.*"}' if "regex" in words else "")
    raise UnfitRoute(f"{where}: {quoted(given)} cannot be expressed in {route}; {remedy}")


def text_matches(
    where: str, given: Any, words: Collection[str], *, route: str = "an HTTPRoute"
) -> dict[str, tuple[str, str]]:
    """The same for each name of a map, in their order; raises UnfitRoute."""
    named = sorted(by_name(where, given).items())
    return {name: text_match(f"{where}.{name}", value, words, route=route) for name, value in named}


def by_name(where: str, given: Any) -> dict[str, Any]:
    """A map; raises UnfitRoute."""
    if not isinstance(given, dict):
        raise UnfitRoute(f"{where}: {quoted(given)} is no map; write names and conditions")
    return given


def texts(where: str, given: Any) -> list[str]:
    """A list of texts; raises UnfitRoute."""
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise UnfitRoute(f"{where}: {quoted(given)} is no list of texts; write one")
    return given


def refuse_fields(service: Service, fields: tuple[str, ...], why: str) -> None:
    """Raises UnfitRoute for the first of these fields of `spec.service` that is given."""
    given = service.as_json()
    for field in fields:
        if given.get(field):
            raise UnfitRoute(f"spec.service.{field}: {why}; remove it")


def refuse_full_path(service: Service, product: str) -> None:
    """Raises UnfitRoute for a whole path to be rewritten, where only the prefix that matched can be."""
    if service.rewrite and service.rewrite.type == "ReplaceFullPath":
        remedy = "write ReplacePrefixMatch, or remove it"
        raise UnfitRoute(f"spec.service.rewrite.type: {product} replaces the prefix that matched; {remedy}")
