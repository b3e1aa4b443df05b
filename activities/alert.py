"""Alert one chat: the message written as it likes it, posted where its AlertProvider says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx
from temporalio import activity

from activities.alerts.base import Message
from activities.alerts.destination import Destination, UnfitProvider, find_destination
from activities.alerts.fields import fields_of
from activities.alerts.registry import SINKS
from activities.bench import Bench, Subject
from activities.delivery import Undelivered, in_order, post, require
from activities.http import Http
from activities.redaction import credentials_of
from k8s.errors import ClusterError
from k8s.models.errors import InvalidAlertProvider
from workflows.effects import Activity, Alert, Alerts
from workflows.observation import Receiver


class AlertChat:
    """Sends again only what was not taken."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.ALERT)
    async def alert(self, order: Alerts) -> None:
        """Tell one chat all that waits for it, in order."""
        subject = await self._bench.load(order.canary)
        await in_order(order.alerts, partial(self._send, subject, order))

    async def _send(self, subject: Subject, order: Alerts, alert: Alert) -> None:
        destination = await self._destination(order.receiver)
        message = Message(
            canary=str(order.canary),
            text=alert.text,
            severity=alert.severity,
            fields=fields_of(subject.canary, self._bench.defaults.cluster_name, alert),
            channel=destination.channel,
            username=destination.username,
        )
        await send(self._bench.http, destination, message)

    async def _destination(self, receiver: Receiver) -> Destination:
        """Read afresh, so that a mended provider is used at the next attempt."""
        if not receiver.namespace:
            return self._workers_own()
        try:
            return await find_destination(self._bench.cluster, receiver.namespace, receiver.provider)
        except (ClusterError, InvalidAlertProvider, UnfitProvider) as problem:
            raise Undelivered(str(problem), passing=True) from None

    def _workers_own(self) -> Destination:
        if chat := self._bench.defaults.chat:
            return chat
        raise Undelivered("the worker has no chat any more", passing=False)


async def send(http: Http, destination: Destination, message: Message) -> None:
    """Send one message; raises Undelivered, in whose text neither address nor token stands."""
    sink, token = SINKS[destination.type], destination.token
    headers = {"Authorization": f"Bearer {token}"} if token and sink.takes_token else {}
    secrets = [token, *credentials_of(destination.proxy)]
    async with proxied(http, destination.proxy) as way:
        url, payload = sink.url(destination.address), sink.payload(message)
        reply = await post(way, url, secrets=secrets, json=payload, headers=headers)
    require(reply, sink.refusal(reply))


@asynccontextmanager
async def proxied(http: Http, proxy: str) -> AsyncIterator[Http]:
    """The shared client, or one of its own that goes through the proxy; raises Undelivered."""
    if not proxy:
        yield http
        return
    try:
        own = httpx.AsyncClient(proxy=proxy)
    except (ValueError, httpx.InvalidURL):  # its text may hold the proxy's password
        raise Undelivered("the proxy is not a URL such as http://proxy:3128", passing=False) from None
    async with own:
        yield replace(http, client=own)
