"""Commands that a test can watch and steer: each one calls the test and does what it is answered.

The connection is held by every process of the command, so its end proves that all of them are gone.
"""

import asyncio

PATIENCE_SECONDS = 20.0


class Visit:
    """One run of a command, from the moment it calls."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._reader = reader
        self._writer = writer

    async def end(self, code: int = 0) -> None:
        """Have it end with this exit code, and wait until it is gone."""
        self._writer.write(f"{code}\n".encode())
        await self.gone()

    async def gone(self) -> None:
        """Wait until no process of it is left."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                await self._reader.read()
            except ConnectionResetError:  # ended with an answer unread
                return


class Visitors:
    """The test's side of the connections."""

    def __init__(self) -> None:
        self.port = 0
        self._arrived: asyncio.Queue[Visit] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    def command(self, name: str = "run", *, before: str = "") -> str:
        """A line that calls the test, and then ends as it is told. Of `before` all processes hold the connection."""
        script = f"exec 3<>/dev/tcp/127.0.0.1/{self.port}; {before} echo {name} >&3; read -u 3 code; exit $code"
        return f"bash -c '{script}'"

    async def next(self) -> Visit:
        """The next run that calls."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._arrived.get()

    def nobody_waits(self) -> bool:
        """Whether every run that called has been seen by the test."""
        return self._arrived.empty()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        self._writers.append(writer)
        name = (await reader.readline()).decode().strip()
        await self._arrived.put(Visit(name, reader, writer))

    def close(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()
