"""A chat behind an AlertProvider, and a Canary that alerts it: what the tests of alerts begin with."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertChat
from activities.bench import Bench, Defaults
from activities.http import Http
from k8s.client import Cluster
from k8s.informer_factory import InformerFactory
from k8s.resources import ALERT_PROVIDERS, CANARIES, SECRETS
from tests.activities.test_templates import encoded
from tests.api_server import ApiServer
from tests.objects import a_canary
from tests.receiver import PATH, Receiver
from workflows.effects import Alert, Alerts
from workflows.observation import CanaryRef, Severity
from workflows.observation import Receiver as Chat

PODINFO = CanaryRef(namespace="test", name="podinfo")
CHAT = Chat(provider="chat", namespace="test")
TEXT = "Failed checks threshold reached 5"
REASON = "Halt podinfo.test advancement success rate 69.17% < 99%"
FAILED = Alert(text=TEXT, severity=Severity.ERROR, details={"Reason": REASON})
T0KEN = "xoxb-t0ken"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    """A client that no proxy of the machine gets in the way of."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Http(client)


@dataclass(frozen=True)
class Room:
    """A chat of the test's kind behind an AlertProvider, and a Canary that alerts it."""

    activity: AlertChat
    api: ApiServer
    receiver: Receiver

    async def given(self, kind: str, address: str = "", token: str = "", **spec: Any) -> None:
        """An AlertProvider whose address, the receiver's if none is given, stands in a Secret."""
        data = encoded(address=f"{address or self.receiver.address}\n", **({"token": token} if token else {}))
        await self.api.put(SECRETS.path("test", "chat-url"), {"data": data})
        provider = {"spec": {"type": kind, "secretRef": {"name": "chat-url"}} | spec}
        await self.api.put(ALERT_PROVIDERS.path("test", "chat"), provider)

    async def tell(self, *alerts: Alert) -> None:
        """Run the activity once."""
        order = Alerts(canary=PODINFO, receiver=CHAT, alerts=alerts or (FAILED,))
        await ActivityEnvironment().run(self.activity.alert, order)

    async def failure(self, *alerts: Alert) -> ApplicationError:
        """What the activity fails with; neither it nor a cause, which would travel along, tells address or token."""
        with pytest.raises(ApplicationError) as caught:
            await self.tell(*alerts)
        assert caught.value.__cause__ is None
        for secret in (*PATH.strip("/").split("/"), T0KEN):
            assert secret not in repr(caught.value)
        return caught.value


@pytest_asyncio.fixture
async def room(api: ApiServer, cluster: Cluster, http: Http, receiver: Receiver) -> Room:
    """Where no AlertProvider is yet."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    bench = Bench(cluster, InformerFactory(cluster), http, Defaults(cluster_name="blue"))
    return Room(AlertChat(bench), api, receiver)
