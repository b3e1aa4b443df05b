"""A web application on an address of this machine, for as long as a block runs."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette


class CannotListen(Exception):
    """The address cannot be listened on; the text names it and what chooses another one."""


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@asynccontextmanager
async def serving(app: Starlette, host: str, port: int, *, chosen_by: str) -> AsyncIterator[None]:
    """Serve while the block runs.

    Args:
        app: what is served.
        host: address to listen on.
        port: of that address.
        chosen_by: the settings that choose both, as an error names them.

    Raises:
        CannotListen: the address is taken, or is not ours.
    """
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = _Server(config)
    with _listen(host, port, chosen_by) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]), name="serving")
        try:
            yield
        finally:
            server.should_exit = True
            await task


def _listen(host: str, port: int, chosen_by: str) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        # Python writes the address into the reason a second time.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason}; choose another address with {chosen_by}"
        ) from error
