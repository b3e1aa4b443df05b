"""Webhooks and providers are whoever listens at a URL: any bytes are one of the named outcomes, within bounds."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from temporalio.contrib.pydantic import pydantic_data_converter

from activities import hooks
from activities.hooks import ask
from activities.http import TEXT_LIMIT, Http
from activities.providers import asking
from activities.providers.base import Source
from activities.providers.prometheus import Prometheus
from activities.providers.secret import Secret
from k8s.models.webhook import Webhook
from tests.activities.stranger import BYTES, NASTY, Bytes, Stranger, answer
from workflows.effects import HookAnswer
from workflows.verdict import NoData, Unreadable, Value

SECONDS = 0.5
LATE_SECONDS = 5.0
"""What an outcome may take beyond its time-out, on a machine that is busy."""
MEMORY_BYTES = 16 * 1024 * 1024

each_nasty = pytest.mark.parametrize("says", NASTY.values(), ids=NASTY.keys())
anything = given(says=BYTES)
effort = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_SECONDS", SECONDS)
    monkeypatch.setattr(hooks, "FIRST_RETRY_SECONDS", 0.001)


@pytest_asyncio.fixture
async def stranger() -> AsyncIterator[Stranger]:
    """Somebody who listens."""
    async with Stranger().listening() as stranger:
        yield stranger


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    """As the worker has it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Http(client)


async def outcome_of_hook(stranger: Stranger, http: Http, says: Bytes) -> HookAnswer:
    """Of a webhook with a retry."""
    stranger.says = says
    hook = Webhook(name="gate", url=stranger.address, timeout=timedelta(seconds=SECONDS), retries=1)
    return await ask(http, hook, {"name": "podinfo"})


async def outcome_of_query(stranger: Stranger, http: Http, says: Bytes) -> Value | NoData | Unreadable:
    """Of a query to what should be a Prometheus."""
    stranger.says = says
    return await Prometheus.of(Source(http, None, stranger.address, Secret())).query("up")  # type: ignore[arg-type]


def is_recordable(outcome: object) -> bool:
    """Whether it fits into a history."""
    (payload,) = pydantic_data_converter.payload_converter.to_payloads([outcome])
    return len(payload.data) < 10 * TEXT_LIMIT


@contextmanager
def within_bounds(seconds: float) -> Iterator[None]:
    """Neither late, nor with more in memory than an answer may have."""
    began = time.monotonic()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < seconds + LATE_SECONDS
    assert peak < MEMORY_BYTES


@each_nasty
async def test_a_hook(stranger: Stranger, http: Http, says: Bytes) -> None:
    """Only a status of 200 agrees, whatever comes with it."""
    with within_bounds(2 * SECONDS):
        found = await outcome_of_hook(stranger, http, says)

    assert is_recordable(found)
    assert found.refusal or says.head.startswith(b"HTTP/1.1 200 ")


@each_nasty
async def test_a_query(stranger: Stranger, http: Http, says: Bytes) -> None:
    """Nothing of all that is a number, and nothing says anything about a release."""
    with within_bounds(SECONDS):
        found = await outcome_of_query(stranger, http, says)

    assert isinstance(found, Unreadable)
    assert is_recordable(found)


@pytest.mark.parametrize("place", ["redirect to itself", "redirect to a file"])
async def test_nobody_is_led_elsewhere(stranger: Stranger, http: Http, place: str) -> None:
    """A redirect is an answer like any other, and no yes."""
    found = await outcome_of_hook(stranger, http, NASTY[place])
    assert found.refusal[:3] in {"301", "302"}
    assert found.reached
    await outcome_of_query(stranger, http, NASTY[place])
    assert stranger.met == 2


@effort
@anything
async def test_any_bytes(stranger: Stranger, http: Http, says: Bytes) -> None:
    """Each is one of the outcomes."""
    async with asyncio.timeout(3 * SECONDS + 2 * LATE_SECONDS):
        hook, query = await outcome_of_hook(stranger, http, says), await outcome_of_query(stranger, http, says)
    assert is_recordable(hook)
    assert is_recordable(query)


@pytest.mark.parametrize("kind", ["\ud800", "x" * 100_000], ids=["half a character", "long"])
async def test_what_is_quoted_can_be_recorded(stranger: Stranger, http: Http, kind: str) -> None:
    """A word of the answer that the outcome repeats is cut, and written in whole characters."""
    body = json.dumps({"data": {"resultType": kind, "result": []}})
    found = await outcome_of_query(stranger, http, answer(body.encode()))
    assert isinstance(found, Unreadable)
    assert found.detail.startswith("query returned a ")
    assert is_recordable(found)
