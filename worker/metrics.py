"""`/metrics`: the canaries as the watch shows them, what this process measured, and the Temporal SDK's own metrics."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

import httpx
import structlog
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from activities.meters import NAMES, Meters
from k8s.client import Json
from k8s.informers import DELETED, Informer
from k8s.targets.base import PRIMARY_SUFFIX
from worker.watches import target_of

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
SDK_SECONDS = 2.0
PORT_ATTEMPTS = 5
STATUS = {"Progressing": 0.0, "Failed": 2.0}
"""Values of `flagger_canary_status`; every other phase is 1, as Flagger has it."""


class CanaryCollector(Collector):
    """How the canaries stand, made at the scrape from the shared watch: so every replica says the same.

    Says nothing before the watch holds the cluster: no series is better than a wrong one.
    """

    def __init__(self, canaries: Informer) -> None:
        self._canaries = canaries

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Three gauges; a deleted Canary is in none of them."""
        if not self._canaries.is_synced:
            return
        total = GaugeMetricFamily("flagger_canary_total", "Canaries.", labels=("namespace",))
        status = GaugeMetricFamily(
            "flagger_canary_status", "0 in progress, 2 failed, 1 in any other phase.", labels=NAMES
        )
        weight = GaugeMetricFamily(
            "flagger_canary_weight", "Share of the traffic, percent.", labels=("workload", "namespace")
        )
        for namespace, count in Counter(canary["metadata"]["namespace"] for canary in self._canaries).items():
            total.add_metric((namespace,), count)
        for (namespace, target), canary in self._by_target().items():
            seen = canary.get("status") or {}
            share = seen.get("canaryWeight") or 0
            status.add_metric((target, namespace), STATUS.get(seen.get("phase") or "", 1.0))
            weight.add_metric((f"{target}{PRIMARY_SUFFIX}", namespace), 100 - share)
            weight.add_metric((target, namespace), share)
        yield from (total, status, weight)

    def _by_target(self) -> dict[tuple[str, str], Json]:
        """Two Canaries of one target share its labels, and a series must not come twice: the later one speaks."""
        found = {(canary["metadata"]["namespace"], target_of(canary)): canary for canary in self._canaries}
        return {key: canary for key, canary in found.items() if key[1]}


class Sdk(NamedTuple):
    """The Temporal SDK's runtime, and where it shows its metrics.

    It insists on a server of its own: on the loopback, where nobody but this process has to know of it.
    """

    runtime: Runtime
    url: str

    @classmethod
    def start(cls) -> "Sdk":
        """On a free port."""
        taken = retry_if_exception_type(ValueError)  # by another program, after we saw it free
        for attempt in Retrying(retry=taken, stop=stop_after_attempt(PORT_ATTEMPTS), reraise=True):
            with attempt:
                return cls._on(free_port())
        raise AssertionError("tenacity re-raises the last error")

    @classmethod
    def _on(cls, port: int) -> "Sdk":
        prometheus = PrometheusConfig(
            bind_address=f"{LOOPBACK}:{port}",
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
        )
        return cls(Runtime(telemetry=TelemetryConfig(metrics=prometheus)), f"http://{LOOPBACK}:{port}/metrics")

    async def text(self) -> bytes:
        """Its metrics; empty when it does not answer, for ours are worth showing alone."""
        try:
            async with httpx.AsyncClient(trust_env=False, verify=False, timeout=SDK_SECONDS) as http:  # noqa: S501 - no TLS
                answer = await http.get(self.url)
                return answer.raise_for_status().content
        except httpx.HTTPError as error:
            log.warning("sdk_metrics_not_read", error=str(error) or type(error).__name__)
            return b""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


class Metrics:
    """The page of one process."""

    def __init__(self, canaries: Informer, meters: Meters, sdk: Sdk, mesh_provider: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs
        self._canaries, self._meters, self._sdk = canaries, meters, sdk
        self._registry = CollectorRegistry()
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self._registry)
        info = Gauge("flagger_info", "This program.", ("version", "mesh_provider"), registry=self._registry)
        info.labels(version("serinus"), mesh_provider).set(1)
        tasks = Gauge("serinus_asyncio_tasks", "Tasks of the process that have not ended.", registry=self._registry)
        tasks.set_function(lambda: len(asyncio.all_tasks()))
        self._registry.register(CanaryCollector(canaries))
        canaries.on_change(self._on_canary)

    async def text(self) -> bytes:
        """In Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry) + generate_latest(self._meters.registry) + await self._sdk.text()

    def _on_canary(self, change: str, canary: Json) -> None:
        """With the first Canary of a target begin the counts of its rollouts; with the last go all series of it."""
        if change != DELETED:
            self._meters.expect(canary)
            return
        namespace, target = canary["metadata"]["namespace"], target_of(canary)
        if target not in {target_of(other) for other in self._canaries.list(namespace)}:
            self._meters.forget(target, namespace)
