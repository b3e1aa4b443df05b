"""From a request and what is attached to its Service to one backend: rules, weights, filters. Pure but for the dice.

The Service itself answers where nothing is attached to it. A filter that the mesh does not know fails the request, as
the Gateway API demands: leaving it out would show a release that no user would ever see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from k8s.client import Json
from k8s.models.duration import Duration
from playground.mesh.backend import Backend, backend_of
from playground.mesh.cors import Cors
from playground.mesh.filters import Draw, HeaderChange, Rewritten, sorted_filters
from playground.mesh.matching import Precedence, Request, matches, precedence

Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Routed:
    """Where the request goes, and what happens to it on the way."""

    backend: Backend
    mirrors: tuple[Backend, ...] = ()
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    rewritten: Rewritten | None = None
    cors: Cors | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Unroutable:
    """No backend; `status` is the HTTP status that says so."""

    status: int
    why: str


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
    home = parent._replace(namespace=route["metadata"]["namespace"])
    filters = sorted_filters(rule, chosen, home, request.path, draw)
    if filters.unknown:
        return Unroutable(500, f"HTTPRoute {_name(route)}: the pocket mesh cannot do filter {filters.unknown}")
    return Routed(
        backend=backend_of(chosen, home) if chosen else parent,
        mirrors=tuple(filters.mirrors),
        request_headers=tuple(filters.request_headers),
        response_headers=tuple(filters.response_headers),
        rewritten=filters.rewritten,
        cors=filters.cors,
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


def _timeout_seconds(rule: Json) -> float | None:
    """The shorter deadline of the rule, as nothing is tried twice here; zero means none."""
    given = (rule.get("timeouts") or {}).values()
    return min((seconds for text in given if (seconds := Duration(text).total_seconds())), default=None)


def _quantity(weight: int | str) -> float:
    """A weight of v1alpha1 is a Kubernetes quantity: `50`, or `500m` for a half."""
    text = str(weight)
    return float(Decimal(text.removesuffix("m")) / (1000 if text.endswith("m") else 1))
