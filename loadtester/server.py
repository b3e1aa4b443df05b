"""The process: listens, serves until SIGTERM or SIGINT, and leaves no task behind."""

import asyncio
import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import structlog
import uvicorn

from loadtester.app import create_app
from loadtester.gates import Gates
from loadtester.metrics import Metrics
from loadtester.settings import LoadTesterSettings
from loadtester.tasks import Tasks

ANSWERS_SECONDS = 5
"""At the end, for the answers that are still under way; the tasks are gone by then."""

log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The address cannot be listened on; the text names it and the settings that choose it."""


class _Server(uvicorn.Server):
    """Ends the tasks before it waits for the answers that wait for them."""

    def __init__(self, config: uvicorn.Config, tasks: Tasks) -> None:
        super().__init__(config)
        self._tasks = tasks

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("loadtester_stopping")
        await self._tasks.stop()
        await super().shutdown(sockets)


def serve(settings: LoadTesterSettings) -> None:
    """Serve until SIGTERM, which is a success, or SIGINT.

    Raises:
        CannotListen: the address is taken, or is not ours.
        GatesLost: nobody knows which gates are open.
        KeyboardInterrupt: SIGINT ended it.
    """
    gates = Gates(settings.gates_file)
    with _listen(settings) as listener:
        signal.signal(signal.SIGTERM, _end_in_order)
        asyncio.run(_serve(settings, gates, listener))


async def _serve(settings: LoadTesterSettings, gates: Gates, listener: socket.socket) -> None:
    metrics = Metrics()
    async with Tasks(settings, metrics) as tasks:
        config = uvicorn.Config(
            create_app(settings, tasks, gates, metrics),
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=ANSWERS_SECONDS,
        )
        host, port = listener.getsockname()[:2]
        log.info("loadtester_listening", host=host, port=port)
        await _Server(config, tasks).serve(sockets=[listener])


def _listen(settings: LoadTesterSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        # Python writes the address into the reason a second time.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise CannotListen(
            f"cannot listen on {settings.host} port {settings.port}: {reason}; "
            "choose another address with LOADTESTER_HOST and LOADTESTER_PORT"
        ) from error


def _end_in_order(_: int, __: FrameType | None) -> NoReturn:
    """Uvicorn raises the signal again once it has shut down, and the default would then kill us on the spot."""
    sys.exit(0)
