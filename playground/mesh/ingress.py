"""From a host outside the cluster to a Service in it, by its Ingresses, as ingress-nginx goes. Pure but for the dice.

Read are Ingresses of class nginx: hosts (`*.` too), paths, and the annotations of a canary. No other annotation is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from k8s.client import Json
from playground.mesh.filters import Draw
from playground.mesh.matching import Request, matches

CLASS, CLASS_ANNOTATION = "nginx", "kubernetes.io/ingress.class"
PREFIX = "nginx.ingress.kubernetes.io/canary"
ALWAYS, NEVER = "always", "never"


@dataclass(frozen=True)
class Path:
    """One path of one Ingress, and the Service behind it."""

    ingress: Json
    host: str
    """Empty: any."""
    path: str
    is_exact: bool
    service: Json
    """Name and port, as the Ingress writes them."""

    @property
    def canary(self) -> dict[str, str]:
        """The annotations of a canary without their common beginning; empty when the Ingress is none."""
        annotations = self.ingress["metadata"].get("annotations") or {}
        if annotations.get(PREFIX) != "true":
            return {}
        return {key.removeprefix(PREFIX): value for key, value in annotations.items() if key.startswith(PREFIX)}

    def rank(self, host: str) -> tuple[bool, bool, bool, int]:
        """The greatest takes the request: its own host, then a wildcard, then an exact path, then the longest."""
        return self.host == host, bool(self.host), self.is_exact, len(self.path)


@dataclass(frozen=True)
class Admitted:
    """A request that an Ingress lets in."""

    main: Path
    """Of the Ingress whose host and path took it."""
    chosen: Path
    """The same, or that of the canary beside it."""


def admitted(ingresses: Sequence[Json], host: str, request: Request, draw: Draw) -> Admitted | None:
    """Which path takes the request, and whether the canary beside it does; None when no Ingress has the host."""
    fitting = [
        path for ingress in ingresses if _is_nginx(ingress) for path in _paths(ingress) if _fits(path, host, request)
    ]
    mains = [path for path in fitting if not path.canary]
    if not mains:
        return None
    main = max(mains, key=lambda path: path.rank(host))
    beside = (path for path in fitting if path.canary and (path.host, path.path) == (main.host, main.path))
    canary = next(beside, None)
    return Admitted(main, canary if canary and is_for_canary(canary.canary, request, draw) else main)


def is_for_canary(annotations: dict[str, str], request: Request, draw: Draw) -> bool:
    """By a header, else by a cookie, else by weight; each of the former may also say no."""
    for decided in (_by_header(annotations, request), _by_cookie(annotations, request)):
        if decided is not None:
            return decided
    total = int(annotations.get("-weight-total", 100))
    return draw() * total < int(annotations.get("-weight", 0))


def _by_header(annotations: dict[str, str], request: Request) -> bool | None:
    name = annotations.get("-by-header", "").lower()
    value = next((value for key, value in request.headers if key == name), None)
    if value is None:
        return None
    if wanted := annotations.get("-by-header-value"):
        return True if value == wanted else None
    if pattern := annotations.get("-by-header-pattern"):
        return re.search(pattern, value) is not None
    return _said(value)


def _by_cookie(annotations: dict[str, str], request: Request) -> bool | None:
    jar: SimpleCookie = SimpleCookie()
    for key, value in request.headers:
        if key == "cookie":
            try:
                jar.load(value)
            except CookieError:
                continue
    morsel = jar.get(annotations.get("-by-cookie", ""))
    return _said(morsel.value) if morsel else None


def _said(value: str) -> bool | None:
    return {ALWAYS: True, NEVER: False}.get(value)


def _is_nginx(ingress: Json) -> bool:
    annotations = ingress["metadata"].get("annotations") or {}
    return bool(ingress["spec"].get("ingressClassName", annotations.get(CLASS_ANNOTATION)) == CLASS)


def _paths(ingress: Json) -> Iterator[Path]:
    spec = ingress["spec"]
    for rule in spec.get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            if service := path["backend"].get("service"):
                exact = path.get("pathType") == "Exact"
                yield Path(ingress, rule.get("host", ""), path.get("path", "/"), exact, service)
    if service := (spec.get("defaultBackend") or {}).get("service"):
        yield Path(ingress, "", "/", is_exact=False, service=service)


def _fits(path: Path, host: str, request: Request) -> bool:
    named = path.host in {"", host} or (path.host.startswith("*.") and host.partition(".")[2] == path.host[2:])
    kind = "Exact" if path.is_exact else "PathPrefix"
    return named and matches({"path": {"type": kind, "value": path.path}}, request)
