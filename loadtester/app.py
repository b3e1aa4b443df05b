"""The HTTP side: which path does what, and what the caller is answered.

The paths are Flagger's: a few are reserved, any other runs a task; any method will do. Gates are not served yet; they
take their place as routes above the last one.
"""

import re
from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, request_response
from starlette.types import Receive, Scope, Send

from loadtester.commands import Ended, Exited
from loadtester.metrics import Metrics
from loadtester.payload import Command, Kind, Refusal, read_command
from loadtester.tasks import Interrupted, Tasks

BODY_BYTES = 128 * 1024
"""Longer payloads are answered 413. Linux gives no program an argument longer than this."""

Handler = Callable[[Request], Awaitable[Response]]


class AnyMethod:
    """Makes a route answer every method; around a plain function it would answer only GET.

    A call that a web page makes is refused: any page could otherwise have commands run on its visitor's machine.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._app = request_response(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application."""
        await self._app(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if "origin" in request.headers:
            return PlainTextResponse("Forbidden: the request has an Origin header, as those of web pages do", 403)
        try:
            return await self._handler(request)
        except Refusal as refusal:
            return PlainTextResponse(refusal.text, refusal.status)
        except ClientDisconnect:  # in the middle of the payload; nobody reads this
            return Response(status_code=400)


class Handlers:
    """What each path does."""

    def __init__(self, tasks: Tasks, metrics: Metrics, namespaces: re.Pattern[str]) -> None:
        self._tasks = tasks
        self._metrics = metrics
        self._namespaces = namespaces

    async def healthz(self, _: Request) -> Response:
        """It serves."""
        return PlainTextResponse("OK")

    async def metrics(self, _: Request) -> Response:
        """In Prometheus' text format."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def gate(self, request: Request) -> Response:
        """Better an error than a gate that somebody takes for open or closed."""
        return PlainTextResponse(f"{request.url.path}: this load tester has no gates yet", 501)

    async def task(self, request: Request) -> Response:
        """Run what the payload asks for."""
        command = read_command(await request.body(), self._namespaces)
        match command.kind:
            case Kind.CMD:
                self._tasks.begin(command)
                return Response(status_code=202)
            case Kind.BASH:
                return answer(command, await self._tasks.wait_for(command, lambda: until_gone(request)))


def create_app(tasks: Tasks, metrics: Metrics, namespaces: re.Pattern[str]) -> Starlette:
    """The application. The tasks' owner stops them."""
    handlers = Handlers(tasks, metrics, namespaces)
    return Starlette(
        routes=[
            Route("/healthz", AnyMethod(handlers.healthz)),
            Route("/metrics", AnyMethod(handlers.metrics)),
            Route("/gate/{rest:path}", AnyMethod(handlers.gate)),
            Route("/rollback/{rest:path}", AnyMethod(handlers.gate)),
            Route("/{rest:path}", AnyMethod(handlers.task), max_body_size=BODY_BYTES),
        ],
    )


def answer(command: Command, ended: Ended | Interrupted) -> Response:
    """What the caller of a blocking command learns, in Flagger's words."""
    match ended:
        case Interrupted():
            return PlainTextResponse(f"command {command.line} was ended: the load tester is shutting down", 503)
        case Exited(code=0):
            return PlainTextResponse(ended.output if command.return_output else "")
        case _:
            return PlainTextResponse(f"command {command.line} failed: {ended.output}: {ended.error}", 500)


async def until_gone(request: Request) -> None:
    """Return once the caller has gone away. The body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
