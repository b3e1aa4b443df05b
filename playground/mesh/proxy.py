"""The forward proxy: an ASGI application for absolute-form requests, as clients send them to an `http_proxy`."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import structlog
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.mesh.backend import Backend
from playground.mesh.cors import is_preflight
from playground.mesh.directory import Directory, NoEndpoint, UnknownHost
from playground.mesh.filters import HeaderChange, Rewritten
from playground.mesh.ingress import admitted
from playground.mesh.matching import Request
from playground.mesh.pods import Pod
from playground.mesh.routing import Routed, Unroutable, routed_by_routes, routed_by_split
from playground.mesh.telemetry import Telemetry

log = structlog.get_logger(__name__)

RawHeaders = list[tuple[bytes, bytes]]
ERROR_HEADER = "l5d-proxy-error"
HTTP_PORT = 80


@dataclass(frozen=True)
class Destination:
    """Where a client wants to go."""

    host: str
    port: int
    raw_path: bytes


class Mesh:
    """The proxies of all pods in one.

    Args:
        directory: knows Services, routes and pods.
        telemetry: counts.
        application_of: the ASGI application that runs in a pod.
    """

    def __init__(self, directory: Directory, telemetry: Telemetry, application_of: Callable[[Pod], ASGIApp]) -> None:
        self._directory, self._telemetry, self._application_of = directory, telemetry, application_of
        self._copies: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request to a pod, or refuse it and say why."""
        destination = destination_of(scope)
        if destination is None:
            why = f"{scope['method']} {scope['path']}: not an http:// URL; the pocket mesh speaks plain HTTP only"
            await _refuse(501, why)(scope, receive, send)
            return
        service, inner = self._directory.resolve(destination.host, destination.port), inner_scope(scope, destination)
        if isinstance(service, UnknownHost):
            await self._admit(service, destination, inner, receive, send)
            return
        match self._route(service, inner):
            case Unroutable(status, why):
                self._telemetry.outbound(service, status)
                await _refuse(status, why)(scope, receive, send)
            case Routed() as routed:
                await self._carry(routed, inner, receive, send)

    async def aclose(self) -> None:
        """Give up the copies that are under way."""
        for copy in self._copies:
            copy.cancel()
        await asyncio.gather(*self._copies, return_exceptions=True)

    def _route(self, service: Backend, scope: Scope) -> Routed | Unroutable:
        """An HTTPRoute goes before a TrafficSplit."""
        if routes := self._directory.routes_on(service):
            return routed_by_routes(routes, service, matchable(scope), random.random)
        if split := self._directory.split_on(service):
            return routed_by_split(split, service, random.random)
        return Routed(service)

    async def _admit(
        self, unknown: UnknownHost, destination: Destination, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A host that is no Service's may be an Ingress'."""
        ingresses = self._directory.ingresses() if destination.port == HTTP_PORT else []
        found = admitted(ingresses, destination.host, matchable(scope), random.random)
        if found is None:
            why = f"{unknown.why}; name hosts outside the cluster in NO_PROXY"
            await _refuse(502, why)(scope, receive, send)
            return
        backend, answer, began = self._directory.behind(found.chosen), _Answer(send), time.perf_counter()
        try:
            await self._deliver(backend, scope, receive, answer)
        finally:
            if answer.status:
                seconds = time.perf_counter() - began
                self._telemetry.ingress.answered(found, backend, scope["method"], answer.status, seconds)

    async def _carry(self, routed: Routed, scope: Scope, receive: Receive, send: Send) -> None:
        request, changes = matchable(scope), list(routed.response_headers)
        if routed.cors and is_preflight(request.method, request.headers):
            await Response(headers=dict(routed.cors.preflight(request.headers)))(scope, receive, send)
            return
        if routed.cors:
            changes.append(HeaderChange(set=tuple(routed.cors.answer(request.headers))))
        scope = rewritten({**scope, "headers": changed(scope["headers"], routed.request_headers)}, routed.rewritten)
        if routed.mirrors:
            receive = await self._mirror(routed.mirrors, scope, receive)
        answer, deadline = _Answer(send, changes), asyncio.timeout(routed.timeout_seconds)
        try:
            async with deadline:
                await self._deliver(routed.backend, scope, receive, answer)
        except TimeoutError:
            if answer.status or not deadline.expired():
                raise
            self._telemetry.outbound(routed.backend, 504)
            why = f"{routed.backend} did not answer within the {routed.timeout_seconds} s that the route allows"
            await _refuse(504, why)(scope, receive, send)

    async def _deliver(self, backend: Backend, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Pick a ready pod and let it answer; both sides count."""
        endpoints = self._directory.endpoints(backend)
        if isinstance(endpoints, NoEndpoint):
            self._telemetry.outbound(backend, endpoints.status)
            await _refuse(endpoints.status, endpoints.why)(scope, receive, answer)
            return
        chosen = random.choice(endpoints)  # noqa: S311 - dice, not a secret
        pod, exchange = chosen.pod, self._telemetry.inbound(chosen.pod, chosen.port)
        try:
            await self._application_of(pod)(scope, receive, answer)
        finally:
            if answer.status:
                exchange.answered(answer.status)
                self._telemetry.outbound(backend, answer.status, pod)

    async def _mirror(self, mirrors: Iterable[Backend], scope: Scope, receive: Receive) -> Receive:
        """Send a copy to each mirror, whose answers nobody sees; return what the original reads instead."""
        body = await _body(receive)
        for mirror in mirrors:
            copy = self._deliver(mirror, {**scope}, _replayed(body, receive), _Answer(_discard))
            task = asyncio.create_task(copy, name=f"mirror to {mirror}")
            self._copies.add(task)
            task.add_done_callback(self._copied)
        return _replayed(body, receive)

    def _copied(self, task: asyncio.Task[None]) -> None:
        self._copies.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("mirror_failed", task=task.get_name(), exc_info=error)


class _Answer:
    """Passes a response on with its headers changed, and remembers its status (0: it has not begun)."""

    def __init__(self, send: Send, changes: Sequence[HeaderChange] = ()) -> None:
        self._send, self._changes = send, changes
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._changes:
                message = {**message, "headers": changed(message["headers"], self._changes)}
        await self._send(message)


def destination_of(scope: Scope) -> Destination | None:
    """From the absolute URL, or from the Host header of a client that takes this for the server; None: no HTTP URL."""
    raw: bytes = scope["raw_path"]
    if raw.startswith(b"/"):
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        raw = b"http://" + host + raw
    try:
        url = urlsplit(raw.decode("latin-1"))
        port = url.port or HTTP_PORT
    except ValueError:
        return None
    if url.scheme != "http" or not url.hostname:
        return None
    return Destination(url.hostname, port, (url.path or "/").encode("latin-1"))


def inner_scope(scope: Scope, destination: Destination) -> Scope:
    """The request as the pod's application gets it: path only, without what was meant for the proxy."""
    authority = f"{destination.host}:{destination.port}".encode()
    kept = [(name, value) for name, value in scope["headers"] if name != b"host" and not name.startswith(b"proxy-")]
    path = unquote(destination.raw_path.decode("latin-1"))
    return {**scope, "path": path, "raw_path": destination.raw_path, "headers": [(b"host", authority), *kept]}


def matchable(scope: Scope) -> Request:
    """What the rules of a route look at."""
    return Request(
        method=scope["method"],
        path=scope["path"],
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
    )


def rewritten(scope: Scope, to: Rewritten | None) -> Scope:
    """The request with the host name and path that the backend shall see."""
    if to is None:
        return scope
    kept = [(name, value) for name, value in scope["headers"] if name != b"host" or not to.hostname]
    headers = [(b"host", to.hostname.encode()), *kept] if to.hostname else kept
    path = to.path or scope["path"]
    return {**scope, "headers": headers, "path": path, "raw_path": quote(path).encode()}


def changed(headers: RawHeaders, changes: Iterable[HeaderChange]) -> RawHeaders:
    """The headers after the route's modifiers."""
    for change in changes:
        gone = {name.lower().encode() for name, _ in change.set} | {name.lower().encode() for name in change.remove}
        kept = [(name, value) for name, value in headers if name.lower() not in gone]
        new = [(name.lower().encode(), value.encode()) for name, value in (*change.set, *change.add)]
        headers = kept + [(name, value) for name, value in new if name not in _encoded(change.remove)]
    return headers


def _encoded(names: Iterable[str]) -> set[bytes]:
    return {name.lower().encode() for name in names}


def _refuse(status: int, why: str) -> PlainTextResponse:
    return PlainTextResponse(f"pocket mesh: {why}\n", status, {ERROR_HEADER: why.encode("ascii", "replace").decode()})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body read before, and then whatever comes: in the end, that the client went."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _discard(_: Message) -> None:
    """Nobody reads the answer to a copy."""
