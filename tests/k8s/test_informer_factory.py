"""Watches that begin when somebody asks for them."""

import asyncio

from aiohttp import web

from k8s.client import Cluster, Json
from k8s.informer_factory import InformerFactory
from k8s.resources import DAEMON_SETS, DEPLOYMENTS, SERVICES, Resource
from tests.api_server import ApiServer, status
from tests.objects import a_daemon_set, a_deployment


async def test_begun_by_the_first_who_asks(api: ApiServer, cluster: Cluster) -> None:
    """One watch a kind, and none of the kinds that nobody asked for."""
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    async with InformerFactory(cluster) as informers:
        assert api.requests == []
        informer = informers.of(DEPLOYMENTS)
        await informer.synced()
        assert informers.of(DEPLOYMENTS) is informer
        assert informer.get("test", "podinfo") is not None
        await api.begun(1)
    assert set(api.asked("GET")) == {DEPLOYMENTS.path()}
    assert len(api.watches) == 1


async def test_nothing_before_it_is_entered(api: ApiServer, cluster: Cluster) -> None:
    """What was asked for until then begins with it."""
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    informers = InformerFactory(cluster)
    informer = informers.of(DEPLOYMENTS)
    assert informer.get("test", "podinfo") is None
    async with informers:
        await informer.synced()
        assert informer.get("test", "podinfo") is not None


async def test_one_namespace(api: ApiServer, cluster: Cluster) -> None:
    """Nothing is asked of the others."""
    async with InformerFactory(cluster, "test") as informers:
        await informers.of(SERVICES).synced()
    assert set(api.asked("GET")) == {SERVICES.path("test")}


async def test_listeners_hear_of_every_kind(api: ApiServer, cluster: Cluster) -> None:
    """With the kind, since names repeat; those that begin later too."""
    heard: list[tuple[Resource, str, str]] = []

    def listen(resource: Resource, change: str, obj: Json) -> None:
        heard.append((resource, change, obj["metadata"]["name"]))

    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    await api.put(DAEMON_SETS.path("test", "podinfo"), a_daemon_set())
    async with InformerFactory(cluster) as informers:
        informers.of(DEPLOYMENTS)
        informers.on_change(listen)
        informers.of(DAEMON_SETS)
        await informers.synced(within_seconds=5)
    assert sorted(heard) == [(DAEMON_SETS, "ADDED", "podinfo"), (DEPLOYMENTS, "ADDED", "podinfo")]


async def test_a_kind_that_may_not_be_read(api: ApiServer, cluster: Cluster) -> None:
    """It is waited for as long as was said, and no longer; the others are there by then."""

    async def forbid(request: web.Request) -> web.StreamResponse | None:
        return status(403, "daemonsets is forbidden") if "daemonsets" in request.path else None

    api.intercepts.append(forbid)
    async with InformerFactory(cluster) as informers, asyncio.timeout(5):
        deployments, daemon_sets = informers.of(DEPLOYMENTS), informers.of(DAEMON_SETS)
        await informers.synced(within_seconds=0.3)
        assert (deployments.is_synced, daemon_sets.is_synced) == (True, False)


async def test_nothing_to_wait_for(cluster: Cluster) -> None:
    """Without a kind everything is there."""
    async with InformerFactory(cluster) as informers:
        await informers.synced(within_seconds=0)
