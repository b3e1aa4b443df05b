"""A cache of one collection, whatever becomes of the watch that keeps it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from k8s import informers
from k8s.client import Cluster
from k8s.informers import ADDED, DELETED, MODIFIED, Informer
from k8s.resources import CONFIG_MAPS, DEPLOYMENTS
from tests.api_server import ApiServer, status

PATH = DEPLOYMENTS.path()
PODINFO = DEPLOYMENTS.path("test", "podinfo")
OTHER = DEPLOYMENTS.path("test", "other")


class Heard:
    """What a listener was told, in order."""

    def __init__(self, informer: Informer) -> None:
        self._news: asyncio.Queue[tuple[str, str, Any]] = asyncio.Queue()
        informer.on_change(lambda change, obj: self._news.put_nowait((change, obj["metadata"]["name"], obj)))

    async def next(self) -> tuple[str, str]:
        """The next change: its type and whose it is."""
        return (await self.object())[:2]

    async def object(self) -> tuple[str, str, Any]:
        """As `next`, with the object."""
        async with asyncio.timeout(5):
            return await self._news.get()

    @property
    def nothing_more(self) -> bool:
        """Whether all was taken."""
        return self._news.empty()


@asynccontextmanager
async def informing(cluster: Cluster, path: str = PATH, **options: Any) -> AsyncIterator[tuple[Informer, Heard]]:
    """An informer that holds its collection, and a listener that heard of it."""
    informer = Informer(cluster, path, **options)
    heard = Heard(informer)
    async with informer, asyncio.timeout(20):
        await informer.synced()
        yield informer, heard


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informers, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(informers, "ABSENT_KIND_RETRY_SECONDS", 0.01)


async def test_what_is_there_and_what_changes(api: ApiServer, cluster: Cluster) -> None:
    """The list fills the cache, the watch keeps it."""
    await api.put(PODINFO, {"spec": {"replicas": 1}})
    async with informing(cluster) as (informer, heard):
        assert await heard.next() == (ADDED, "podinfo")
        await api.put(PODINFO, {"spec": {"replicas": 2}})
        assert await heard.next() == (MODIFIED, "podinfo")
        found = informer.get("test", "podinfo")
        assert found
        assert found["spec"] == {"replicas": 2}
        await api.remove(PODINFO)
        assert await heard.next() == (DELETED, "podinfo")
        assert informer.list() == []


async def test_namespaces_and_pages(api: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection that comes in pages is held whole; a list may be narrowed to one namespace."""
    monkeypatch.setattr(informers, "PAGE", 2)
    for namespace in ("a", "b", "c"):
        for name in ("one", "two"):
            await api.put(DEPLOYMENTS.path(namespace, name), {})
    async with informing(cluster) as (informer, _):
        assert len(informer.list()) == len(list(informer)) == 6
        assert [obj["metadata"]["name"] for obj in informer.list("b")] == ["one", "two"]


async def test_bookmark(api: ApiServer, cluster: Cluster) -> None:
    """After a bookmark a broken watch goes on from there, without another list."""
    async with informing(cluster) as (_, heard):
        await api.put(PODINFO, {})
        assert await heard.next() == (ADDED, "podinfo")
        version = await api.bookmark(PATH)
        while api.watches[-1] != version:  # a cut may come before the bookmark was read
            await api.cut()
            await api.begun(len(api.watches) + 1)
        await api.put(OTHER, {})
        assert await heard.next() == (ADDED, "other")
    assert api.asked("GET").count(PATH) == 1 + len(api.watches)


async def test_connection_reset(api: ApiServer, cluster: Cluster) -> None:
    """What happened while the watch was broken is heard once it is back, and nothing is heard twice."""
    await api.put(PODINFO, {})
    async with informing(cluster) as (_, heard):
        assert await heard.next() == (ADDED, "podinfo")
        await api.cut()
        await api.put(OTHER, {})
        assert await heard.next() == (ADDED, "other")
        assert heard.nothing_more
    assert api.asked("GET").count(PATH) == 1 + len(api.watches) == 3


@pytest.mark.parametrize("inside", [True, False], ids=["in the stream", "as the status"])
async def test_too_old(api: ApiServer, cluster: Cluster, *, inside: bool) -> None:
    """A version that was compacted away means a new list, which tells what was missed."""
    await api.put(PODINFO, {})
    async with informing(cluster) as (informer, heard):
        assert await heard.next() == (ADDED, "podinfo")
        refused = asyncio.Event()

        async def refuse(request: web.Request) -> web.Response | None:
            if request.query.get("watch") and not refused.is_set():
                refused.set()
                return status(410, "too old resource version")
            return None

        if not inside:
            api.intercepts.append(refuse)
        del api.objects[next(iter(api.objects))]  # deleted, but the event is gone
        api.version += 1
        api.compact()
        await api.put(OTHER, {})
        await api.cut()
        told = {await heard.next(), await heard.next()}
        assert told == {(DELETED, "podinfo"), (ADDED, "other")}
        assert [obj["metadata"]["name"] for obj in informer.list()] == ["other"]


async def test_kind_that_comes_later(api: ApiServer, cluster: Cluster) -> None:
    """A kind that the API server does not know is an empty collection, until it does."""
    served = False

    async def absent(_: web.Request) -> web.Response | None:
        return None if served else web.Response(status=404, text="404 page not found\n")

    api.intercepts.append(absent)
    async with informing(cluster) as (informer, heard):
        assert informer.list() == []
        await api.put(PODINFO, {})
        served = True
        assert await heard.next() == (ADDED, "podinfo")


async def test_kind_that_goes(api: ApiServer, cluster: Cluster) -> None:
    """When a kind is taken away its objects are gone."""
    await api.put(PODINFO, {})
    async with informing(cluster) as (informer, heard):
        assert await heard.next() == (ADDED, "podinfo")

        async def absent(_: web.Request) -> web.Response:
            return web.Response(status=404, text="404 page not found\n")

        await api.begun(1)
        api.intercepts.append(absent)
        await api.cut()
        assert await heard.next() == (DELETED, "podinfo")
        assert informer.list() == []


async def test_proxys_404(api: ApiServer, cluster: Cluster) -> None:
    """A 404 that a proxy wrote says nothing about the collection: the cache stays, and is not empty."""
    await api.put(PODINFO, {})
    async with informing(cluster) as (informer, heard):
        assert await heard.next() == (ADDED, "podinfo")
        strange = asyncio.Event()

        async def proxy(_: web.Request) -> web.Response | None:
            if strange.is_set():
                return None
            strange.set()
            return web.Response(status=404, text="<html>no such host</html>", content_type="text/html")

        await api.begun(1)
        api.intercepts.append(proxy)
        await api.cut()
        await api.put(OTHER, {})
        assert await heard.next() == (ADDED, "other")
        assert informer.get("test", "podinfo")
        assert strange.is_set()


async def test_metadata_only(api: ApiServer, cluster: Cluster) -> None:
    """An empty list of metadata has null items; what comes later is held without its content."""
    secret = CONFIG_MAPS.path("test", "secret")
    async with informing(cluster, CONFIG_MAPS.path(), metadata_only=True) as (informer, heard):
        assert informer.list() == []
        await api.put(secret, {"data": {"key": "hidden"}})
        assert await heard.next() == (ADDED, "secret")
        assert "hidden" not in str(informer.list())


async def test_deleted_and_made_again(api: ApiServer, cluster: Cluster) -> None:
    """An object of the same name that is another one is told as deleted and added."""
    await api.put(PODINFO, {"metadata": {"uid": "first"}})
    async with informing(cluster) as (informer, heard):
        assert await heard.next() == (ADDED, "podinfo")
        await api.put(PODINFO, {"metadata": {"uid": "second"}})
        change, _, gone = await heard.object()
        assert (change, gone["metadata"]["uid"]) == (DELETED, "first")
        assert await heard.next() == (ADDED, "podinfo")
        found = informer.get("test", "podinfo")
        assert found
        assert found["metadata"]["uid"] == "second"


async def test_awaiting_one_object(api: ApiServer, cluster: Cluster) -> None:
    """`changed` returns at the change of that object, and of no other."""
    async with informing(cluster) as (informer, heard):
        waiting = asyncio.create_task(informer.changed("test", "podinfo"))
        await asyncio.sleep(0)
        await api.put(OTHER, {})
        await heard.next()
        assert not waiting.done()
        await api.put(PODINFO, {})
        await asyncio.wait_for(waiting, 5)


async def test_failing_listener(api: ApiServer, cluster: Cluster) -> None:
    """A listener that fails harms neither the cache nor the next listener."""
    informer = Informer(cluster, PATH)

    def fail(change: str, _: Any) -> None:
        raise ValueError(change)

    informer.on_change(fail)
    heard = Heard(informer)
    async with informer:
        await api.put(PODINFO, {})
        assert await heard.next() == (ADDED, "podinfo")


async def test_managed_fields_are_not_kept(api: ApiServer, cluster: Cluster) -> None:
    """They are half the bytes, and nobody reads them."""
    await api.put(PODINFO, {"metadata": {"managedFields": [{"manager": "kubectl"}]}})
    async with informing(cluster) as (informer, _):
        assert "managedFields" not in informer.list()[0]["metadata"]


async def test_pauses_grow_until_something_is_heard(
    api: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes every watch and drops it is asked ever less often; the first event ends that."""
    endings, enough = 0, asyncio.Event()

    async def drop(request: web.Request) -> web.Response | None:
        nonlocal endings
        if not request.query.get("watch") or enough.is_set():
            return None
        endings += 1
        if endings == 3:
            enough.set()
        return web.Response(text="")

    pauses: list[float] = []

    def no_jitter(*_: float) -> float:
        pauses.append(informer._delay)
        return 1.0

    monkeypatch.setattr("random.uniform", no_jitter)
    api.intercepts.append(drop)
    informer = Informer(cluster, PATH)
    heard = Heard(informer)
    async with informer:
        await asyncio.wait_for(enough.wait(), 5)
        await api.put(PODINFO, {})
        assert await heard.next() == (ADDED, "podinfo")
        assert pauses == [0.01, 0.02, 0.04]
        assert informer._delay == 0.01
