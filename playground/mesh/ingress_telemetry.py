"""Counts requests as ingress-nginx counts them, under the names and labels of its own series."""

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from playground.mesh.backend import Backend
from playground.mesh.ingress import Admitted

CONTROLLER = {
    "controller_class": "k8s.io/ingress-nginx",
    "controller_namespace": "ingress-nginx",
    "controller_pod": "ingress-nginx-controller",
}
LABELS = (*CONTROLLER, "namespace", "ingress", "service", "canary", "host", "path", "method", "status")
BOUNDS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class IngressTelemetry:
    """The controller's counters; each is absent until it first counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        # A gauge that only rises: the library would write `_total` behind the name of a counter.
        self._requests = Gauge(
            "nginx_ingress_controller_requests", "The total number of client requests", LABELS, registry=self._registry
        )
        self._seconds = Histogram(
            "nginx_ingress_controller_response_duration_seconds",
            "The time spent on receiving the response from the upstream server",
            LABELS,
            buckets=BOUNDS_SECONDS,
            registry=self._registry,
        )

    def answered(self, admitted: Admitted, backend: Backend, method: str, status: int, seconds: float) -> None:
        """A response went out. Its series are the main Ingress', also where the canary beside it answered."""
        main = admitted.main
        labels = CONTROLLER | {
            "namespace": main.ingress["metadata"]["namespace"],
            "ingress": main.ingress["metadata"]["name"],
            "service": main.service["name"],
            "canary": "" if admitted.chosen is main else f"{backend.namespace}-{backend.service}-{backend.port}",
            "host": main.host,
            "path": main.path,
            "method": method,
            "status": str(status),
        }
        self._requests.labels(**labels).inc()
        self._seconds.labels(**labels).observe(seconds)

    def scrape(self) -> str:
        """In the text format of Prometheus."""
        return generate_latest(self._registry).decode()
