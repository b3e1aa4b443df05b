"""A change in the cluster becomes one signal, and what is no change becomes none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import cast

import pytest
from temporalio.client import Client

from k8s.client import Cluster
from k8s.resources import CANARIES, CONFIG_MAPS
from k8s.scalers import copies
from k8s.scalers.registry import SCALERS
from tests.api_server import ApiServer
from tests.objects import a_canary
from tests.worker.canaries import (
    CANARY,
    KEY,
    OTHER,
    PODINFO,
    PRIMARY,
    SETTINGS,
    TARGET,
    Json,
    a_version,
    at_rest,
    changed,
    nothing_before,
    nothing_of_canaries_before,
    released,
)
from tests.worker.temporal import Signal, Temporal
from worker.operator import Operator
from worker.settings import WorkerSettings
from worker.watches import Watches, target_of
from workflows.observation import CanaryRef


@pytest.mark.usefixtures("watching")
async def test_new_revision(api: ApiServer, temporal: Temporal) -> None:
    """Once, with what a new run needs to know."""
    await released(api)
    assert await temporal.next() == Signal(PODINFO, "the target has a new revision", starts=True)
    await nothing_before(api, temporal)
    start = temporal.started[0]
    assert (start["workflow"], start["task_queue"]) == ("CanaryRollout", "serinus")
    assert start["request"].canary == CanaryRef(namespace="test", name="podinfo")
    assert start["request"].visibility is True


@pytest.mark.usefixtures("watching")
async def test_scaling(api: ApiServer, temporal: Temporal) -> None:
    """Neither scale, nor status, nor labels of target and primary are a release."""
    await changed(api, TARGET, replicas=7)
    await changed(api, PRIMARY, replicas=7)
    for path in (TARGET, PRIMARY):
        obj = deepcopy(cast("Json", api.read(path)))
        obj["status"] = {"availableReplicas": 5}
        obj["metadata"]["labels"] = {"team": "a"}
        await api.put(path, obj)
    await nothing_before(api, temporal)


@pytest.mark.usefixtures("watching")
async def test_own_status(api: ApiServer, temporal: Temporal) -> None:
    """What a rollout writes into the Canary does not call it again."""
    canary = deepcopy(cast("Json", api.read(CANARY)))
    canary["status"]["canaryWeight"] = 10
    await api.put(CANARY, canary)
    await nothing_of_canaries_before(api, temporal)


@pytest.mark.usefixtures("watching")
async def test_own_status_mid_run(api: ApiServer, temporal: Temporal) -> None:
    """Nor while it is under way."""
    await at_rest(api, phase="Progressing")
    await changed(api, CANARY, suspend=True)
    assert await temporal.next() == Signal(PODINFO, "phase Progressing", starts=True)
    canary = deepcopy(cast("Json", api.read(CANARY)))
    canary["status"]["canaryWeight"] = 10
    await api.put(CANARY, canary)
    await nothing_of_canaries_before(api, temporal)


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize(("path", "id_"), [(SETTINGS, "configmap/settings"), (KEY, "secret/key")])
async def test_config(api: ApiServer, temporal: Temporal, path: str, id_: str) -> None:
    """A tracked config is a part of the release, for every canary that uses it."""
    await api.put(path, {"data": {"color": "blue"}})
    signals = {await temporal.next(), await temporal.next()}
    assert signals == {Signal(PODINFO, f"{id_} changed", starts=True), Signal(OTHER, f"{id_} changed", starts=True)}


@pytest.mark.usefixtures("watching")
async def test_config_that_goes(api: ApiServer, temporal: Temporal) -> None:
    """So is one that is deleted."""
    await api.remove(SETTINGS)
    signals = {await temporal.next(), await temporal.next()}
    assert {signal.reason for signal in signals} == {"configmap/settings changed"}


@pytest.mark.usefixtures("watching")
async def test_config_of_nobody(api: ApiServer, temporal: Temporal) -> None:
    """A config that no target refers to concerns nobody."""
    await api.put(CONFIG_MAPS.path("test", "unrelated"), {"data": {}})
    await api.put(CONFIG_MAPS.path("elsewhere", "settings"), {"data": {}})
    await api.put(SETTINGS, {"data": {"color": "blue"}})
    assert (await temporal.next()).reason == "configmap/settings changed"


@pytest.mark.usefixtures("watching")
async def test_config_of_a_new_revision(api: ApiServer, temporal: Temporal) -> None:
    """What a new template refers to is watched from then on."""
    template = a_version(2)
    template["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "fresh"}}]
    await changed(api, TARGET, template=template)
    await temporal.next()
    await api.put(CONFIG_MAPS.path("test", "fresh"), {"data": {}})
    assert (await temporal.next()).workflow == PODINFO


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize(("path", "reason"), [(TARGET, "the target is gone"), (PRIMARY, "the primary is gone")])
async def test_workload_that_goes(api: ApiServer, temporal: Temporal, path: str, reason: str) -> None:
    """A canary without target or primary is not at rest."""
    await api.remove(path)
    assert await temporal.next() == Signal(PODINFO, reason, starts=True)


@pytest.mark.usefixtures("watching")
async def test_new_canary(api: ApiServer, temporal: Temporal) -> None:
    """One that was just made wants its bootstrap."""
    await api.put(CANARIES.path("test", "fresh"), a_canary())
    assert await temporal.next() == Signal("canary/test/fresh", "phase New", starts=True)


async def test_start(api: ApiServer, cluster: Cluster, temporal: Temporal) -> None:
    """An operator that starts signals whatever is not at rest, and nothing that is."""
    await at_rest(api)
    await at_rest(api, "other", phase="Progressing")
    async with Watches(cluster, "") as watches:
        task = asyncio.create_task(Operator(cast("Client", temporal), watches, WorkerSettings()).run())
        assert await temporal.next() == Signal(OTHER, "phase Progressing", starts=True)
        await released(api)
        assert (await temporal.next()).workflow == PODINFO
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_namespace(api: ApiServer, cluster: Cluster, temporal: Temporal) -> None:
    """A worker of one namespace neither sees nor signals the others."""
    await api.put(CANARIES.path("elsewhere", "podinfo"), a_canary())
    await at_rest(api, phase="Progressing")
    async with Watches(cluster, "test") as watches:
        task = asyncio.create_task(Operator(cast("Client", temporal), watches, WorkerSettings()).run())
        assert (await temporal.next()).workflow == PODINFO
        assert temporal.signals.empty()
        assert all("/namespaces/test/" in path for path in api.asked("GET"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def an_operator(
    cluster: Cluster, temporal: Temporal, monkeypatch: pytest.MonkeyPatch, **variables: str
) -> AsyncIterator[None]:
    """One whose environment says something else than the defaults."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = WorkerSettings()
    configs = settings.enable_config_tracking
    async with Watches(cluster, "", configs=configs, scalers=settings.sync_scalers) as watches:
        task = asyncio.create_task(Operator(cast("Client", temporal), watches, settings).run())
        await watches.synced()
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_configs_that_are_not_tracked(
    api: ApiServer, cluster: Cluster, temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tracking off nobody looks at them, and a change is no reason for anything."""
    await at_rest(api)
    canary = cast("Json", api.read(CANARY))
    await api.put(CANARY, canary | {"status": {**canary["status"], "configVersions": {}}})
    async with an_operator(cluster, temporal, monkeypatch, SERINUS_ENABLE_CONFIG_TRACKING="false"):
        await api.put(SETTINGS, {"data": {"color": "green"}})
        await released(api)
        assert await temporal.next() == Signal(PODINFO, "the target has a new revision", starts=True)
    assert not [path for path in api.asked("GET") if path.endswith(("/configmaps", "/secrets"))]


@pytest.mark.parametrize("kind", SCALERS)
async def test_autoscaler(
    api: ApiServer, cluster: Cluster, temporal: Temporal, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Where it was opted in, a changed autoscaler of the target is a reason, and one that was followed is none."""
    await at_rest(api)
    scaler = SCALERS[kind]
    ref = {"apiVersion": scaler.resource.api_version, "kind": kind, "name": "podinfo"}
    canary, path = cast("Json", api.read(CANARY)), scaler.resource.path("test", "podinfo")
    status = {**canary["status"], "observedGeneration": 2}
    await api.put(CANARY, canary | {"spec": {**canary["spec"], "autoscalerRef": ref}, "status": status})
    spec = {"scaleTargetRef": {"name": "podinfo"}}
    followed = {copies.COPIED_FROM: copies.origin(scaler, await api.put(path, {"spec": spec}))}
    await api.put(f"{path}-primary", {"metadata": {"annotations": followed}, "spec": spec})
    async with an_operator(cluster, temporal, monkeypatch, SERINUS_SYNC_SCALERS="true"):
        await api.put(path, {"spec": spec, "status": {"conditions": []}})
        await api.put(path, {"spec": spec | {scaler.bounds.most: 9}})
        assert await temporal.next() == Signal(PODINFO, "the target's autoscaler changed", starts=True)


@pytest.mark.usefixtures("watching")
async def test_autoscalers_are_not_watched(api: ApiServer) -> None:
    """Unless it was opted in: they change all the time."""
    assert not [path for path in api.asked("GET") if "scale" in path]


@pytest.mark.usefixtures("watching")
async def test_canary_without_target(api: ApiServer, temporal: Temporal) -> None:
    """One that a lenient CRD let pass stops nobody: its run will say what is wrong with it."""
    await api.put(CANARIES.path("test", "odd"), {"spec": {}})
    assert await temporal.next() == Signal("canary/test/odd", "phase New", starts=True)
    await nothing_before(api, temporal)
    assert target_of({}) == ""
