"""A stranger on loopback, who answers an HTTP request with whatever bytes a test gives, as slowly as it likes."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

from hypothesis import strategies as st

MIB = 1024 * 1024


@dataclass(frozen=True)
class Bytes:
    """What goes over the wire."""

    head: bytes
    body: bytes = b""
    for_ever: bool = False
    """The body is repeated until nobody listens any more."""
    pause_seconds: float = 0
    """Between two bytes of the body."""
    hangs: bool = False
    """The connection stays open when all is said."""


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Bytes:
    """An answer that is well-formed, save for what the headers say of it."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return Bytes("\r\n".join([*lines, "", ""]).encode(), body)


BOMB = gzip.compress(bytes(32 * MIB), compresslevel=9)
"""32 kB that would unpack to 32 MiB, and packed twice to any size."""
NASTY: dict[str, Bytes] = {
    "nothing": Bytes(b""),
    "no http": Bytes(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "half a head": Bytes(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "silence": Bytes(b"", hangs=True),
    "silence after the head": Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", hangs=True),
    "slow drip": Bytes(b"HTTP/1.1 200 OK\r\n\r\n", b"1" * 10_000, pause_seconds=0.05),
    "endless body": Bytes(b"HTTP/1.1 200 OK\r\n\r\n", b"<p>" * 10_000, for_ever=True),
    "endless head": Bytes(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 1000, for_ever=True),
    "endless continues": Bytes(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 20, for_ever=True),
    "endless error": Bytes(b"HTTP/1.1 500 Oh\r\n\r\n", b"no" * 10_000, for_ever=True),
    "less than promised": Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"{}"),
    "bad chunks": Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "two lengths": Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "negative length": Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
    "bomb": answer(BOMB, "Content-Encoding: gzip"),
    "bomb in a bomb": answer(gzip.compress(BOMB), "Content-Encoding: gzip, gzip"),
    "not gzip": answer(b"{}", "Content-Encoding: gzip"),
    "unknown encoding": answer(b"{}", "Content-Encoding: br"),
    "redirect to itself": answer(b"", "Location: /", status="302 Found"),
    "redirect to a file": answer(b"", "Location: file:///etc/passwd", status="301 Moved"),
    "redirect to rubbish": answer(b"", "Location: http://[::1", status="308 Permanent"),
    "html": answer(b"<html>Sign in</html>", "Content-Type: text/html"),
    "not a number": answer(b"NaN"),
    "infinity": answer(b"Infinity"),
    "deep": answer(b"[" * 100_000),
    "many digits": answer(b"1" * 100_000),
    "half a character": answer(b'"\\ud800"'),
    "busy for ever": answer(b"", "Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 +0000", status="503 Busy"),
    "switching": answer(b"", "Upgrade: websocket", "Connection: Upgrade", status="101 Switching"),
    "no such status": answer(b"no", status="999 Whatever"),
}
STATUSES = st.integers(100, 999).map(lambda status: f"{status} Why")
HEADERS = st.lists(
    st.sampled_from(
        [
            "Content-Encoding: deflate",
            "Content-Type: text/html; charset=utf-16",
            "Transfer-Encoding: chunked",
            "Connection: close",
            "Location: http://127.0.0.1:1/",
            "Retry-After: 0",
            "Retry-After: soon",
        ]
    ),
    max_size=3,
    unique=True,
)
ANSWERS = st.builds(
    lambda body, headers, status: answer(body, *headers, status=status), st.binary(max_size=200), HEADERS, STATUSES
)
BYTES = st.builds(Bytes, st.binary(max_size=200), st.binary(max_size=50)) | ANSWERS
"""Anything at all, often enough in the shape of an answer."""


class Stranger:
    """Says `says` to everybody."""

    def __init__(self) -> None:
        self.says = answer(b"")
        self.address, self.met = "", 0
        self._guests: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        """For as long as the block runs."""
        await self._listen(0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"http://{host}:{port}"
        try:
            yield self
        finally:
            self._server.close()
            for writer in self._guests:
                writer.close()

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", port)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        self._guests.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        self._guests.remove(writer)
        writer.close()

    async def _answer(self, _: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._speak(writer)
        if self.says.hangs:
            await reader.read()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        says = self.says
        writer.write(says.head)
        if says.pause_seconds:
            for byte in says.body:
                await asyncio.sleep(says.pause_seconds)
                writer.write(bytes([byte]))
                await writer.drain()
            return
        writer.write(says.body)
        await writer.drain()
        while says.for_ever:
            writer.write(says.body)
            await writer.drain()
