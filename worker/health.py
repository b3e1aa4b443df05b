"""One port: `/healthz` as soon as the process serves, `/readyz` once its watches hold the cluster, and `/metrics`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def health_app(is_ready: Callable[[], bool], metrics: Callable[[], Awaitable[bytes]]) -> Starlette:
    """The three pages; `/readyz` answers 503 while `is_ready` says no, `/metrics` what `metrics` says."""

    async def healthz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("OK")

    async def readyz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("OK") if is_ready() else PlainTextResponse("starting", status_code=503)

    async def exported(_: Request) -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": exported}
    return Starlette(routes=[Route(path, page) for path, page in pages.items()])


class CannotListen(Exception):
    """The address cannot be listened on; the text names it and the settings that choose it."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@asynccontextmanager
async def serving_health(
    host: str, port: int, is_ready: Callable[[], bool], metrics: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[None]:
    """Serve for as long as the block runs.

    Raises:
        CannotListen: the address is taken, or is not ours.
    """
    config = uvicorn.Config(health_app(is_ready, metrics), log_config=None, access_log=False, lifespan="off")
    server = _Server(config)
    with _listen(host, port) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]), name="health")
        try:
            yield
        finally:
            server.should_exit = True
            await task


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        # Python writes the address into the reason a second time.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason}; choose another address with SERINUS_HOST and SERINUS_PORT"
        ) from error
