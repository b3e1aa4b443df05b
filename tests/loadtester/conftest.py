"""What the load tester's tests share."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loadtester import commands
from tests.loadtester.visitors import Visitors


@pytest_asyncio.fixture
async def visitors() -> AsyncIterator[Visitors]:
    """Where the commands of a test call."""
    visitors = Visitors()
    server = await asyncio.start_server(visitors.receive, "127.0.0.1", 0)
    visitors.port = server.sockets[0].getsockname()[1]
    async with server:
        yield visitors
        visitors.close()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ignores SIGTERM is killed without delay."""
    monkeypatch.setattr(commands, "GRACE_SECONDS", 0.1)
