"""One number, or the name of what came instead."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from activities.http import Http
from activities.providers import asking
from activities.providers.base import Source
from activities.providers.prometheus import Prometheus
from tests.activities.conftest import Outside
from workflows.verdict import NoData, Unreadable, Value

ADDRESS = "http://prometheus:9090"
LARGEST = 1.7976931348623157e308


def answer(kind: str, result: Any) -> dict[str, Any]:
    """A successful answer of the API."""
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def vector(*values: str) -> dict[str, Any]:
    """An instant vector with one series for each value."""
    return answer("vector", [{"metric": {}, "value": [1700000000.1, value]} for value in values])


def server(http: Http, address: str = ADDRESS, **source: Any) -> Prometheus:
    """One that is asked over this client, never over the API server."""
    cluster: Any = None
    return Prometheus.of(Source(http, cluster, address, **source))


async def reading(text: str | bytes) -> Value | NoData | Unreadable:
    """What an answer with this body reads as."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=text))
    async with httpx.AsyncClient(transport=transport) as client:
        return await server(Http(client)).query("up")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (vector("99.5"), Value(value=99.5)),
        (vector("-1e-3"), Value(value=-0.001)),
        (answer("scalar", [1700000000.1, "7"]), Value(value=7)),
        (vector(), NoData()),
        (answer("vector", None), NoData()),
        (vector("NaN"), NoData()),
        (answer("scalar", [1, "NaN"]), NoData()),
        (vector("+Inf"), Value(value=LARGEST)),
        (vector("-Inf"), Value(value=-LARGEST)),
    ],
)
async def test_numbers(body: Any, expected: Value | NoData) -> None:
    """A vector's only sample or a scalar; dividing by no requests is no data, and infinity breaks every bound."""
    assert await reading(json.dumps(body)) == expected


@pytest.mark.parametrize("kind", ["matrix", "string", "streams"])
async def test_other_kinds(kind: str) -> None:
    """What is no single value says what to write."""
    found = await reading(json.dumps(answer(kind, [{"values": []}])))
    assert found == Unreadable(detail=f"query returned a {kind}; write one that returns a single value")


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in</html>",
        "",
        "null",
        "[]",
        "5",
        "{}",
        '{"data": null}',
        '{"data": []}',
        '{"data": {"resultType": "vector"}}',
        json.dumps(answer("vector", {"a": "b"})),
        json.dumps(answer("vector", ["text"])),
        json.dumps(answer("vector", [{"histogram": [1, {}]}])),
        json.dumps(answer("vector", [{"value": [1]}])),
        json.dumps(vector("many")),
        json.dumps(answer("scalar", 5)),
        json.dumps(answer("scalar", [1, 10**400])),
        "[" * 100_000,
        b"\xff\xfe\x00",
    ],
    ids=lambda body: str(body[:40]),
)
async def test_what_is_no_answer(body: str | bytes) -> None:
    """A sign-in page, or JSON of somebody else, is unreadable; it is quoted, and never raises."""
    found = await reading(body)
    assert isinstance(found, Unreadable)
    assert found.detail.startswith("not an answer of Prometheus: ")


@pytest.mark.parametrize("samples", [2, 3])
async def test_several_samples(outside: Outside, samples: int) -> None:
    """None of them is taken: which would be a guess."""
    outside.answer = lambda _: httpx.Response(200, json=vector(*["1"] * samples))
    found = await server(outside.http).query("up")
    assert found == Unreadable(
        detail=f"the query returned {samples} series; "
        "aggregate in the query (sum, avg, max, ...), so that it returns one"
    )


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_redirects(outside: Outside, status: int) -> None:
    """They are not followed."""
    outside.answer = lambda _: httpx.Response(status, headers={"Location": ADDRESS}, text=" because \n")
    found = await server(outside.http).query("up")
    assert found == Unreadable(detail=f"error response: {status}: because")
    assert len(outside.asked) == 1


async def test_redirects_are_not_followed_by_any_client() -> None:
    """Not even by one that was made to."""
    transport = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": "http://elsewhere"}))
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
        assert await server(Http(client)).query("up") == Unreadable(detail="error response: 302: ")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("broken"),
        httpx.UnsupportedProtocol("ftp"),
        httpx.DecodingError("not gzip"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_not_reached(outside: Outside, error: Exception) -> None:
    """A server that is away is unreadable, with its address."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    outside.answer = fail
    found = await server(outside.http).query("up")
    assert found == Unreadable(detail=f"{ADDRESS}/api/v1/query: {error!r}")


async def test_hanging(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole exchange is bounded, not only each read."""
    monkeypatch.setattr(asking, "TIMEOUT_SECONDS", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    outside.answer = lambda _: httpx.Response(200, content=drip())
    found = await server(outside.http).query("up")
    assert found == Unreadable(detail=f"{ADDRESS}/api/v1/query: no answer within 0.05 s")


async def test_huge_answer(outside: Outside) -> None:
    """It is not read whole: a mebibyte, and one chunk more."""
    chunk, sent = b"x" * 65536, 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += len(chunk)
            yield chunk

    outside.answer = lambda _: httpx.Response(200, content=flood())
    found = await server(outside.http).query("up")
    assert found == Unreadable(detail="the answer exceeds 1 MiB; write a query that returns a single value")
    assert sent <= asking.ANSWER_LIMIT_BYTES + 2 * len(chunk)


@pytest.mark.parametrize("token", ["s3cret\nX-Evil: 1", "s3crét"])
async def test_secrets_stay_secret(token: str) -> None:
    """A header that cannot be sent is not quoted: what is answered here enters histories and events."""
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, httpx.AsyncClient(trust_env=False) as client:
        found = await server(Http(client), address, headers={"X-Token": token}).query("up")
    assert found == Unreadable(detail=f"{address}/api/v1/query: a header holds characters that cannot be sent")
