"""The HTTP side: which path does what, and what the caller is answered.

The paths are Flagger's: a few are reserved, any other runs a task; any method will do.
"""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, request_response
from starlette.types import Receive, Scope, Send

from loadtester.access import knows
from loadtester.commands import Ended, Exited
from loadtester.gates import Gates, GatesLost
from loadtester.metrics import Metrics
from loadtester.payload import Command, Kind, Refusal, read_canary, read_command
from loadtester.settings import LoadTesterSettings
from loadtester.tasks import Interrupted, Tasks

BODY_BYTES = 128 * 1024
"""Longer payloads are answered 413. Linux gives no program an argument longer than this."""

UNKNOWN_CALLER = "Unauthorized: send the header Authorization: Bearer with the token of LOADTESTER_TOKEN"

Handler = Callable[[Request], Awaitable[Response]]


class AnyMethod:
    """Makes a route answer every method; around a plain function it would answer only GET.

    A call that a web page makes is refused: any page could otherwise have commands run on its visitor's machine. Where
    there is a token, so is a caller who does not know it.
    """

    def __init__(self, handler: Handler, token: str = "") -> None:
        self._handler, self._token = handler, token
        self._app = request_response(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application."""
        await self._app(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if "origin" in request.headers:
            return PlainTextResponse("Forbidden: the request has an Origin header, as those of web pages do", 403)
        if self._token and not knows(self._token, request.headers.get("authorization", "")):
            return PlainTextResponse(UNKNOWN_CALLER, 401, {"WWW-Authenticate": "Bearer"})
        try:
            return await self._handler(request)
        except Refusal as refusal:
            return PlainTextResponse(refusal.text, refusal.status)
        except GatesLost as lost:
            return PlainTextResponse(str(lost), 500)
        except ClientDisconnect:  # in the middle of the payload; nobody reads this
            return Response(status_code=400)


class Handlers:
    """What each path does."""

    def __init__(self, settings: LoadTesterSettings, tasks: Tasks, gates: Gates, metrics: Metrics) -> None:
        self._namespaces = settings.namespace_regexp
        self._tasks, self._gates, self._metrics = tasks, gates, metrics

    async def healthz(self, _: Request) -> Response:
        """It serves."""
        return PlainTextResponse("OK")

    async def metrics(self, _: Request) -> Response:
        """In Prometheus' text format."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def approve(self, _: Request) -> Response:
        """A gate that is always open."""
        return PlainTextResponse("OK")

    async def halt(self, _: Request) -> Response:
        """A gate that is always closed."""
        return PlainTextResponse("Forbidden", 403)

    async def gate(self, request: Request) -> Response:
        """One for each canary, which all of its confirm-* webhooks share."""
        return await self._at_gate(request, "gate")

    async def rollback(self, request: Request) -> Response:
        """Another for each canary, for its webhook of type rollback."""
        return await self._at_gate(request, "rollback")

    async def _at_gate(self, request: Request, which: str) -> Response:
        gate = f"{which}/{read_canary(await request.body(), self._namespaces)}"
        match request.path_params["verb"]:
            case "check":
                is_open = self._gates.is_open(gate)
                return PlainTextResponse("Approved") if is_open else PlainTextResponse("Forbidden", 403)
            case "open":
                self._gates.open(gate)
            case "close":
                self._gates.close(gate)
            case verb:
                raise Refusal(404, f"gates know no {verb}; call open, close or check")
        return Response(status_code=202)

    async def task(self, request: Request) -> Response:
        """Run what the payload asks for."""
        command = read_command(await request.body(), self._namespaces)
        if command.kind is Kind.CMD:
            self._tasks.begin(command)
            return Response(status_code=202)
        return answer(command, await self._tasks.wait_for(command, lambda: until_gone(request)))


def create_app(settings: LoadTesterSettings, tasks: Tasks, gates: Gates, metrics: Metrics) -> Starlette:
    """The application. The tasks' owner stops them."""
    handlers, token = Handlers(settings, tasks, gates, metrics), settings.token.get_secret_value()
    guarded = {
        "/gate/approve": handlers.approve,
        "/gate/halt": handlers.halt,
        "/gate/{verb:path}": handlers.gate,
        "/rollback/{verb:path}": handlers.rollback,
        "/{rest:path}": handlers.task,
    }
    return Starlette(
        routes=[
            Route("/healthz", AnyMethod(handlers.healthz)),
            Route("/metrics", AnyMethod(handlers.metrics)),
            *(Route(path, AnyMethod(handler, token), max_body_size=BODY_BYTES) for path, handler in guarded.items()),
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
