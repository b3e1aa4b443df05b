"""`/healthz` and `/readyz`: alive as soon as the process serves, ready once its watches hold the cluster."""

import asyncio
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


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


@asynccontextmanager
async def serving_health(host: str, port: int, is_ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Serve for as long as the block runs."""
    config = uvicorn.Config(
        health_app(is_ready), host=host, port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await task
