"""The remote codec: Temporal's UI and command line get what the worker encrypted, and nobody else does."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict, ParseDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, Payloads

from tests.worker.test_codec import OLD, TOLD, a_payload, written
from worker.codec import EncryptionCodec
from worker.codec_server import codec_app, serve_codec
from worker.settings import EncryptionSettings, WrongSetting

UI = "http://127.0.0.1:8233"
CODEC = EncryptionCodec(OLD)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who asks from this machine."""
    transport = httpx.ASGITransport(codec_app(CODEC, [UI]))
    async with httpx.AsyncClient(transport=transport, base_url="http://codec") as http:
        yield http


def as_json(*payloads: Payload) -> object:
    """As Temporal sends them."""
    return MessageToDict(Payloads(payloads=payloads))


async def test_decode_and_encode(http: httpx.AsyncClient) -> None:
    """One for one, in Temporal's JSON; what was not encrypted comes back as it is."""
    encrypted = await CODEC.encode([a_payload()])
    answer = await http.post("/decode", json=as_json(*encrypted, a_payload(b"plain")))
    assert answer.json() == as_json(a_payload(), a_payload(b"plain"))
    again = ParseDict((await http.post("/encode", json=answer.json())).json(), Payloads())
    assert TOLD.encode() not in again.SerializeToString()
    assert await CODEC.decode(again.payloads) == [a_payload(), a_payload(b"plain")]


async def test_the_ui_may_ask(http: httpx.AsyncClient) -> None:
    """A browser asks beforehand, and lets the page read the answer."""
    asked = {
        "Origin": UI,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    preflight = await http.options("/decode", headers=asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, UI)
    assert "X-Namespace" in preflight.headers["Access-Control-Allow-Headers"]
    answer = await http.post("/decode", json=as_json(a_payload()), headers={"Origin": UI, "X-Namespace": "default"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, UI)


async def test_other_pages_may_not(http: httpx.AsyncClient) -> None:
    """Not even those that a browser would take for this server's own."""
    asked = {"Origin": "http://evil", "Access-Control-Request-Method": "POST"}
    preflight = await http.options("/decode", headers=asked)
    assert preflight.status_code == 400
    answer = await http.post("/decode", json=as_json(a_payload()), headers={"Origin": "http://codec"})
    assert (answer.status_code, answer.text) == (403, "pages of http://codec may not ask: allow them with --origin")


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer t0ken", 200), ("Bearer t0ke", 401), ("t0ken", 401), ("", 401), ("Bearer tökèn", 401)],
)
async def test_token(header: str, status: int) -> None:
    """With one, it is wanted from everybody."""
    transport = httpx.ASGITransport(codec_app(CODEC, [], "t0ken"))
    async with httpx.AsyncClient(transport=transport, base_url="http://codec") as http:
        answer = await http.post(
            "/decode", json=as_json(a_payload()), headers=[(b"Authorization", header.encode())] if header else []
        )
    assert answer.status_code == status


@pytest.mark.parametrize("body", [b"", b"no", b"5", b'{"payloads": 5}', b'{"a": 1}'])
async def test_what_are_no_payloads(http: httpx.AsyncClient, body: bytes) -> None:
    """Is refused."""
    assert (await http.post("/decode", content=body)).status_code == 400


async def test_a_key_that_is_missing(http: httpx.AsyncClient) -> None:
    """Is named."""
    encrypted = await EncryptionCodec({"older": b"x" * 32}).encode([a_payload()])
    answer = await http.post("/decode", json=as_json(*encrypted))
    assert answer.status_code == 400
    assert "no key 'older'" in answer.text


async def test_serving() -> None:
    """Over HTTP, until it is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings, stop = EncryptionSettings(encryption_keys=SecretStr(written(OLD))), asyncio.Event()
    serving = asyncio.create_task(serve_codec(settings, "127.0.0.1", port, [UI], stop))
    async with httpx.AsyncClient(trust_env=False, transport=httpx.AsyncHTTPTransport(retries=5)) as http:
        answer = await http.post(f"http://127.0.0.1:{port}/decode", json=as_json(a_payload()))
    assert answer.status_code == 200
    stop.set()
    await serving


@pytest.mark.parametrize(
    ("keys", "host", "remedy"),
    [("", "127.0.0.1", "set SERINUS_ENCRYPTION_KEYS"), (written(OLD), "0.0.0.0", "set SERINUS_CODEC_TOKEN")],  # noqa: S104 - refused
)
async def test_what_it_will_not_serve(keys: str, host: str, remedy: str) -> None:
    """Nothing to decrypt with, or everybody as guest."""
    with pytest.raises(WrongSetting, match=remedy):
        await serve_codec(EncryptionSettings(encryption_keys=SecretStr(keys)), host, 0, [])
