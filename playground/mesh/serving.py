"""Serves ASGI applications on loopback ports inside a running loop, and leaves the signals to the caller."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from playground.ports import LOOPBACK

IDLE_CONNECTION_SECONDS = 60
GRACE_SECONDS = 2
BACKLOG = 1024


class PortTaken(Exception):
    """Another program listens on the port."""


class _Server(uvicorn.Server):
    """uvicorn's own handlers would be fought over by two servers in one process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Serve until left; connections are taken from the first line inside on.

    Raises:
        PortTaken: the port cannot be bound.
    """
    listener = _listen(port)
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=IDLE_CONNECTION_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"serving {port}")
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(port: int) -> socket.socket:
    """A listening socket that names its protocol: asyncio leaves Nagle's delay of 40 ms on for those that do not."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(f"port {port} of {LOOPBACK} cannot be used: {error.strerror}; choose another") from error
    return listener
