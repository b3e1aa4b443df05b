"""An API server and a client of it, for the rooms whose conftest takes them in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from k8s.client import Cluster
from tests.api_server import ApiServer


@pytest_asyncio.fixture
async def api() -> AsyncIterator[ApiServer]:
    """An empty API server."""
    api = ApiServer()
    await api.server.start_server()
    yield api
    api.end()
    await api.server.close()


@pytest_asyncio.fixture
async def cluster(api: ApiServer, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A client of it."""
    async with Cluster.connect(api.kubeconfig(tmp_path)) as cluster:
        yield cluster
