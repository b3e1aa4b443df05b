"""What runs in every pod: a small podinfo, of the version that the pod's image says.

A faulty release is made by the container's environment, and fails for real: PODINFO_FAULT_RATE is the share (0 to 1)
of requests of `/` answered with 500, PODINFO_FAULT_DELAY the seconds that `/` takes.
"""

import asyncio
import random
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from playground.mesh.pods import Pod

LONGEST_DELAY_SECONDS = 600.0


class Behaviour(BaseModel):
    """What the container's environment says."""

    message: str = Field("", alias="PODINFO_UI_MESSAGE", description="Greeting; empty: the usual one.")
    color: str = Field("#34577c", alias="PODINFO_UI_COLOR", description="Colour of the page.")
    fault_rate: float = Field(
        0.0, alias="PODINFO_FAULT_RATE", ge=0, le=1, description="Share of requests of / answered with 500, 0 to 1."
    )
    fault_delay: float = Field(
        0.0, alias="PODINFO_FAULT_DELAY", ge=0, le=LONGEST_DELAY_SECONDS, description="How long / takes, in seconds."
    )


class Podinfo:
    """The ASGI application of one pod."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _application({**scope, "state": {"pod": self._pod}}, receive, send)


async def _home(request: Request) -> Response:
    pod: Pod = request.state.pod
    try:
        behaviour = Behaviour.model_validate(pod.env)
    except ValidationError as error:
        return _misconfigured(pod, error)
    if behaviour.fault_delay:
        await asyncio.sleep(behaviour.fault_delay)
    failing = random.random() < behaviour.fault_rate  # noqa: S311 - dice, not a secret
    body = {
        "hostname": pod.name,
        "version": pod.version,
        "color": behaviour.color,
        "message": behaviour.message or f"greetings from podinfo v{pod.version}",
    }
    return JSONResponse({**body, "message": "this release is faulty"} if failing else body, 500 if failing else 200)


def _misconfigured(pod: Pod, error: ValidationError) -> Response:
    first = error.errors()[0]
    return PlainTextResponse(f"pod {pod.name}: {first['loc'][0]}={first['input']!r}: {first['msg']}\n", 500)


async def _version(request: Request) -> Response:
    return JSONResponse({"version": request.state.pod.version, "commit": "unknown"})


async def _token(_: Request) -> Response:
    return JSONResponse({"token": uuid4().hex})


async def _status(request: Request) -> Response:
    code: int = request.path_params["code"]
    if not 200 <= code <= 599:
        return PlainTextResponse(f"status {code} is not an HTTP status from 200 to 599\n", 400)
    return Response(status_code=code) if code in {204, 304} else JSONResponse({"status": code}, code)


async def _delay(request: Request) -> Response:
    seconds: float = request.path_params["seconds"]
    if seconds > LONGEST_DELAY_SECONDS:
        return PlainTextResponse(f"delay {seconds} is longer than {LONGEST_DELAY_SECONDS} seconds\n", 400)
    await asyncio.sleep(seconds)
    return JSONResponse({"delay": seconds})


async def _ok(_: Request) -> Response:
    return JSONResponse({"status": "OK"})


async def _echo(request: Request) -> Response:
    return Response(await request.body(), 202, media_type=request.headers.get("content-type"))


EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_application = Starlette(
    routes=[
        Route("/", _home, methods=EVERY_METHOD),
        Route("/version", _version),
        Route("/token", _token, methods=["GET", "POST"]),
        Route("/status/{code:int}", _status, methods=EVERY_METHOD),
        Route("/delay/{seconds:float}", _delay, methods=EVERY_METHOD),
        Route("/healthz", _ok),
        Route("/readyz", _ok),
        Route("/echo", _echo, methods=["POST", "PUT"]),
    ]
)
