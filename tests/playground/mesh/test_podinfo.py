"""What runs in a pod."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from playground.mesh.podinfo import Podinfo
from playground.mesh.pods import Pod
from tests.playground.mesh.objects import HASH, a_pod


def client_of(**changes: Any) -> httpx.AsyncClient:
    """A client of one pod's application."""
    transport = httpx.ASGITransport(app=Podinfo(Pod.of(a_pod(**changes))))
    return httpx.AsyncClient(transport=transport, base_url="http://podinfo")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Of a healthy release."""
    async with client_of(image="podinfo:6.0.1") as client:
        yield client


async def test_the_home_page_tells_pod_and_version(client: httpx.AsyncClient) -> None:
    """So that a reader sees which release answered."""
    answer = await client.get("/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["hostname"], body["version"]) == (f"podinfo-{HASH}-x2x4z", "6.0.1")
    assert body["message"] == "greetings from podinfo v6.0.1"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/version", 200, {"version": "6.0.1", "commit": "unknown"}),
        ("GET", "/healthz", 200, {"status": "OK"}),
        ("GET", "/readyz", 200, {"status": "OK"}),
        ("GET", "/status/500", 500, {"status": 500}),
        ("POST", "/status/404", 404, {"status": 404}),
        ("GET", "/delay/0", 200, {"delay": 0}),
    ],
)
async def test_every_path_of_the_guide_answers(
    client: httpx.AsyncClient, method: str, path: str, status: int, body: dict[str, Any]
) -> None:
    """As podinfo does."""
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/token", 405),
        ("GET", "/status/99", 400),
        ("GET", "/status/abc", 404),
        ("GET", "/status/204", 204),
        ("GET", "/delay/601", 400),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """With a client's error, which is no failure of the release."""
    assert (await client.request(method, path)).status_code == status


async def test_a_token_is_given_to_the_acceptance_test(client: httpx.AsyncClient) -> None:
    """The guide posts, and greps for `token`."""
    posted, got = await client.post("/token", content="test"), await client.get("/token")
    assert posted.json().keys() == got.json().keys() == {"token"}
    assert posted.json() != got.json()


async def test_an_echo_returns_the_body(client: httpx.AsyncClient) -> None:
    """To the byte."""
    assert (await client.post("/echo", content=b"\x00sing")).content == b"\x00sing"


async def test_a_delay_takes_its_time(client: httpx.AsyncClient) -> None:
    """In seconds, fractions too."""
    started = time.perf_counter()
    await client.get("/delay/0.2")
    assert time.perf_counter() - started >= 0.2


@pytest.mark.parametrize(("rate", "fewest", "most"), [("0", 0, 0), ("0.5", 50, 150), ("1", 200, 200)])
async def test_a_faulty_release_fails_by_its_rate(rate: str, fewest: int, most: int) -> None:
    """Half of 200 requests is 50 to 150 with all but certainty."""
    async with client_of(env={"PODINFO_FAULT_RATE": rate}) as client:
        statuses = [(await client.get("/")).status_code for _ in range(200)]
        assert fewest <= statuses.count(500) <= most
        assert statuses.count(200) + statuses.count(500) == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_a_slow_release_takes_its_delay() -> None:
    """On its home page only."""
    async with client_of(env={"PODINFO_FAULT_DELAY": "0.2"}) as client:
        started = time.perf_counter()
        assert (await client.get("/")).status_code == 200
        assert time.perf_counter() - started >= 0.2


@pytest.mark.parametrize(
    ("name", "value"), [("PODINFO_FAULT_RATE", "half"), ("PODINFO_FAULT_RATE", "1.5"), ("PODINFO_FAULT_DELAY", "-1")]
)
async def test_a_misspelt_fault_is_shown(name: str, value: str) -> None:
    """Not taken for a healthy release."""
    async with client_of(env={name: value}) as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert f"{name}='{value}'" in answer.text


async def test_greeting_and_colour_come_from_the_environment() -> None:
    """As in podinfo."""
    async with client_of(env={"PODINFO_UI_MESSAGE": "tweet", "PODINFO_UI_COLOR": "yellow"}) as client:
        body = (await client.get("/")).json()
    assert (body["message"], body["color"]) == ("tweet", "yellow")
