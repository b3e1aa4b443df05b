"""Reads what a user wrote in another mesh's words, and refuses what is not understood."""

from typing import Any

from k8s.models.common import quoted
from k8s.routers.base import UnfitRoute


def refuse_unknown(where: str, given: Any, known: tuple[str, ...]) -> None:
    """Raises UnfitRoute unless `given` is an object with known fields only."""
    if not isinstance(given, dict):
        raise UnfitRoute(f"{where}: {quoted(given)} is no object; write {', '.join(known)}")
    for field, value in given.items():
        if field not in known:
            remedy = f"write {', '.join(known)} only, or remove it"
            raise UnfitRoute(f"{where}.{field}: {quoted(value)} cannot be expressed in an HTTPRoute; {remedy}")


def texts(where: str, given: Any) -> list[str]:
    """A list of texts; raises UnfitRoute."""
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise UnfitRoute(f"{where}: {quoted(given)} is no list of texts; write one")
    return given
