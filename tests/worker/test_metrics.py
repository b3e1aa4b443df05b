"""`/metrics`: every series with its labels and value, whichever replica is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from activities.meters import Meters
from k8s.client import Cluster
from k8s.informers import Informer
from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.objects import a_canary
from tests.worker.test_health import free_port
from worker.health import serving_health
from worker.metrics import CanaryCollector, Metrics, Sdk
from worker.watches import Watches
from workflows.observation import Phase
from workflows.verdict import Check, Question, Value

Json = dict[str, Any]
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
COUNTS = {"flagger_canary_successes_total", "flagger_canary_failures_total"}


def series_of(text: str) -> Series:
    """Name and labels to value; a series that comes twice is a mistake."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Of one series."""
    return name, frozenset(labels.items())


@pytest.fixture(scope="module")
def sdk() -> Sdk:
    """A runtime that serves its metrics."""
    return Sdk.start()


class Page:
    """The metrics of one replica, as Prometheus gets them."""

    def __init__(self, url: str, meters: Meters, watches: Watches) -> None:
        self._url = url
        self.meters = meters
        self.watches = watches

    async def series(self) -> Series:
        """One scrape."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(self._url)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return series_of(answer.text)


@asynccontextmanager
async def a_replica(cluster: Cluster, sdk: Sdk) -> AsyncIterator[Page]:
    """A process that watches the canaries and serves its page."""
    port, meters = free_port(), Meters()
    async with Watches(cluster, "") as watches:
        page = Metrics(watches.canaries, meters, sdk, "gatewayapi:v1").text
        async with serving_health("127.0.0.1", port, lambda: True, page):
            await watches.synced()
            yield Page(f"http://127.0.0.1:{port}/metrics", meters, watches)


async def put(api: ApiServer, name: str, namespace: str = "test", target: str = "", **status: Any) -> None:
    """A Canary of a target of the same name, or of another."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target or name}
    canary = a_canary(status=status, metadata={"name": name, "namespace": namespace}, targetRef=ref)
    del canary["metadata"]["uid"]
    await api.put(CANARIES.path(namespace, name), canary)


async def deleted(api: ApiServer, canaries: Informer, name: str, namespace: str = "test") -> None:
    """A Canary goes, and the watch has seen it."""
    gone = asyncio.Event()
    canaries.on_change(lambda *_: gone.set())
    await api.remove(CANARIES.path(namespace, name))
    await gone.wait()


async def test_every_series(api: ApiServer, cluster: Cluster, sdk: Sdk) -> None:
    """Names, labels and values as Flagger's, beside those of the process and of Temporal's SDK."""
    await put(api, "podinfo", phase="Progressing", canaryWeight=15)
    sdk.runtime.metric_meter.create_counter("temporal_something").add(1)
    async with a_replica(cluster, sdk) as page:
        page.meters.ended(a_canary(), Phase.SUCCEEDED)
        page.meters.ended(a_canary(), Phase.FAILED)
        check = Check(name="errors", question=Question.QUERY, answer=Value(value=0.5))
        page.meters.examined("podinfo", "test", [check], took_seconds=0.2, interval_seconds=1)
        series = await page.series()
    podinfo = {"name": "podinfo", "namespace": "test"}
    ending = podinfo | {"deployment_strategy": "canary", "analysis_status": "completed"}
    ours = {name: value for name, value in series.items() if name[0].startswith("flagger_")}
    buckets = {name for name in ours if name[0] == "flagger_canary_duration_seconds_bucket"}
    assert {name: value for name, value in ours.items() if name not in buckets} == {
        key("flagger_info", version=version("serinus"), mesh_provider="gatewayapi:v1"): 1,
        key("flagger_canary_total", namespace="test"): 1,
        key("flagger_canary_status", **podinfo): 0,
        key("flagger_canary_weight", workload="podinfo-primary", namespace="test"): 85,
        key("flagger_canary_weight", workload="podinfo", namespace="test"): 15,
        key("flagger_canary_duration_seconds_count", **podinfo): 1,
        key("flagger_canary_duration_seconds_sum", **podinfo): 0.2,
        key("flagger_canary_metric_analysis", metric="errors", **podinfo): 0.5,
        key("flagger_canary_successes_total", **ending): 1,
        key("flagger_canary_failures_total", **ending): 1,
    }
    assert key("flagger_canary_duration_seconds_bucket", le="0.25", **podinfo) in buckets
    assert {"process_cpu_seconds_total", "python_info", "temporal_something_total"} <= {name for name, _ in series}


async def test_every_replica_counts_from_zero(api: ApiServer, cluster: Cluster, sdk: Sdk) -> None:
    """Whichever of them will see the first rollout end."""
    await put(api, "podinfo")
    async with a_replica(cluster, sdk) as one, a_replica(cluster, sdk) as other:
        for page in (one, other):
            counts = {name: value for (name, _), value in (await page.series()).items() if name in COUNTS}
            assert counts == dict.fromkeys(COUNTS, 0)


@pytest.mark.parametrize(
    ("phase", "value"), [(phase, {"Progressing": 0, "Failed": 2}.get(phase, 1)) for phase in sorted(Phase)]
)
async def test_status(api: ApiServer, cluster: Cluster, phase: str, value: float) -> None:
    """0 in progress, 2 failed, 1 in every other phase."""
    await put(api, "podinfo", phase=phase)
    async with Watches(cluster, "") as watches:
        await watches.synced()
        gauges = gauges_of(watches.canaries)
    assert gauges.get_sample_value("flagger_canary_status", {"name": "podinfo", "namespace": "test"}) == value


def gauges_of(canaries: Informer) -> CollectorRegistry:
    """What a replica shows of the canaries."""
    registry = CollectorRegistry()
    registry.register(CanaryCollector(canaries))
    return registry


async def test_replicas_agree(api: ApiServer, cluster: Cluster, sdk: Sdk) -> None:
    """Gauges are made from the watch, so it does not matter which replica did the work."""
    await put(api, "podinfo", phase="Failed")
    async with a_replica(cluster, sdk) as one, a_replica(cluster, sdk) as other:
        for page in (one, other):
            assert (await page.series())[key("flagger_canary_status", name="podinfo", namespace="test")] == 2


async def test_namespaces(api: ApiServer, cluster: Cluster) -> None:
    """Each has its own total, and one that drops to none has none."""
    for name, namespace in (("a", "test"), ("b", "test"), ("a", "other")):
        await put(api, name, namespace)
    async with Watches(cluster, "") as watches:
        await watches.synced()
        gauges = gauges_of(watches.canaries)
        assert gauges.get_sample_value("flagger_canary_total", {"namespace": "test"}) == 2
        await deleted(api, watches.canaries, "a", "other")
        assert gauges.get_sample_value("flagger_canary_total", {"namespace": "other"}) is None


async def test_a_deleted_canary_leaves_no_series(api: ApiServer, cluster: Cluster, sdk: Sdk) -> None:
    """Neither of the watch, nor of what was measured; a target that another Canary names keeps its own."""
    await put(api, "podinfo")
    await put(api, "shared", target="shared")
    await put(api, "shared-too", target="shared")
    async with a_replica(cluster, sdk) as page:
        for target in ("podinfo", "shared"):
            page.meters.examined(target, "test", [], took_seconds=1, interval_seconds=1)
        for name in ("podinfo", "shared"):
            await deleted(api, page.watches.canaries, name)
        named = {dict(labels).get("name") for name, labels in await page.series() if name.startswith("flagger_")}
    assert named == {None, "shared"}


async def test_tasks_that_do_not_end_are_counted(cluster: Cluster, sdk: Sdk) -> None:
    """So that a leak of them can be seen from outside."""
    async with a_replica(cluster, sdk) as page:
        before = (await page.series())[key("serinus_asyncio_tasks")]
        waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(100)]
        assert (await page.series())[key("serinus_asyncio_tasks")] >= before + len(waiting) - 5  # servers have some too
        for task in waiting:
            task.cancel()


async def test_nothing_is_said_before_the_watch_holds_the_cluster(cluster: Cluster) -> None:
    """An empty cache is not an empty cluster."""
    assert list(gauges_of(Watches(cluster, "").canaries).collect()) == []


async def test_a_canary_without_target(api: ApiServer, cluster: Cluster) -> None:
    """As Flagger's own CRD may have let in: it counts, and has no other series."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(targetRef=None))
    async with Watches(cluster, "") as watches:
        await watches.synced()
        families = list(gauges_of(watches.canaries).collect())
    assert {family.name: len(family.samples) for family in families} == {
        "flagger_canary_total": 1,
        "flagger_canary_status": 0,
        "flagger_canary_weight": 0,
    }


async def test_the_sdk_does_not_answer(cluster: Cluster, sdk: Sdk) -> None:
    """Ours are shown all the same."""
    silent = Sdk(sdk.runtime, f"http://127.0.0.1:{free_port()}/metrics")
    page = await Metrics(Watches(cluster, "").canaries, Meters(), silent, "linkerd").text()
    assert key("flagger_info", version=version("serinus"), mesh_provider="linkerd") in series_of(page.decode())


async def test_a_taken_port_is_not_the_end(monkeypatch: pytest.MonkeyPatch, sdk: Sdk) -> None:
    """Somebody may take the port that was free a moment ago; the next one is."""
    ports = [int(sdk.url.split(":")[2].split("/")[0]), free_port()]
    monkeypatch.setattr("worker.metrics.free_port", lambda: ports.pop(0))
    assert await Sdk.start().text() == b""
    assert ports == []
