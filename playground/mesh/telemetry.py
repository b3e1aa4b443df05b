"""Counts requests as linkerd-proxy counts them, and exports what linkerd-viz' Prometheus keeps of it for each pod.

The series and their labels are those of proxy 2.366, after linkerd-viz' relabelling. Probes and scrapes are inbound
successes too, as they are there: a query that forgets to leave them out finds a canary that nobody used healthy.
The text is written here and not by prometheus_client, which builds every label anew for every sample: with some sixty
samples of an idle pod and a scrape a second that alone would take a core for a few hundred pods.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from playground.mesh.backend import Backend
from playground.mesh.ingress_telemetry import IngressTelemetry
from playground.mesh.pods import HASH_LABEL, Pod

BOUNDS_MS = tuple(step * power for power in (1, 10, 100, 1000, 10_000) for step in (1, 2, 3, 4, 5))
ADMIN_PORT = 4191
HELP = {
    "request_total": ("counter", "Total count of HTTP requests."),
    "response_total": ("counter", "Total count of HTTP responses."),
    "response_latency_ms": (
        "histogram",
        "Elapsed times between a request's headers being received and its response stream completing",
    ),
}
PROMETHEUS_IDENTITY = "prometheus.linkerd-viz.serviceaccount.identity.linkerd.cluster.local"


class Inbound(NamedTuple):
    """What tells one kind of inbound request of a pod from another."""

    address: str
    port: int
    client_id: str = ""
    """The meshed client's identity; empty for the kubelet, which has none."""
    is_probe: bool = False


class Outbound(NamedTuple):
    """What tells one kind of outbound request from another."""

    namespace: str
    service: str
    deployment: str = ""


SCRAPE = Inbound("0.0.0.0", ADMIN_PORT, client_id=PROMETHEUS_IDENTITY)  # noqa: S104 - a label, nobody listens there
PROBE = Inbound("0.0.0.0", ADMIN_PORT, is_probe=True)  # noqa: S104 - same


@dataclass
class Histogram:
    """Latencies in milliseconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    """How many fell in each bucket, not cumulated; the last is without bound."""
    sum_ms: float = 0.0

    def observe(self, milliseconds: float) -> None:
        """Count one."""
        bucket = next((i for i, bound in enumerate(BOUNDS_MS) if milliseconds <= bound), len(BOUNDS_MS))
        self.counts[bucket] += 1
        self.sum_ms += milliseconds


@dataclass
class Meter:
    """The counters of one pod's proxy; each is absent until it first counts."""

    uid: str
    requests: Counter[Inbound] = field(default_factory=Counter)
    responses: Counter[tuple[Inbound, int]] = field(default_factory=Counter)
    latencies: dict[tuple[Inbound, int], Histogram] = field(default_factory=dict)

    def answered(self, kind: Inbound, status: int, milliseconds: float) -> None:
        """Count a response."""
        self.responses[kind, status] += 1
        self.latencies.setdefault((kind, status), Histogram()).observe(milliseconds)


class Exchange:
    """A request that a pod is answering."""

    def __init__(self, meter: Meter, kind: Inbound) -> None:
        self._meter, self._kind = meter, kind
        meter.requests[kind] += 1
        self._started = time.perf_counter()

    def answered(self, status: int) -> None:
        """The response's stream is complete."""
        self._meter.answered(self._kind, status, (time.perf_counter() - self._started) * 1000)


class Telemetry:
    """The proxies of all pods, and of their clients; and the ingress controller, whose clients have none."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str], Meter] = {}
        self._requested: Counter[Outbound] = Counter()
        self._outbound: Counter[tuple[Outbound, int]] = Counter()
        self.ingress = IngressTelemetry()

    def inbound(self, pod: Pod, port: int) -> Exchange:
        """An application's request reaches a pod; the client is taken for a meshed pod of the same namespace."""
        client = f"default.{pod.namespace}.serviceaccount.identity.linkerd.cluster.local"
        return Exchange(self._meter(pod), Inbound(pod.ip, port, client))

    def outbound(self, backend: Backend, status: int, pod: Pod | None = None) -> None:
        """A client's proxy saw this response, of a pod or, without one, its own refusal."""
        workload = pod.workload if pod else None
        deployment = workload.name if workload and workload.label == "deployment" else ""
        kind = Outbound(backend.namespace, backend.service, deployment)
        self._requested[kind] += 1
        self._outbound[kind, status] += 1

    def probed(self, pods: Iterable[Pod]) -> None:
        """The kubelet probed the proxy of every running pod."""
        self._count_admin(pods, PROBE, 0.0)

    def scrape(self, pods: Iterable[Pod]) -> str:
        """What a scrape of all running pods' proxies answers; that it took place shows in the next one."""
        started = time.perf_counter()
        running = [pod for pod in pods if pod.running]
        self._forget_all_but(running)
        text = "\n".join(self._lines(running)) + "\n" + self.ingress.scrape()
        self._count_admin(running, SCRAPE, (time.perf_counter() - started) * 1000 / max(1, len(running)))
        return text

    def _count_admin(self, pods: Iterable[Pod], kind: Inbound, milliseconds: float) -> None:
        for pod in pods:
            if pod.running:
                meter = self._meter(pod)
                meter.requests[kind] += 1
                meter.answered(kind, 200, milliseconds)

    def _meter(self, pod: Pod) -> Meter:
        """The pod's counters; a pod made again under its name begins anew."""
        key = pod.namespace, pod.name
        meter = self._meters.get(key)
        if meter is None or meter.uid != pod.uid:
            meter = self._meters[key] = Meter(pod.uid)
        return meter

    def _forget_all_but(self, pods: list[Pod]) -> None:
        there = {(pod.namespace, pod.name) for pod in pods}
        self._meters = {key: meter for key, meter in self._meters.items() if key in there}

    def _lines(self, pods: list[Pod]) -> Iterator[str]:
        meters = [(labelled(pod_labels(pod)), self._meter(pod)) for pod in pods]
        yield from _head("request_total")
        for pod_text, meter in meters:
            for kind, count in meter.requests.items():
                yield f"request_total{{{pod_text},{_request_labels(kind)}}} {count}"
        for to, count in self._requested.items():
            yield f"request_total{{{_outbound_labels(to)}}} {count}"
        yield from _head("response_total")
        for pod_text, meter in meters:
            for (kind, status), count in meter.responses.items():
                yield f"response_total{{{pod_text},{_response_labels(kind, status)}}} {count}"
        for (to, status), count in self._outbound.items():
            yield f"response_total{{{_outbound_labels(to)},{_outcome_labels(status)}}} {count}"
        yield from _head("response_latency_ms")
        for pod_text, meter in meters:
            for (kind, status), histogram in meter.latencies.items():
                yield from _histogram(f"{pod_text},{_latency_labels(kind, status)}", histogram)


def pod_labels(pod: Pod) -> dict[str, str]:
    """What linkerd-viz' relabelling adds to each series of a pod: the pod's own labels, and where it belongs."""
    labels = {re.sub(r"\W", "_", name, flags=re.ASCII): value for name, value in pod.labels.items()}
    labels |= {"namespace": pod.namespace, "pod": pod.name}
    labels |= {"control_plane_ns": "linkerd", "workload_ns": pod.namespace}
    if pod.workload:
        labels[pod.workload.label] = pod.workload.name
    if HASH_LABEL in pod.labels:
        labels["pod_template_hash"] = pod.labels[HASH_LABEL]
    return labels


def classification(status: int) -> str:
    """As Linkerd judges plain HTTP: 5xx is a failure, everything else a success."""
    return "failure" if status >= 500 else "success"


def labelled(labels: dict[str, str]) -> str:
    """The labels as the text format writes them, without the braces."""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())


@lru_cache(maxsize=10_000)
def _request_labels(kind: Inbound) -> str:
    authorized = "probe" if kind.is_probe else "all-unauthenticated"
    unmeshed = {"tls": "no_identity", "no_tls_reason": "no_tls_from_remote"}
    return labelled(
        {
            "direction": "inbound",
            "target_addr": f"{kind.address}:{kind.port}",
            "target_ip": kind.address,
            "target_port": str(kind.port),
            **({"tls": "true", "client_id": kind.client_id} if kind.client_id else unmeshed),
            "srv_group": "",
            "srv_kind": "default",
            "srv_name": "all-unauthenticated",
            "srv_port": str(kind.port),
            "route_group": "",
            "route_kind": "default",
            "route_name": "probe" if kind.is_probe else "default",
            "authz_group": "",
            "authz_kind": "default",
            "authz_name": authorized,
        }
    )


@lru_cache(maxsize=10_000)
def _latency_labels(kind: Inbound, status: int) -> str:
    return f'{_request_labels(kind)},status_code="{status}"'


@lru_cache(maxsize=10_000)
def _response_labels(kind: Inbound, status: int) -> str:
    return f"{_request_labels(kind)},{_outcome_labels(status)}"


def _outcome_labels(status: int) -> str:
    judged = {"status_code": str(status), "classification": classification(status)}
    return labelled({**judged, "grpc_status": "", "error": ""})


def _outbound_labels(to: Outbound) -> str:
    return labelled(
        {
            "direction": "outbound",
            "dst_namespace": to.namespace,
            "dst_service": to.service,
            **({"dst_deployment": to.deployment} if to.deployment else {}),
        }
    )


def _head(name: str) -> tuple[str, str]:
    kind, text = HELP[name]
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _histogram(labels: str, histogram: Histogram) -> Iterator[str]:
    total = 0
    for bound, count in zip((*BOUNDS_MS, "+Inf"), histogram.counts, strict=True):
        total += count
        yield f'response_latency_ms_bucket{{{labels},le="{bound}"}} {total}'
    yield f"response_latency_ms_count{{{labels}}} {total}"
    yield f"response_latency_ms_sum{{{labels}}} {histogram.sum_ms:.3f}"
