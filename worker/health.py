"""`/healthz` and `/readyz`: alive as soon as the process serves, ready once its watches hold the cluster."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def health_app(is_ready: Callable[[], bool]) -> Starlette:
    """The two pages; `/readyz` answers 503 while `is_ready` says no."""

    async def healthz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("OK")

    async def readyz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("OK") if is_ready() else PlainTextResponse("starting", status_code=503)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])


class CannotListen(Exception):
    """The address cannot be listened on; the text names it and the settings that choose it."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@asynccontextmanager
async def serving_health(host: str, port: int, is_ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Serve for as long as the block runs.

    Raises:
        CannotListen: the address is taken, or is not ours.
    """
    config = uvicorn.Config(health_app(is_ready), log_config=None, access_log=False, lifespan="off")
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
