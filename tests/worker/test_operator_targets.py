"""Every kind of target is heard, and no kind that nobody targets is watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web
from temporalio.client import Client

from k8s import informers
from k8s.client import Cluster
from k8s.resources import CANARIES, CONFIG_MAPS, DEPLOYMENTS, SECRETS
from k8s.revision import template_hash
from tests.api_server import ApiServer, status
from tests.objects import a_canary
from tests.targets import EXAMPLES, Example
from tests.worker.canaries import PODINFO, at_rest, nothing_before
from tests.worker.temporal import Signal, Temporal
from worker import watches as watches_module
from worker.operator import Operator
from worker.settings import WorkerSettings
from worker.watches import Watches

Json = dict[str, Any]
NEW_REVISION = Signal(PODINFO, "the target has a new revision", starts=True)
DAEMON_SET, SERVICE, KNATIVE = EXAMPLES[1:]
of_every_kind = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
of_other_kinds = pytest.mark.parametrize("example", EXAMPLES[1:], ids=lambda example: example.name)


@asynccontextmanager
async def operating(cluster: Cluster, temporal: Temporal) -> AsyncIterator[Watches]:
    """An operator that has told Temporal about whatever is not at rest."""
    async with Watches(cluster, "") as watches:
        task = asyncio.create_task(Operator(cast("Client", temporal), watches, WorkerSettings()).run())
        await watches.synced()
        try:
            yield watches
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def settled(api: ApiServer, example: Example, *, phase: str = "Succeeded") -> None:
    """A canary of that kind whose version 1 was promoted."""
    hash_ = template_hash(example.kind.template(example.of(1)))
    known = {"lastAppliedSpec": hash_, "lastPromotedSpec": hash_, "observedGeneration": 1}
    canary = a_canary(targetRef=example.ref, status={"phase": phase, **known})
    await api.put(example.kind.resource.path("test", "podinfo"), example.of(1))
    await api.put(example.kind.resource.path("test", example.kind.primary_name("podinfo")), example.primary(1))
    await api.put(CANARIES.path("test", "podinfo"), canary)


async def changed(api: ApiServer, example: Example, number: int) -> None:
    """The target is of that version; the primary stays as it is."""
    path = example.kind.resource.path("test", "podinfo")
    known, target = api.read(path) or {}, example.of(number)
    await api.put(path, target | {"metadata": {**known["metadata"]}})


@of_every_kind
async def test_new_revision(api: ApiServer, cluster: Cluster, temporal: Temporal, example: Example) -> None:
    """At rest it says nothing; a new revision is told once."""
    await settled(api, example)
    await at_rest(api, "other")
    async with operating(cluster, temporal):
        await nothing_before(api, temporal)
        await changed(api, example, 2)
        assert await temporal.next() == NEW_REVISION


@of_other_kinds
async def test_one_name_for_two_kinds(api: ApiServer, cluster: Cluster, temporal: Temporal, example: Example) -> None:
    """A Deployment of the same name is none of the canary's business."""
    await settled(api, example)
    await at_rest(api, "other")
    async with operating(cluster, temporal):
        await api.put(DEPLOYMENTS.path("test", "podinfo"), {"spec": {}})
        await nothing_before(api, temporal)


@of_other_kinds
async def test_primary_that_goes(api: ApiServer, cluster: Cluster, temporal: Temporal, example: Example) -> None:
    """A canary of which nothing is known to serve is not at rest."""
    await settled(api, example)
    async with operating(cluster, temporal):
        if example is KNATIVE:
            await api.put(example.kind.resource.path("test", "podinfo"), example.of(1))
        else:
            await api.remove(example.kind.resource.path("test", "podinfo-primary"))
        assert await temporal.next() == Signal(PODINFO, "the primary is gone", starts=True)


async def test_kinds_that_nobody_targets(api: ApiServer, cluster: Cluster, temporal: Temporal) -> None:
    """They are watched from the first Canary that does."""
    await at_rest(api, "other")
    core = {resource.path() for resource in (CANARIES, CONFIG_MAPS, SECRETS, DEPLOYMENTS)}
    async with operating(cluster, temporal):
        await nothing_before(api, temporal)
        assert set(api.asked("GET")) == core
        await settled(api, DAEMON_SET, phase="Progressing")
        assert await temporal.next() == Signal(PODINFO, "phase Progressing", starts=True)
        await api.begun(5)
        await changed(api, DAEMON_SET, 2)
        assert (await temporal.next()).workflow == PODINFO
        assert set(api.asked("GET")) == {*core, DAEMON_SET.kind.resource.path()}


async def test_kind_that_is_not_served(
    api: ApiServer, cluster: Cluster, temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on, and once it is served its canaries are heard."""
    monkeypatch.setattr(informers, "ABSENT_KIND_RETRY_SECONDS", 0.01)

    async def unknown(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=404, text="404 page not found\n") if "serving.knative.dev" in request.path else None

    api.intercepts.append(unknown)
    await settled(api, KNATIVE)
    await at_rest(api, "other")
    async with operating(cluster, temporal):
        assert await temporal.next() == Signal(PODINFO, "the target is gone", starts=True)
        await nothing_before(api, temporal)
        api.intercepts.clear()
        await api.begun(6)
        await changed(api, KNATIVE, 2)
        assert await temporal.next() == NEW_REVISION


async def test_kind_that_may_not_be_read(
    api: ApiServer, cluster: Cluster, temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start waits for it only so long; its own canaries are looked at by their runs, which say what is forbidden."""
    monkeypatch.setattr(watches_module, "TARGETS_PATIENCE_SECONDS", 0.2)

    async def forbid(request: web.Request) -> web.StreamResponse | None:
        return status(403, "daemonsets is forbidden") if "daemonsets" in request.path else None

    api.intercepts.append(forbid)
    await settled(api, DAEMON_SET)
    await at_rest(api, "other")
    async with operating(cluster, temporal):
        assert await temporal.next() == Signal(PODINFO, "the target is gone", starts=True)
        await nothing_before(api, temporal)


async def test_unknown_kind(api: ApiServer, cluster: Cluster, temporal: Temporal) -> None:
    """Its run will say that it cannot be released; nothing of it is watched."""
    await api.put(
        CANARIES.path("test", "odd"),
        a_canary(targetRef={"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "odd"}),
    )
    await at_rest(api, "other")
    async with operating(cluster, temporal):
        assert await temporal.next() == Signal("canary/test/odd", "phase New", starts=True)
        await nothing_before(api, temporal)
        assert not [path for path in api.asked("GET") if "statefulsets" in path]
