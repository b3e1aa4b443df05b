"""Waiting for pods on a cache that may be behind what was read."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.readiness import AwaitReady
from k8s.client import Cluster, Json
from k8s.informer_factory import InformerFactory
from k8s.resources import CANARIES, DEPLOYMENTS
from tests.activities.conftest import Outside
from tests.api_server import ApiServer
from tests.objects import a_canary, a_deployment, a_template
from workflows.effects import Ready, Readying, Role, Wait
from workflows.observation import CanaryRef

TARGET = DEPLOYMENTS.path("test", "podinfo")
WAIT = Wait(canary=CanaryRef(namespace="test", name="podinfo"), role=Role.CANARY, available=0)


READY = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
pytestmark = pytest.mark.timeout(30)


class Waiter:
    """The activity over a real cache, with watches that can be taken away."""

    def __init__(self, api: ApiServer, cluster: Cluster, outside: Outside) -> None:
        self.informers = InformerFactory(cluster)
        self._api = api
        self._activity = AwaitReady(Bench(cluster, self.informers, outside.http))
        self._watched = asyncio.Event()
        api.intercepts.append(self._hold)

    async def _hold(self, request: web.Request) -> None:
        if "watch" in request.query:
            await self._watched.wait()

    def watch(self) -> None:
        """Let watches begin."""
        self._watched.set()

    async def lose_watch(self) -> None:
        """End them; no other begins."""
        self._watched.clear()
        await self._api.cut()

    async def begin(self) -> asyncio.Task[Readying]:
        """Begin to wait; the target was read when this returns."""
        task = asyncio.create_task(ActivityEnvironment().run(self._activity.await_ready, WAIT))
        await asyncio.wait({task}, timeout=0.5)
        return task


@pytest_asyncio.fixture
async def waiter(api: ApiServer, cluster: Cluster, outside: Outside) -> AsyncIterator[Waiter]:
    """Its cache holds a target of the first generation, and nobody watches yet."""
    waiter = Waiter(api, cluster, outside)
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    await api.put(TARGET, a_deployment())
    async with waiter.informers:
        await waiter.informers.of(DEPLOYMENTS).synced()
        yield waiter


def released(**status: int) -> Json:
    """The target in its second generation."""
    return a_deployment(template=a_template(image="podinfo:2"), status=status)


async def test_a_watch_that_is_away_is_waited_for(api: ApiServer, waiter: Waiter) -> None:
    """What was read is newer than what the cache holds, and everything else in the process goes on meanwhile."""
    await api.put(TARGET, released(observedGeneration=1))
    waiting = await waiter.begin()
    waiter.watch()
    await api.put(TARGET, released(**READY))
    assert await waiting == Readying(readiness=Ready())


async def test_a_target_that_was_made_anew_meanwhile_is_waited_for(api: ApiServer, waiter: Waiter) -> None:
    """Its generations begin at one again."""
    waiter.watch()
    await api.put(TARGET, released(observedGeneration=1))
    waiting = await waiter.begin()
    await waiter.lose_watch()
    await api.remove(TARGET)
    await api.put(TARGET, a_deployment() | {"metadata": {}})
    waiter.watch()
    assert await waiting == Readying(readiness=Ready())
