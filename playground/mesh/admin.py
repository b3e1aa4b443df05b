"""The metrics port: `/metrics` for Prometheus, `/healthz` for whoever started the mesh."""

from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from playground.mesh.directory import Directory
from playground.mesh.telemetry import Telemetry


def admin(directory: Directory, telemetry: Telemetry, lacking: Callable[[], Sequence[str]]) -> Starlette:
    """The application.

    Args:
        directory: whose pods are scraped.
        telemetry: what they counted.
        lacking: the watches that have not seen everything yet; `/healthz` answers 503 until there are none.
    """

    async def metrics(_: Request) -> Response:
        return Response(telemetry.scrape(directory.pods), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    async def healthz(_: Request) -> Response:
        if missing := lacking():
            return PlainTextResponse(f"not synced yet: {', '.join(missing)}\n", 503)
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])
