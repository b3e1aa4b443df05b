"""Somebody who uses the service: a few requests a second, every failure noted."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

PATIENCE_SECONDS = 5.0


class Traffic:
    """Requests to one URL through the mesh, for as long as the block runs."""

    def __init__(self, url: str, *, proxy: str, per_second: float, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self._pause_seconds = 1 / per_second
        self._client = httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=PATIENCE_SECONDS, headers=headers)
        self.answers: Counter[str] = Counter()
        """Status code, or the name of the error, to how often."""
        self._sending: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def total(self) -> int:
        """Requests that were answered or failed."""
        return self.answers.total()

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.total - self.answers["200"]

    async def until(self, total: int, *, seconds: float = 120) -> None:
        """Return once that many requests were answered or failed; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.total < total:
                self._ended.clear()
                await self._ended.wait()

    async def __aenter__(self) -> Self:
        self._sending = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._sending:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        await self._client.aclose()

    async def _send(self) -> None:
        """Each request on its time, whether the former one was answered or not."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._once())
                await asyncio.sleep(self._pause_seconds)

    async def _once(self) -> None:
        try:
            answer = await self._client.get(self.url)
            self.answers[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.answers[type(error).__name__] += 1
        self._ended.set()
