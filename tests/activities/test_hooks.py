"""Webhooks: what is sent, how often, and what the answer means."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.testing import ActivityEnvironment
from tenacity import RetryCallState

from activities import hooks, http
from activities.bench import Bench
from activities.hooks import CallHook, ask, checksum, pause_seconds, payload_of, retry_after_seconds, retrying
from activities.http import Http, NotReached, Reply
from k8s.models.webhook import Webhook
from k8s.resources import CANARIES
from tests.activities.conftest import Outside
from tests.api_server import ApiServer
from tests.objects import a_canary, an_analysis
from workflows.effects import HookAnswer, HookCall
from workflows.observation import CanaryRef, Phase, Revision

PODINFO = CanaryRef(namespace="test", name="podinfo")
REVISION = Revision(template="s1-new", configs={"configmap/a": "1", "secret/b": "2"})
URL = "http://gate.test/check"


def a_hook(**changes: Any) -> Webhook:
    """A hook without retries."""
    return Webhook(**({"name": "gate", "url": URL} | changes))


def a_reply(status: int, **headers: str) -> Reply:
    """An answer without a body."""
    return Reply(status, "", httpx.Headers(headers), b"", whole=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "FIRST_RETRY_SECONDS", 0.001)


# -- what is sent -----------------------------------------------------------------------------------------------------


def test_payload() -> None:
    """Flagger's keys in Flagger's order, the metadata last."""
    payload = payload_of(PODINFO, Phase.PROGRESSING, REVISION, a_hook(metadata={"type": "bash", "cmd": "true"}))
    assert json.dumps(payload) == (
        '{"name": "podinfo", "namespace": "test", "phase": "Progressing", '
        f'"checksum": "{checksum(REVISION)}", "metadata": {{"type": "bash", "cmd": "true"}}}}'
    )


def test_no_metadata() -> None:
    """Then the key is left out."""
    assert "metadata" not in payload_of(PODINFO, Phase.FAILED, REVISION, a_hook())


def test_checksum() -> None:
    """One for a revision with its config, in whatever order the configs were read."""
    swapped = Revision(template="s1-new", configs={"secret/b": "2", "configmap/a": "1"})
    assert checksum(swapped) == checksum(REVISION)
    assert checksum(Revision(template="s1-new")) != checksum(REVISION) != checksum(Revision(template="s1-old"))


async def test_request(outside: Outside) -> None:
    """A POST of JSON."""
    await ask(outside.http, a_hook(), {"name": "podinfo"})
    (request,) = outside.asked
    assert (request.method, str(request.url), request.headers["Content-Type"]) == ("POST", URL, "application/json")
    assert json.loads(request.content) == {"name": "podinfo"}


# -- what the answer means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_agreement(outside: Outside, status: int) -> None:
    """Any 2xx agrees; Flagger takes 204 for a failure."""
    outside.answer = lambda _: httpx.Response(status)
    assert await ask(outside.http, a_hook(), {}) == HookAnswer()


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (httpx.Response(403, text="Forbidden"), "403 Forbidden"),
        (httpx.Response(500, text=" command failed: exit 1\n"), "500 command failed: exit 1"),
        (httpx.Response(400), "400 Bad Request"),
        (httpx.Response(404, text="x" * 5000), "404 " + "x" * 300),
        (httpx.Response(500, content=b"\xff\xfe"), "500 \ufffd\ufffd"),
        (httpx.Response(302, headers={"Location": "http://elsewhere"}), "302 Found"),
    ],
    ids=["4xx", "5xx", "no body", "long body", "no text", "redirect"],
)
async def test_refusal(outside: Outside, answer: httpx.Response, refusal: str) -> None:
    """The status, and the first bytes of what the receiver said; a redirect is not followed."""
    outside.answer = lambda _: answer
    assert await ask(outside.http, a_hook(), {}) == HookAnswer(refusal=refusal)
    assert len(outside.asked) == 1


async def test_endless_refusal(outside: Outside) -> None:
    """It is read no further than needed."""

    async def flood() -> AsyncIterator[bytes]:
        while True:
            yield b"no " * 1000

    outside.answer = lambda _: httpx.Response(403, content=flood())
    answer = await ask(outside.http, a_hook(), {})
    assert answer.refusal.startswith("403 no no no")


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.DecodingError("not gzip")], ids=repr
)
async def test_not_reached(outside: Outside, error: Exception) -> None:
    """A receiver that is away has not refused."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    outside.answer = fail
    assert await ask(outside.http, a_hook(), {}) == HookAnswer(refusal=f"{URL}: {error!r}", reached=False)


async def test_connection_refused() -> None:
    """Really: nobody listens there."""
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await ask(Http(client), a_hook(url=f"http://127.0.0.1:{port}/"), {})
    assert answer.reached is False
    assert answer.refusal.startswith(f"http://127.0.0.1:{port}/: ConnectError")


async def test_no_connection_is_kept_until_its_receiver_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Really: one that comes a step later on the connection of the step before would find it closing."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await reader.readuntil(b"HTTP/1.1\r\n")
        writer.close()

    monkeypatch.setattr(http, "IDLE_SECONDS", 0.05)
    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server, http.shared_client() as client:
        hook = a_hook(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        for _ in range(2):
            assert await ask(Http(client), hook, {}) == HookAnswer()
            await asyncio.sleep(0.1)  # time itself is what is tested


async def test_timeout(outside: Outside) -> None:
    """The hook's own, of the whole exchange."""

    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    outside.answer = hang
    answer = await ask(outside.http, a_hook(timeout="50ms"), {})
    assert answer == HookAnswer(refusal=f"{URL}: no answer within 0.05 s", reached=False)


# -- how often --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "calls"), [(429, 3), (500, 3), (503, 3), (501, 1), (403, 1), (404, 1), (302, 1), (200, 1)]
)
async def test_retries(outside: Outside, status: int, calls: int) -> None:
    """Further attempts for a busy receiver; one that refuses, or cannot, is not asked again."""
    outside.answer = lambda _: httpx.Response(status)
    await ask(outside.http, a_hook(retries=2), {})
    assert len(outside.asked) == calls


async def test_retries_of_the_unreached(outside: Outside) -> None:
    """The last answer stands, here an agreement."""
    answers: Iterator[httpx.Response | Exception] = iter(
        [httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(200)]
    )

    def next_answer(_: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    outside.answer = next_answer
    assert await ask(outside.http, a_hook(retries=5), {}) == HookAnswer()
    assert len(outside.asked) == 3


async def test_last_refusal_stands(outside: Outside) -> None:
    """With its body, which Flagger loses."""
    outside.answer = lambda _: httpx.Response(500, text=f"attempt {len(outside.asked)}")
    assert await ask(outside.http, a_hook(retries=1), {}) == HookAnswer(refusal="500 attempt 2")


def paused(attempt: int, outcome: Reply | Exception) -> float:
    """The pause after an attempt with that outcome."""
    state = RetryCallState(retrying(9), None, (), {})
    state.attempt_number = attempt
    if isinstance(outcome, Reply):
        state.set_result(outcome)
    else:
        state.set_exception((type(outcome), outcome, None))
    return pause_seconds(state)


@pytest.mark.parametrize(
    ("attempt", "outcome", "seconds"),
    [
        (1, NotReached(), 1),
        (2, NotReached(), 2),
        (3, a_reply(500), 4),
        (9, NotReached(), 30),
        (1, a_reply(429, **{"Retry-After": "7"}), 7),
        (1, a_reply(503, **{"Retry-After": "0"}), 0),
        (1, a_reply(503, **{"Retry-After": "86400"}), 300),
        (1, a_reply(500, **{"Retry-After": "7"}), 1),
        (2, a_reply(429, **{"Retry-After": "soon"}), 2),
        (2, a_reply(429, **{"Retry-After": "-5"}), 2),
        (2, a_reply(429, **{"Retry-After": "1.5"}), 2),
    ],
)
def test_pauses(monkeypatch: pytest.MonkeyPatch, attempt: int, outcome: Reply | Exception, seconds: float) -> None:
    """1, 2, 4 … 30 seconds, or what a 429 or 503 asks for, within reason."""
    monkeypatch.setattr(hooks, "FIRST_RETRY_SECONDS", 1.0)
    assert paused(attempt, outcome) == seconds


def test_retry_after_as_a_date() -> None:
    """Counted from now; a date that is past asks for no pause."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    asked = retry_after_seconds(a_reply(503, **{"Retry-After": soon}))
    assert asked is not None
    assert 50 < asked <= 60
    assert retry_after_seconds(a_reply(503, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})) == 0


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40))
def test_any_retry_after(text: str) -> None:
    """Whatever a receiver writes there, the pause is a number of seconds that ends."""
    assert 0 <= paused(1, a_reply(429, **{"Retry-After": text})) <= 300


# -- disableTLS -------------------------------------------------------------------------------------------------------


async def test_disabled_verification(tls_receiver: str) -> None:
    """A certificate that nobody vouches for is refused, unless the hook says otherwise."""
    async with httpx.AsyncClient(trust_env=False) as client:
        http = Http(client)
        verified = await ask(http, a_hook(url=tls_receiver), {})
        assert verified.reached is False
        assert "CERTIFICATE_VERIFY_FAILED" in verified.refusal
        assert await ask(http, a_hook(url=tls_receiver, disable_tls=True), {}) == HookAnswer()


# -- the activity -----------------------------------------------------------------------------------------------------


async def test_hook_of_the_spec(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Asked is the hook of that type and name, as the Canary describes it now; one that was removed is not."""
    webhooks = [{"name": "gate", "type": "confirm-rollout", "url": URL}, {"name": "gate", "url": f"{URL}/load"}]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=webhooks)))
    call = HookCall(canary=PODINFO, type="rollout", name="gate", phase=Phase.PROGRESSING, revision=REVISION)
    environment = ActivityEnvironment()
    assert await environment.run(CallHook(bench).call_hook, call) == HookAnswer()
    assert [str(request.url) for request in outside.asked] == [f"{URL}/load"]
    gone = await environment.run(CallHook(bench).call_hook, call.model_copy(update={"type": "pre-rollout"}))
    assert gone == HookAnswer(refusal="the webhook is no longer in spec.analysis.webhooks", reached=False)
