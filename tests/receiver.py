"""Somebody on loopback who is told things over HTTP: keeps what came, and answers as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest_asyncio
from aiohttp import web

PATH = "/services/T0KENPART/s3cretpart"


class Told(NamedTuple):
    """One request."""

    target: str
    """As it stands in the request's first line; absolute when it came as to a proxy."""
    headers: dict[str, str]
    body: Any


class Receiver:
    """Takes everything until a test sets `answer`; None: never answers."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.answer: Callable[[], web.Response | None] = lambda: web.Response(text="ok")
        self.host = ""
        """With port."""
        self._over = asyncio.Event()

    @property
    def address(self) -> str:
        """A URL that is secret, as those of chats are."""
        return f"http://{self.host}{PATH}"

    @property
    def bodies(self) -> list[Any]:
        """What was told."""
        return [told.body for told in self.told]

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep it and answer."""
        self.told.append(Told(request.raw_path, dict(request.headers), await request.json()))
        answer = self.answer()
        if answer is None:
            await self._over.wait()
        return answer or web.Response(status=500)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """A server without routes, so that it may play a proxy too."""
        runner = web.ServerRunner(web.Server(self.take), shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            self.host = f"{host}:{port}"
            yield
        finally:
            self._over.set()
            await runner.cleanup()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """One that listens."""
    receiver = Receiver()
    async with receiver.serving():
        yield receiver
