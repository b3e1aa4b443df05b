"""One port: `/healthz` as soon as the process serves, `/readyz` once it can do its work, and `/metrics`."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from worker.serving import serving


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


def serving_health(
    host: str, port: int, is_ready: Callable[[], bool], metrics: Callable[[], Awaitable[bytes]]
) -> AbstractAsyncContextManager[None]:
    """Serve for as long as the block runs; raises CannotListen."""
    return serving(health_app(is_ready, metrics), host, port, chosen_by="SERINUS_HOST and SERINUS_PORT")
