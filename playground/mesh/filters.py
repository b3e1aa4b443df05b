"""The filters of a rule and of its chosen backendRef, sorted by what they do to one request. Pure but for the dice."""

from collections.abc import Callable
from dataclasses import dataclass, field

from k8s.client import Json
from playground.mesh.backend import Backend, backend_of
from playground.mesh.cors import Cors

Draw = Callable[[], float]
"""A number from 0 up to, and not including, 1."""


@dataclass(frozen=True)
class HeaderChange:
    """What a header modifier does, in the order set, add, remove."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rewritten:
    """What the backend sees in the place of the client's host name and path; empty: the client's."""

    hostname: str = ""
    path: str = ""


@dataclass
class Filters:
    """What happens to a request; `unknown` names a filter that the mesh cannot do."""

    mirrors: list[Backend] = field(default_factory=list)
    request_headers: list[HeaderChange] = field(default_factory=list)
    response_headers: list[HeaderChange] = field(default_factory=list)
    rewritten: Rewritten | None = None
    cors: Cors | None = None
    unknown: str = ""


def sorted_filters(rule: Json, ref: Json, home: Backend, path: str, draw: Draw) -> Filters:
    """Those of the rule first.

    Args:
        rule: of an HTTPRoute.
        ref: the backendRef that was drawn.
        home: the route's namespace and the request's port.
        path: of the request.
        draw: decides whether a mirror that takes a share gets this request.
    """
    found = Filters()
    for item in [*(rule.get("filters") or []), *(ref.get("filters") or [])]:
        match item["type"]:
            case "RequestMirror":
                if draw() < _share(item["requestMirror"]):
                    found.mirrors.append(backend_of(item["requestMirror"]["backendRef"], home))
            case "RequestHeaderModifier":
                found.request_headers.append(_header_change(item["requestHeaderModifier"]))
            case "ResponseHeaderModifier":
                found.response_headers.append(_header_change(item["responseHeaderModifier"]))
            case "URLRewrite":
                found.rewritten = _rewritten(item["urlRewrite"], rule, path)
            case "CORS":
                found.cors = Cors.of(item["cors"])
            case unknown:
                found.unknown = unknown
    return found


def _share(mirror: Json) -> float:
    """Which share of the requests is mirrored, 0 to 1; all unless the filter says less."""
    if "fraction" in mirror:
        return float(mirror["fraction"]["numerator"] / mirror["fraction"].get("denominator", 100))
    return float(mirror.get("percent", 100)) / 100


def _header_change(modifier: Json) -> HeaderChange:
    return HeaderChange(
        set=tuple((item["name"], item["value"]) for item in modifier.get("set") or []),
        add=tuple((item["name"], item["value"]) for item in modifier.get("add") or []),
        remove=tuple(modifier.get("remove") or []),
    )


def _rewritten(change: Json, rule: Json, path: str) -> Rewritten:
    hostname, new = change.get("hostname", ""), change.get("path") or {}
    match new.get("type"):
        case "ReplaceFullPath":
            return Rewritten(hostname, new["replaceFullPath"])
        case "ReplacePrefixMatch":  # the API sees to it that the rule's single match is by prefix
            prefix = ((rule.get("matches") or [{}])[0].get("path") or {}).get("value", "/").rstrip("/")
            return Rewritten(hostname, (new["replacePrefixMatch"].rstrip("/") + path[len(prefix) :]) or "/")
        case _:
            return Rewritten(hostname)
