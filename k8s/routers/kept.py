"""What the API server made of what was written."""

from k8s.client import Json
from k8s.routers.base import UnfitRoute


def require_kept(stored: Json, wanted: Json, product: str) -> None:
    """Raises UnfitRoute for an object that the API server stored in part, as it does when its definition is older.

    Args:
        stored: its answer.
        wanted: fields of the spec as they were written.
        product: whose definition it is.
    """
    if lost := lost_in(wanted, stored["spec"], "spec"):
        kind, name = stored["kind"], f"{stored['metadata']['name']}.{stored['metadata']['namespace']}"
        remedy = f"install a newer {product}, or remove from the Canary what asks for it"
        raise UnfitRoute(f"{kind} {name}: the cluster's definition of {kind}s does not know {lost}; {remedy}")


def lost_in(wanted: object, kept: object, path: str) -> str:
    """The path of the first field of `wanted` that `kept` lacks; empty when it has all."""
    match wanted, kept:
        case dict(), dict():
            pairs = [(f"{path}.{key}", value, kept.get(key)) for key, value in wanted.items()]
        case list(), list():
            pairs = [(f"{path}[{index}]", *both) for index, both in enumerate(zip(wanted, kept, strict=False))]
        case _:
            return path if kept is None else ""
    return next((lost for below, value, there in pairs if (lost := lost_in(value, there, below))), "")
