"""Temporal's remote codec: its UI and its command line have payloads decrypted here, and encrypted what people type.

https://docs.temporal.io/codec-server
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

import structlog
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from worker.codec import CannotDecrypt, EncryptionCodec
from worker.process import stop_on_signals
from worker.serving import serving
from worker.settings import EncryptionSettings, WrongSetting

log = structlog.get_logger(__name__)

Converting = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]


async def serve_codec(
    settings: EncryptionSettings, host: str, port: int, origins: Sequence[str], stop: asyncio.Event | None = None
) -> None:
    """Serve until SIGTERM or SIGINT (or until `stop` is set).

    Raises:
        WrongSetting: there is no key, or everybody could have everything decrypted.
        CannotListen: the address is taken, or is not ours.
    """
    if not settings.keys:
        raise WrongSetting("there is nothing to decrypt with: set SERINUS_ENCRYPTION_KEYS as the worker has it")
    token = settings.codec_token.get_secret_value()
    if not token and not is_loopback(host):
        raise WrongSetting(f"whoever reaches {host} could have everything decrypted: set SERINUS_CODEC_TOKEN")
    app = codec_app(EncryptionCodec(settings.keys), origins, token)
    stop = stop or stop_on_signals()
    async with serving(app, host, port, chosen_by="--host and --port"):
        log.info("codec_server_listening", host=host, port=port, origins=list(origins))
        await stop.wait()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def codec_app(codec: PayloadCodec, origins: Sequence[str], token: str = "") -> Starlette:
    """`POST /encode` and `/decode`: payloads in Temporal's JSON, one for one; and `/healthz`.

    Args:
        codec: what they go through.
        origins: of the pages, such as Temporal's UI, whose scripts may ask.
        token: that everybody must send as bearer token; empty: nobody need.
    """

    def page(convert: Converting) -> Callable[[Request], Awaitable[Response]]:
        async def converted(request: Request) -> Response:
            if refusal := refused(request, origins, token):
                return refusal
            try:
                payloads = ParseDict(await request.json(), Payloads()).payloads
                return JSONResponse(MessageToDict(Payloads(payloads=await convert(payloads))))
            except (ValueError, TypeError, ParseError) as error:
                return PlainTextResponse(f"not Temporal's payloads: {error}", status_code=400)
            except CannotDecrypt as problem:
                return PlainTextResponse(str(problem), status_code=400)

        return converted

    shared = Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["POST"],
        allow_headers=["Authorization", "Content-Type", "X-Namespace"],
        allow_credentials=True,
    )
    routes = [
        Route("/encode", page(codec.encode), methods=["POST"]),
        Route("/decode", page(codec.decode), methods=["POST"]),
        Route("/healthz", _healthz),
    ]
    return Starlette(routes=routes, middleware=[shared])


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("OK")


def refused(request: Request, origins: Sequence[str], token: str) -> Response | None:
    """Why it is not answered; browsers send the origin of a page, also of one that made its name lead here."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in origins:
        return PlainTextResponse(f"pages of {origin} may not ask: allow them with --origin", status_code=403)
    given = request.headers.get("Authorization", "").encode()
    if token and not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return PlainTextResponse("send SERINUS_CODEC_TOKEN as bearer token", status_code=401)
    return None
