"""What the tests of the activities share: a bench over a small API server, and whoever answers over HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from activities.bench import Bench
from activities.http import Http
from k8s.client import Cluster
from k8s.informer_factory import InformerFactory
from tests.api_fixtures import api, cluster

__all__ = ["api", "cluster"]

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Outside:
    """Everything that is reached over HTTP: keeps what was asked, and answers as the test says."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer: Answer = lambda _: httpx.Response(200)
        self.http = Http(httpx.AsyncClient(transport=httpx.MockTransport(self._receive)))

    async def _receive(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer


@pytest_asyncio.fixture
async def outside() -> AsyncIterator[Outside]:
    """Agrees with an empty 200 until a test says otherwise."""
    outside = Outside()
    async with outside.http.client:
        yield outside


@pytest.fixture
def bench(cluster: Cluster, outside: Outside) -> Bench:
    """A bench whose caches hold nothing: nobody watches."""
    return Bench(cluster, InformerFactory(cluster), outside.http)


@pytest_asyncio.fixture
async def tls_receiver() -> AsyncIterator[str]:
    """The URL of somebody who agrees to everything, under a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent / "data" / "self_signed.pem")

    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(agree, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
