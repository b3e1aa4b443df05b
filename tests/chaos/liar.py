"""Stands before a server that is asked over HTTP: passes on what it says, or lies in its place, or is away."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from k8s.client import Json
from playground.watcher import comes_to_hold
from tests.activities.stranger import MIB, NASTY, Bytes, Stranger, answer

CONNECTION = re.compile(rb"(?im)^connection:.*\r\n")
SERIES: list[Json] = [{"metric": {"pod": str(number)}, "value": [1700000000, "1"]} for number in range(2)]


def vector(*series: Json) -> bytes:
    """As Prometheus answers a query."""
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


ABOUT_A_METRIC = NASTY | {
    "several series": answer(vector(*SERIES)),
    "a number behind a megabyte": answer(b" " * MIB + vector(SERIES[0])),
    "a number, and 500": answer(vector(SERIES[0]), status="500 Internal Server Error"),
}
"""None of it is one number."""
ABOUT_A_GATE = {
    name: NASTY[name]
    for name in (
        *("nothing", "no http", "half a head", "silence", "silence after the head", "slow drip", "endless head"),
        *("endless continues", "less than promised", "bad chunks", "two lengths", "negative length", "switching"),
    )
}
"""None of it is a whole answer; of one the status alone counts, as a yes or a no."""


class Liar(Stranger):
    """Use `listening`.

    Args:
        upstream: the URL of the server that knows the truth.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__()
        url = urlsplit(upstream)
        self._upstream = (url.hostname, url.port)
        self._lies = False
        self._told = 0
        self._asked = asyncio.Event()

    @asynccontextmanager
    async def lying(self, lie: Bytes) -> AsyncIterator[None]:
        """Say this to everybody who asks while the block runs."""
        self.says, self._told, self._lies = lie, 0, True
        try:
            yield
        finally:
            self._lies = False

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody listens at the address while the block runs."""
        _, port = self._server.sockets[0].getsockname()
        self._server.close()
        try:
            yield
        finally:
            await self._listen(port)

    async def until_told(self, times: int, *, seconds: float = 60) -> None:
        """Return once the lie was told so often; raises TimeoutError."""
        if not await comes_to_hold(lambda: self._told >= times, self._asked, seconds=seconds):
            raise TimeoutError

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._lies:
            await self._pass_on(head, reader, writer)
            return
        self._told += 1
        self._asked.set()
        await super()._answer(head, reader, writer)

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, so that none is carried on over a connection of before a lie."""
        theirs, ours = await asyncio.open_connection(*self._upstream)
        ours.write(CONNECTION.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n")
        sending = asyncio.create_task(pour(reader, ours))
        await pour(theirs, writer)
        sending.cancel()
        ours.close()


async def pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    """Until either side ends."""
    with suppress(ConnectionError):
        while chunk := await source.read(65536):
            into.write(chunk)
            await into.drain()
