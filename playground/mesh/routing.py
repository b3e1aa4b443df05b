"""From a request and what is attached to its Service to one backend: rules, weights, filters. Pure but for the dice.

The Service itself answers where nothing is attached to it. A filter that the mesh does not know fails the request, as
the Gateway API demands: leaving it out would show a release that no user would ever see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeVar

from k8s.client import Json
from k8s.models.duration import Duration
from playground.mesh.matching import Precedence, Request, matches, precedence

Draw = Callable[[], float]
"""A number from 0 up to, and not including, 1."""
Chosen = TypeVar("Chosen")


class Backend(NamedTuple):
    """A port of a Service; a backend without a port takes the request's."""

    namespace: str
    service: str
    port: int

    def __str__(self) -> str:
        return f"{self.service}.{self.namespace}:{self.port}"


@dataclass(frozen=True)
class HeaderChange:
    """What a header modifier does, in the order set, add, remove."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Routed:
    """Where the request goes, and what happens to it on the way."""

    backend: Backend
    mirrors: tuple[Backend, ...] = ()
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Unroutable:
    """No backend; `status` is the HTTP status that says so."""

    status: int
    why: str


@dataclass
class _Filters:
    """The filters of a rule and of the chosen backendRef, sorted by what they do."""

    mirrors: list[Backend] = field(default_factory=list)
    request_headers: list[HeaderChange] = field(default_factory=list)
    response_headers: list[HeaderChange] = field(default_factory=list)
    unknown: str = ""


def routed_by_routes(routes: Sequence[Json], parent: Backend, request: Request, draw: Draw) -> Routed | Unroutable:
    """Apply the HTTPRoutes attached to the parent; without any, the parent is the backend."""
    if not routes:
        return Routed(parent)
    found = _rule_for(routes, request)
    if found is None:
        return Unroutable(404, f"no rule of an HTTPRoute on {parent} matches {request.method} {request.path}")
    route, rule = found
    refs = rule.get("backendRefs") or []
    chosen = weighted([(ref, int(ref.get("weight", 1))) for ref in refs], draw()) if refs else {}
    if chosen is None:
        return Unroutable(500, f"every backend of the matching rule of HTTPRoute {_name(route)} has weight 0")
    filters = _sorted_filters(rule, chosen, _home(route, parent), draw)
    if filters.unknown:
        return Unroutable(500, f"HTTPRoute {_name(route)}: the pocket mesh cannot do filter {filters.unknown}")
    return Routed(
        backend=_backend(chosen, _home(route, parent)) if chosen else parent,
        mirrors=tuple(filters.mirrors),
        request_headers=tuple(filters.request_headers),
        response_headers=tuple(filters.response_headers),
        timeout_seconds=_timeout_seconds(rule),
    )


def routed_by_split(split: Json, parent: Backend, draw: Draw) -> Routed | Unroutable:
    """Apply a TrafficSplit (split.smi-spec.io): its backends' weights, on the request's port."""
    backends = split["spec"].get("backends") or []
    name = weighted([(backend["service"], _quantity(backend.get("weight", 0))) for backend in backends], draw())
    if name is None:
        return Unroutable(500, f"every backend of TrafficSplit {_name(split)} has weight 0")
    return Routed(parent._replace(service=name))


def weighted(choices: Sequence[tuple[Chosen, float]], point: float) -> Chosen | None:
    """The choice at `point` (from 0 to 1) of the weights laid end to end; None when they sum to 0."""
    rest = point * sum(weight for _, weight in choices)
    last = None
    for choice, weight in choices:
        if weight <= 0:
            continue
        if rest < weight:
            return choice
        rest -= weight
        last = choice  # where rounding carries the point past the end
    return last


def is_attached(route: Json, service: Backend) -> bool:
    """Whether one of the route's parentRefs names this Service and this port of it (or no port)."""
    home = route["metadata"]["namespace"]
    return any(
        names_service(ref)
        and ref.get("namespace", home) == service.namespace
        and ref["name"] == service.service
        and ref.get("port", service.port) == service.port
        for ref in route["spec"].get("parentRefs") or []
    )


def names_service(ref: Json) -> bool:
    """Whether a parentRef is a Service: its group is written "" or, as Linkerd's and Flagger's users do, "core"."""
    return ref.get("kind") == "Service" and ref.get("group") in ("", "core")


def _rule_for(routes: Sequence[Json], request: Request) -> tuple[Json, Json] | None:
    """The rule with the best match; among equals the oldest route's, then the first by name, then the first rule."""
    best: tuple[Precedence, Json, Json] | None = None
    for route in sorted(routes, key=_age):
        for rule in route["spec"].get("rules") or []:
            ranks = [precedence(match) for match in rule.get("matches") or [{}] if matches(match, request)]
            if ranks and (best is None or max(ranks) > best[0]):
                best = max(ranks), route, rule
    return best[1:] if best else None


def _age(route: Json) -> tuple[str, str, str]:
    metadata = route["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"]


def _name(obj: Json) -> str:
    return f"{obj['metadata']['name']}.{obj['metadata']['namespace']}"


def _home(route: Json, parent: Backend) -> Backend:
    """What a backendRef leaves out: the route's namespace and the request's port."""
    return parent._replace(namespace=route["metadata"]["namespace"])


def _backend(ref: Json, home: Backend) -> Backend:
    return Backend(ref.get("namespace", home.namespace), ref["name"], int(ref.get("port", home.port)))


def _sorted_filters(rule: Json, ref: Json, home: Backend, draw: Draw) -> _Filters:
    found = _Filters()
    for item in [*(rule.get("filters") or []), *(ref.get("filters") or [])]:
        match item["type"]:
            case "RequestMirror":
                if draw() < _share(item["requestMirror"]):
                    found.mirrors.append(_backend(item["requestMirror"]["backendRef"], home))
            case "RequestHeaderModifier":
                found.request_headers.append(_header_change(item["requestHeaderModifier"]))
            case "ResponseHeaderModifier":
                found.response_headers.append(_header_change(item["responseHeaderModifier"]))
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


def _timeout_seconds(rule: Json) -> float | None:
    """The rule's deadline for the whole exchange; zero means none."""
    text = (rule.get("timeouts") or {}).get("request")
    return (Duration(text).total_seconds() or None) if text else None


def _quantity(weight: int | str) -> float:
    """A weight of v1alpha1 is a Kubernetes quantity: `50`, or `500m` for a half."""
    text = str(weight)
    return float(Decimal(text.removesuffix("m")) / (1000 if text.endswith("m") else 1))
