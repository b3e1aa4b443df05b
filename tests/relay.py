"""Between a worker and a server: carries bytes as they are, until its connections are cut."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, Self

from playground.ports import LOOPBACK

CHUNK_BYTES = 1 << 16


class Source(Protocol):
    """Of bytes, as a StreamReader is."""

    async def read(self, n: int) -> bytes:
        """At most so many, none at the end."""
        ...


class Relay:
    """To a port of the loopback; use `serving`. A server that is away takes no connection here either.

    Args:
        port: where the server listens.
        tls: what clients have to speak, when it is TLS; the server behind does not.
        listens_on: the port that clients connect to; 0: any that is free.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None, listens_on: int = 0) -> None:
        self._to = port
        self._tls = tls
        self.port = listens_on
        """That it listens on."""
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """On loopback, for as long as the block runs."""
        server = await asyncio.start_server(self._carry, LOOPBACK, self.port, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Every connection, in the middle of whatever it carries; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: Source, writer: asyncio.StreamWriter) -> None:
        both = {writer}
        try:
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self._to)
            both.add(server_writer)
            self._writers |= both
            await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
        except OSError:
            pass  # whoever is at the other end sees it, too
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()


async def _pump(reader: Source, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        if writer.can_write_eof():  # TLS cannot end in one direction alone
            writer.write_eof()
