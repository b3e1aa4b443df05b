"""A reverse proxy between a worker and the API server that breaks what it carries, as told and as often as told."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from k8s.resources import Resource
from playground.credentials import CONTEXT
from playground.watcher import comes_to_hold

HOP = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Encoding"}
WRITES = {"PUT", "PATCH"}
PATIENCE_SECONDS = 60.0


class Mischief(StrEnum):
    """What may be done to a request."""

    BUSY = "429"
    CONFLICT = "409 on writes"
    EXPIRED = "401"
    ERROR = "500"
    CUT = "connections cut, answers lost"
    GONE = "410 on watches"
    WATCH_CUT = "watches cut"


class Blindness(StrEnum):
    """How watches may stop seeing."""

    CUT = "streams cut in the middle of a line, new ones refused"
    FORGOTTEN = "streams cut, and what was missed forgotten by the API server"
    EXPIRED = "streams cut, and everything asked answered with 401"
    SILENT = "streams open, and nothing said"


CUTTING = (Blindness.CUT, Blindness.FORGOTTEN)


@dataclass(eq=False)
class Stream:
    """A watch that is being carried."""

    request: web.BaseRequest
    response: web.StreamResponse
    is_mute: bool = False
    """It says nothing any more, and stays open."""

    async def carry(self, chunk: bytes) -> None:
        """To who watches."""
        if not self.is_mute:
            await self.response.write(chunk)

    async def cut(self) -> None:
        """In the middle of a line."""
        with suppress(ConnectionError):
            await self.response.write(b'{"type":"MODI')
        if self.request.transport:
            self.request.transport.close()


class Gremlin:
    """Use `serving`; what it did stands in `done`."""

    def __init__(self, upstream: str, *mischief: Mischief, share: float) -> None:
        self._upstream, self._mischief, self._share = upstream, mischief, share
        self._random = random.Random(0)  # noqa: S311 - so that a run can be repeated
        self.done: Counter[Mischief] = Counter()
        self.too_old = 0
        """Watches to which the API server itself said 410."""
        self.refused = 0
        """What was asked in vain while no watch saw anything."""
        self._stirred = asyncio.Event()
        self._blindness: Blindness | None = None
        self._streams: set[Stream] = set()
        self._client: aiohttp.ClientSession | None = None
        self.address = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Gremlin"]:
        """On loopback, for as long as the block runs."""
        runner = web.ServerRunner(web.Server(self._carry, handler_cancellation=True), shutdown_timeout=0)
        connector = aiohttp.TCPConnector(ssl=False, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._client:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            self.address = f"http://{host}:{port}"
            try:
                yield self
            finally:
                await runner.cleanup()

    def kubeconfig(self, original: Path, path: Path) -> Path:
        """The same identity, through this proxy."""
        config = yaml.safe_load(original.read_text())
        config["clusters"] = [{"name": CONTEXT, "cluster": {"server": self.address}}]
        path.write_text(yaml.safe_dump(config))
        return path

    @asynccontextmanager
    async def blinding(self, how: Blindness) -> AsyncIterator[None]:
        """No watch sees anything while the block runs; one that has fallen silent stays so."""
        self._blindness, self.refused = how, 0
        for stream in [*self._streams]:
            if how is Blindness.SILENT:
                stream.is_mute = True
            else:
                await stream.cut()
        try:
            yield
        finally:
            self._blindness = None

    async def until_refused(self, times: int) -> None:
        """Return once the blind asked so often in vain; raises TimeoutError."""
        await self._until(lambda: self.refused >= times)

    async def until_watched(self, resource: Resource) -> None:
        """Return once a watch of this kind is carried; raises TimeoutError."""
        await self._until(lambda: any(stream.request.path == resource.path() for stream in self._streams))

    async def _until(self, condition: Callable[[], bool]) -> None:
        if not await comes_to_hold(condition, self._stirred, seconds=PATIENCE_SECONDS):
            raise TimeoutError

    def _does(self, *mischief: Mischief, share: float | None = None) -> Mischief | None:
        able = [one for one in mischief if one in self._mischief]
        if not able or self._random.random() > (self._share if share is None else share):
            return None
        chosen = self._random.choice(able)
        self.done[chosen] += 1
        return chosen

    async def _carry(self, request: web.BaseRequest) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "true"
        if self._blindness is Blindness.EXPIRED or (is_watch and self._blindness in CUTTING):
            self.refused += 1
            self._stirred.set()
            if self._blindness is Blindness.EXPIRED:
                return refusal(401)
            raise ConnectionResetError
        if is_watch:
            return await self._watch(request)
        match self._does(*self._possible(request)):
            case Mischief.BUSY:
                return refusal(429, {"Retry-After": "1"})
            case Mischief.CONFLICT:
                return refusal(409)
            case Mischief.EXPIRED:
                return refusal(401)
            case Mischief.ERROR:
                return refusal(500)
            case Mischief.CUT:  # half of the time after the effect
                if self._random.random() < 0.5:
                    await self._pass_on(request)
                raise ConnectionResetError
            case _:
                return await self._pass_on(request)

    def _possible(self, request: web.BaseRequest) -> list[Mischief]:
        ever = [Mischief.BUSY, Mischief.EXPIRED, Mischief.ERROR, Mischief.CUT]
        return [*ever, Mischief.CONFLICT] if request.method in WRITES else ever

    async def _pass_on(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        async with self._upstream_answer(request, body) as answer:
            return web.Response(status=answer.status, body=await answer.read(), headers=carried(answer.headers))

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._does(Mischief.EXPIRED):
            return refusal(401)
        mischief = self._does(Mischief.GONE, Mischief.WATCH_CUT, share=1)  # watches are few, and live for minutes
        async with self._upstream_answer(request, b"") as answer:
            response = web.StreamResponse(status=answer.status, headers=carried(answer.headers))
            await response.prepare(request)
            stream = Stream(request, response, is_mute=self._blindness is Blindness.SILENT)
            self._streams.add(stream)
            self._stirred.set()
            try:
                async with asyncio.timeout(self._random.uniform(0.1, 3) if mischief else None):
                    async for chunk in answer.content.iter_any():
                        self.too_old += b'"code":410' in chunk
                        await stream.carry(chunk)
            except TimeoutError:
                if mischief is Mischief.GONE:
                    await response.write(json.dumps({"type": "ERROR", "object": status(410)}).encode() + b"\n")
            finally:
                self._streams.discard(stream)
            return response

    def _upstream_answer(self, request: web.BaseRequest, body: bytes) -> aiohttp.client._RequestContextManager:
        assert self._client
        url = f"{self._upstream}{request.raw_path}"
        timeout = aiohttp.ClientTimeout(total=None)
        headers = carried(request.headers)
        return self._client.request(request.method, url, data=body, headers=headers, timeout=timeout)


def carried(headers: object) -> dict[str, str]:
    """All headers but those of one connection."""
    return {key: value for key, value in headers.items() if key.title() not in HOP}  # type: ignore[attr-defined]


def status(code: int) -> dict[str, object]:
    """As the API server says no."""
    reason = {409: "Conflict", 410: "Expired", 401: "Unauthorized", 429: "TooManyRequests"}.get(code, "InternalError")
    message = f"a gremlin says {code}"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "code": code,
        "message": message,
    }


def refusal(code: int, headers: dict[str, str] | None = None) -> web.Response:
    """The same as an answer."""
    return web.json_response(status(code), status=code, headers=headers)
