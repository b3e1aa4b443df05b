"""Alerts: one contract that every sink keeps, against a server that answers as chats do."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import delivery
from activities.alert import AlertChat
from activities.alerts.destination import Destination
from activities.alerts.registry import SINKS
from activities.bench import Bench, Defaults
from activities.http import Http
from k8s.client import Cluster
from k8s.informer_factory import InformerFactory
from k8s.models.alert_provider import AlertProviderSpec
from k8s.resources import ALERT_PROVIDERS, CANARIES, SECRETS
from tests.activities.chatroom import FAILED, PODINFO, T0KEN, TEXT, Room, http, room
from tests.api_server import ApiServer
from tests.objects import a_canary
from tests.receiver import PATH, Receiver, receiver
from workflows.effects import Alert, Alerts
from workflows.observation import Receiver as Chat
from workflows.observation import Severity

__all__ = ["http", "receiver", "room"]

STARTED = Alert(text="New revision detected, progressing canary analysis.", severity=Severity.INFO, fields=True)
FIELDS = {
    "Cluster": "blue",
    "Target": "Deployment/podinfo.test",
    "Failed checks threshold": "5",
    "Progress deadline": "600s",
    "Traffic routing": "Weight step: 10 max: 50",
}
Answer = Callable[[], web.Response]


# -- the contract -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=sorted(SINKS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each sink."""
    return str(request.param)


def test_every_kind_of_the_api_has_a_sink() -> None:
    """And no sink is out of reach."""
    schema = AlertProviderSpec.model_json_schema()["properties"]["type"]
    assert sorted(SINKS) == sorted(schema["enum"])


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_taken(room: Room, kind: str, status: int) -> None:
    """One POST of JSON for each alert, in order; any 2xx is enough."""
    await room.given(kind)
    room.receiver.answer = lambda: web.Response(status=status)

    await room.tell(STARTED, FAILED)

    started, failed = (json.dumps(body) for body in room.receiver.bodies)
    assert STARTED.text in started
    assert all(title in started and value in started for title, value in FIELDS.items())
    assert TEXT in failed
    assert "Reason" in failed
    assert "podinfo.test" in failed
    assert {told.headers["Content-Type"] for told in room.receiver.told} == {"application/json"}
    expected = f"{PATH}/slack" if kind == "discord" else PATH
    assert {told.target for told in room.receiver.told} == {expected}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda: web.Response(status=401, text="invalid_token\n"), ("401 invalid_token", False, None)),
        (lambda: web.Response(status=404), ("404 Not Found", False, None)),
        (lambda: web.Response(status=404, text=f"Cannot POST {PATH}"), ("404 Cannot POST /***/***/***", False, None)),
        (lambda: web.Response(status=429, headers={"Retry-After": "7"}), ("429 Too Many Requests", True, 7)),
        (lambda: web.Response(status=429, headers={"Retry-After": "86400"}), ("429 Too Many Requests", True, 60)),
        (lambda: web.Response(status=429), ("429 Too Many Requests", True, None)),
        (lambda: web.Response(status=500, text="x" * 5000), ("500 " + "x" * 300, True, None)),
        (lambda: web.Response(status=302, headers={"Location": "http://elsewhere"}), ("302 Found", False, None)),
    ],
    ids=["401", "404", "echo", "429", "429 for a day", "429 for a while", "500", "redirect"],
)
async def test_not_taken(room: Room, kind: str, answer: Answer, expected: tuple[str, bool, int | None]) -> None:
    """Status and first bytes of the answer are told; what may pass is tried again, when the chat asks for it."""
    why, passing, delay = expected
    await room.given(kind)
    room.receiver.answer = answer

    error = await room.failure()

    assert error.message == why
    assert error.non_retryable is not passing
    assert error.next_retry_delay == (None if delay is None else timedelta(seconds=delay))
    assert len(room.receiver.told) == 1


async def test_no_answer(room: Room, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In time; may pass."""
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.05)
    await room.given(kind)
    room.receiver.answer = lambda: None

    error = await room.failure()

    assert error.message == "no answer within 0.05 s"
    assert not error.non_retryable


async def test_nobody_listens(room: Room, kind: str) -> None:
    """May pass."""
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    await room.given(kind, f"http://127.0.0.1:{port}{PATH}")

    error = await room.failure()

    assert error.message.startswith("ConnectError")
    assert not error.non_retryable


async def test_through_a_proxy(room: Room, kind: str) -> None:
    """The proxy is asked for the whole address, which nobody else could reach."""
    await room.given(kind, f"http://chat.invalid{PATH}?key=1", proxy=f"http://{room.receiver.host}")

    await room.tell()

    (told,) = room.receiver.told
    slack = "/slack" if kind == "discord" else ""
    assert told.target == f"http://chat.invalid{PATH}{slack}?key=1"
    assert TEXT in json.dumps(told.body)


@pytest.mark.parametrize("address", ["no-url", "ftp://chat/s3cretpart", "http://[::1/s3cretpart", "http://:port/x"])
async def test_an_address_that_is_none(room: Room, kind: str, address: str) -> None:
    """Is told of without being told; the Secret may be mended meanwhile."""
    await room.given(kind, address)
    assert not (await room.failure()).non_retryable


# -- providers that cannot be used ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "data", "why"),
    [
        (None, None, 'alertproviders "chat" not found'),
        ({"type": "slack", "secretRef": {"name": "chat-url"}}, None, 'secrets "chat-url" not found'),
        ({"type": "slack", "secretRef": {"name": "chat-url"}}, {}, "secret chat-url has no key address; write"),
        ({"type": "slack"}, None, "spec.address is empty; write"),
        ({"type": "irc", "address": "http://x"}, None, "spec.type:"),
        (
            {"type": "slack", "secretRef": {"name": "chat-url"}},
            {"address": "//8="},
            "key address of the secret must be ASCII text on one line",
        ),
    ],
)
async def test_unfit_provider(room: Room, spec: Any, data: Any, why: str) -> None:
    """The error names what is missing; it may be applied any moment, so it is tried again."""
    if spec:
        await room.api.put(ALERT_PROVIDERS.path("test", "chat"), {"spec": spec})
    if data is not None:
        await room.api.put(SECRETS.path("test", "chat-url"), {"data": data})
    error = await room.failure()
    assert error.message.startswith(why)
    assert not error.non_retryable


@pytest.mark.parametrize("proxy", ["proxy:3128", "http://u:s3cretpart@[::1", "s3cretpart"])
async def test_unfit_proxy(room: Room, proxy: str) -> None:
    """Is told of without its password."""
    await room.given("slack", proxy=proxy)
    assert (await room.failure()).message == "the proxy is not a URL such as http://proxy:3128"


# -- the worker's own chat --------------------------------------------------------------------------------------------


async def test_workers_chat(api: ApiServer, cluster: Cluster, http: Http, receiver: Receiver) -> None:
    """Is reached as the worker's settings say, and gone when they are."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    chat = Destination("slack", receiver.address, token=T0KEN, channel="releases")
    assert PATH not in repr(chat)
    assert T0KEN not in repr(chat)
    order = Alerts(canary=PODINFO, receiver=Chat(provider="slack"), alerts=(FAILED,))
    bench = Bench(cluster, InformerFactory(cluster), http, Defaults(chat=chat))

    await ActivityEnvironment().run(AlertChat(bench).alert, order)

    assert receiver.bodies[0]["channel"] == "releases"
    assert receiver.told[0].headers["Authorization"] == f"Bearer {T0KEN}"
    bare = Bench(cluster, InformerFactory(cluster), http)
    with pytest.raises(ApplicationError, match="the worker has no chat any more") as gone:
        await ActivityEnvironment().run(AlertChat(bare).alert, order)
    assert gone.value.non_retryable
