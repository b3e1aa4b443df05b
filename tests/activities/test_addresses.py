"""URLs of users lead to no machine's metadata, by whatever name; every way out of the worker is asked."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from activities.addresses import SETTING, is_forbidden
from activities.alert import send
from activities.alerts.base import Message
from activities.alerts.destination import Destination
from activities.delivery import Undelivered
from activities.hooks import ask
from activities.http import Http
from activities.providers.base import Source
from activities.providers.prometheus import Prometheus
from activities.providers.stackdriver import Stackdriver
from k8s.models.webhook import Webhook
from tests.activities.provider_fixtures import a_secret, google_key
from tests.receiver import Receiver, receiver
from workflows.effects import HookAnswer
from workflows.observation import Severity
from workflows.verdict import Unreadable

__all__ = ["google_key", "receiver"]

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
MESSAGE = Message("podinfo.test", "failed", Severity.ERROR, {}, "general", "flagger")
LOOPBACK = (ip_network("127.0.0.0/8"),)
NOBODY: Any = None
"""A cluster that is not asked."""


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    """As the worker makes it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Http(client)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets a name lead to addresses: those of the first look-up, those of the second, and so on."""

    def name(host: str, *answers: list[str]) -> None:
        left, loop = list(answers), asyncio.get_running_loop()
        asked = loop.getaddrinfo

        async def getaddrinfo(wanted: Any, port: Any, **options: Any) -> Any:
            if wanted not in (host, host.encode()):
                return await asked(wanted, port, **options)
            found = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)

    return name


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
    ],
)
def test_forbidden(host: str) -> None:
    """Link-local, and the clouds' own."""
    assert is_forbidden(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.253.0.1", "fd00::1", "::1", "8.8.8.8", "podinfo.test", ""]
)
def test_not_forbidden(host: str) -> None:
    """The cluster and the world; names are looked up first."""
    assert not is_forbidden(host)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166"]
)
async def test_a_hook_at_such_an_address(http: Http, host: str) -> None:
    """However it is spelt; the refusal names the setting, and is no word on the release."""
    answer = await ask(http, Webhook(name="gate", url=f"http://{host}/"), {})
    assert answer.reached is False
    assert f"{SETTING}=true" in answer.refusal


@pytest.mark.parametrize("insecure", [False, True])
async def test_a_name_that_leads_there(http: Http, named: Callable[..., None], insecure: bool) -> None:
    """By one of its addresses, on the shared connections and on those that verify nobody."""
    named("metadata.test", ["127.0.0.1", "169.254.169.254"])
    answer = await ask(http, Webhook(name="gate", url="http://metadata.test/", disable_tls=insecure), {})
    assert f"{SETTING}=true" in answer.refusal


async def test_a_name_that_leads_elsewhere_a_moment_later(
    http: Http, named: Callable[..., None], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent to whom the connection reached."""
    monkeypatch.setattr("activities.addresses.FORBIDDEN", LOOPBACK)
    port = receiver.host.partition(":")[2]
    named("rebound.test", ["192.0.2.1"], ["127.0.0.1"])
    answer = await ask(http, Webhook(name="gate", url=f"http://rebound.test:{port}/"), {})
    assert SETTING in answer.refusal
    assert receiver.told == []


async def test_a_redirect_there(http: Http, receiver: Receiver) -> None:
    """Is an answer, and is not followed."""
    receiver.answer = lambda: web.Response(status=307, headers={"Location": METADATA})
    assert await ask(http, Webhook(name="gate", url=f"http://{receiver.host}/"), {}) == HookAnswer(
        refusal="307 Temporary Redirect"
    )


async def test_a_provider_there(http: Http) -> None:
    """Unreadable, with the remedy."""
    found = await Prometheus.of(Source(http, NOBODY, METADATA)).query("up")
    assert isinstance(found, Unreadable)
    assert SETTING in found.detail


async def test_a_google_key_whose_tokens_come_from_there(http: Http, google_key: str) -> None:
    """The key is a user's too."""
    key = google_key.replace("@token_uri@", METADATA)
    secret = a_secret({"project": "p1", "serviceAccountKey": key})
    found = await Stackdriver.of(Source(http, NOBODY, secret=secret)).query("fetch x")
    assert isinstance(found, Unreadable)
    assert SETTING in found.detail


@pytest.mark.parametrize("proxy", ["", "http://169.254.169.254:3128", "http://127.0.0.1:1"])
async def test_a_chat_there(http: Http, proxy: str) -> None:
    """Or behind a proxy that is there, or that would go there for us."""
    address = "http://chat.test/x" if "169" in proxy else METADATA
    with pytest.raises(Undelivered, match=SETTING):
        await send(http, Destination("slack", address, proxy=proxy), MESSAGE)


async def test_allowed(http: Http, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting."""
    monkeypatch.setattr("activities.addresses.FORBIDDEN", LOOPBACK)
    hook = Webhook(name="gate", url=f"http://{receiver.host}/")
    assert SETTING in (await ask(http, hook, {})).refusal
    assert await ask(Http(http.client, allow_metadata=True), hook, {"a": 1}) == HookAnswer()
    assert json.dumps(receiver.bodies) == '[{"a": 1}]'
