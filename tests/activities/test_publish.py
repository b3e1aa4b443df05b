"""Event webhooks: what they are told of an event, and whose they are."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench, Defaults
from activities.hooks import checksum
from activities.http import Http
from activities.publish import Publish, event_payload, timeout_seconds
from k8s.client import Cluster
from k8s.informer_factory import InformerFactory
from k8s.models.webhook import Webhook
from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.objects import a_canary, an_analysis
from tests.receiver import PATH, Receiver, receiver
from workflows.effects import Happening, Publication
from workflows.observation import CanaryRef, Phase, Revision

__all__ = ["receiver"]

PODINFO = CanaryRef(namespace="test", name="podinfo")
REVISION = Revision(template="s1-new")
AT = datetime(2026, 11, 24, 4, 0, 0, 123456, tzinfo=UTC)


def a_happening(text: str = "Advance podinfo.test canary weight 10", **changes: Any) -> Happening:
    """An event of a rollout under way."""
    return Happening(**({"text": text, "at": AT, "phase": Phase.PROGRESSING, "revision": REVISION} | changes))


def a_hook(url: str, name: str = "log", **changes: Any) -> dict[str, Any]:
    """As in the spec."""
    return {"name": name, "type": "event", "url": url} | changes


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    """A client that no proxy of the machine gets in the way of."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Http(client)


@pytest.fixture
def bench(cluster: Cluster, http: Http, receiver: Receiver) -> Bench:
    """Of a worker with an event webhook of its own."""
    defaults = Defaults(event_webhook=f"http://{receiver.host}/workers-own")
    return Bench(cluster, InformerFactory(cluster), http, defaults)


async def publish(bench: Bench, hook: str, *happenings: Happening) -> None:
    """Run the activity once."""
    order = Publication(canary=PODINFO, hook=hook, happenings=happenings or (a_happening(),))
    await ActivityEnvironment().run(Publish(bench).publish, order)


def test_payload() -> None:
    """A webhook's body whose metadata begins with the event; the hook's own cannot hide it."""
    hook = Webhook(name="log", url="http://log", metadata={"team": "a", "eventType": "mine"})
    payload = event_payload(PODINFO, a_happening("Halt", warning=True), hook)
    assert json.dumps(payload) == (
        '{"name": "podinfo", "namespace": "test", "phase": "Progressing", '
        f'"checksum": "{checksum(REVISION)}", "metadata": {{"eventMessage": "Halt", "eventType": "Warning", '
        '"timestamp": "1795492800123", "team": "a"}}'
    )


def test_an_event_before_any_revision() -> None:
    """Is told like any other."""
    hook = Webhook(name="log", url="http://log")
    payload = event_payload(PODINFO, a_happening(revision=None, phase=Phase.INITIALIZING), hook)
    assert (payload["phase"], payload["metadata"]["eventType"]) == ("Initializing", "Normal")


async def test_in_order(api: ApiServer, bench: Bench, receiver: Receiver) -> None:
    """One POST each, to the hook of that name and no other."""
    hooks = [a_hook(f"http://{receiver.host}/other", "other"), a_hook(receiver.address)]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=hooks)))

    await publish(bench, "log", a_happening("first"), a_happening("second"))

    assert [body["metadata"]["eventMessage"] for body in receiver.bodies] == ["first", "second"]
    assert {told.target for told in receiver.told} == {PATH}


async def test_workers_own(api: ApiServer, bench: Bench, receiver: Receiver) -> None:
    """For a Canary without event webhooks."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    await publish(bench, "events")
    assert [told.target for told in receiver.told] == ["/workers-own"]


async def test_a_hook_that_was_removed(api: ApiServer, bench: Bench, receiver: Receiver) -> None:
    """Is not replaced by the worker's, which this Canary never asked for."""
    hooks = [a_hook(receiver.address, "other")]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=hooks)))
    for name in ("log", "events"):
        with pytest.raises(ApplicationError, match="the webhook is no longer in") as removed:
            await publish(bench, name)
        assert removed.value.non_retryable
    assert receiver.told == []


@pytest.mark.parametrize(("status", "passing"), [(403, False), (501, False), (429, True), (500, True)])
async def test_refusal(api: ApiServer, bench: Bench, receiver: Receiver, status: int, passing: bool) -> None:
    """Tried again when it may pass; the URL, which may hold a token, is not told even when it is echoed."""
    canary = a_canary(analysis=an_analysis(webhooks=[a_hook(receiver.address)]))
    await api.put(CANARIES.path("test", "podinfo"), canary)
    receiver.answer = lambda: web.Response(status=status, text=f"not {receiver.address}")

    with pytest.raises(ApplicationError) as refusal:
        await publish(bench, "log")

    assert refusal.value.message == f"{status} not http://{receiver.host}/***/***/***"
    assert refusal.value.__cause__ is None
    assert refusal.value.non_retryable is not passing


async def test_nobody_there(api: ApiServer, bench: Bench) -> None:
    """May pass; neither is the URL told."""
    hooks = [a_hook("http://127.0.0.1:1/s3cretpart")]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=hooks)))
    with pytest.raises(ApplicationError) as error:
        await publish(bench, "log")
    assert error.value.message == "ConnectError('All connection attempts failed')"
    assert not error.value.non_retryable


async def test_disabled_verification(api: ApiServer, bench: Bench, tls_receiver: str) -> None:
    """As for every webhook."""
    canary = a_canary(analysis=an_analysis(webhooks=[a_hook(tls_receiver, disableTLS=True)]))
    await api.put(CANARIES.path("test", "podinfo"), canary)
    await publish(bench, "log")


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 10), ("3s", 3), ("1h", 60)])
def test_timeout(timeout: str | None, seconds: float) -> None:
    """The hook's own, within reason: what waits behind it must not be lost."""
    assert timeout_seconds(Webhook.model_validate({"name": "log", "url": "http://log", "timeout": timeout})) == seconds
