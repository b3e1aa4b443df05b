"""What is exported for each pod: the series and labels of a real linkerd-proxy behind linkerd-viz' relabelling."""

from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from playground.mesh.backend import Backend
from playground.mesh.pods import Pod
from playground.mesh.telemetry import BOUNDS_MS, Histogram, Telemetry
from tests.playground.mesh.objects import HASH, a_pod

# As seen on a real proxy, edge of August 2026.
PROXY_LABELS = {
    *("direction", "target_addr", "target_ip", "target_port", "tls", "srv_group", "srv_kind", "srv_name", "srv_port"),
    *("route_group", "route_kind", "route_name", "authz_group", "authz_kind", "authz_name"),
}
RELABELLED = {"namespace", "pod", "deployment", "pod_template_hash", "control_plane_ns", "workload_ns", "app"}
PROXY_BOUNDS = [
    *("1", "2", "3", "4", "5", "10", "20", "30", "40", "50", "100", "200", "300", "400", "500"),
    *("1000", "2000", "3000", "4000", "5000", "10000", "20000", "30000", "40000", "50000", "+Inf"),
]
OUTCOME = {"status_code", "classification", "grpc_status", "error"}
IDENTITY = "default.test.serviceaccount.identity.linkerd.cluster.local"
POD = Pod.of(a_pod())


def samples(telemetry: Telemetry, *pods: Pod) -> list[Sample]:
    """What a scrape gives, as a Prometheus client reads it."""
    families = text_string_to_metric_families(telemetry.scrape(pods or (POD,)))
    return [sample for family in families for sample in family.samples]


def named(found: list[Sample], name: str, **labels: str) -> list[Sample]:
    """Those of a name with these labels."""
    return [sample for sample in found if sample.name == name and labels.items() <= sample.labels.items()]


def answered(*statuses: int) -> Telemetry:
    """After requests of the application with these answers."""
    telemetry = Telemetry()
    for status in statuses:
        telemetry.inbound(POD, 9898).answered(status)
    return telemetry


def test_a_pod_that_did_nothing_has_no_series() -> None:
    """A counter starts absent, as in a real proxy."""
    assert samples(Telemetry()) == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("request_total", set()),
        ("response_total", OUTCOME),
        ("response_latency_ms_bucket", {"status_code", "le"}),
        ("response_latency_ms_sum", {"status_code"}),
        ("response_latency_ms_count", {"status_code"}),
    ],
)
def test_an_applications_series_has_the_labels_of_a_real_one(name: str, more: set[str]) -> None:
    """No more, no fewer."""
    found = named(samples(answered(200)), name)
    assert {frozenset(sample.labels) for sample in found} == {
        frozenset(PROXY_LABELS | RELABELLED | {"client_id"} | more)
    }


def test_an_applications_series_has_the_values_of_a_real_one() -> None:
    """Each label as the proxy writes it."""
    (sample,) = named(samples(answered(200, 200)), "response_total")
    assert sample.value == 2
    assert sample.labels == {
        "namespace": "test",
        "pod": f"podinfo-{HASH}-x2x4z",
        "deployment": "podinfo",
        "app": "podinfo",
        "pod_template_hash": HASH,
        "control_plane_ns": "linkerd",
        "workload_ns": "test",
        "direction": "inbound",
        "target_addr": "10.244.0.34:9898",
        "target_ip": "10.244.0.34",
        "target_port": "9898",
        "tls": "true",
        "client_id": IDENTITY,
        "srv_group": "",
        "srv_kind": "default",
        "srv_name": "all-unauthenticated",
        "srv_port": "9898",
        "route_group": "",
        "route_kind": "default",
        "route_name": "default",
        "authz_group": "",
        "authz_kind": "default",
        "authz_name": "all-unauthenticated",
        "status_code": "200",
        "classification": "success",
        "grpc_status": "",
        "error": "",
    }


@pytest.mark.parametrize(
    ("status", "classification"),
    [(200, "success"), (404, "success"), (499, "success"), (500, "failure"), (503, "failure")],
)
def test_a_server_error_is_a_failure(status: int, classification: str) -> None:
    """A client's error is not."""
    (sample,) = named(samples(answered(status)), "response_total")
    assert (sample.labels["status_code"], sample.labels["classification"]) == (str(status), classification)


def test_a_request_counts_before_its_answer() -> None:
    """One that hangs shows as a request without response."""
    telemetry = Telemetry()
    telemetry.inbound(POD, 9898)
    assert [sample.name for sample in samples(telemetry)] == ["request_total"]


def test_probes_are_inbound_successes_on_the_admin_port() -> None:
    """A query that forgets to leave them out counts them."""
    telemetry = Telemetry()
    telemetry.probed([POD])
    telemetry.probed([POD])
    (sample,) = named(samples(telemetry), "response_total")
    assert sample.value == 2
    assert set(sample.labels) == PROXY_LABELS | RELABELLED | OUTCOME | {"no_tls_reason"}
    expected = {"direction": "inbound", "classification": "success", "route_name": "probe", "srv_port": "4191"}
    expected |= {"authz_name": "probe", "tls": "no_identity", "no_tls_reason": "no_tls_from_remote"}
    expected |= {"target_addr": "0.0.0.0:4191", "deployment": "podinfo"}
    assert expected.items() <= sample.labels.items()


def test_each_scrape_is_counted_and_shows_in_the_next() -> None:
    """By Prometheus' identity, on the admin port."""
    telemetry = Telemetry()
    counts = [[sample.value for sample in named(samples(telemetry), "response_total")] for _ in range(3)]
    assert counts == [[], [1], [2]]
    (sample,) = named(samples(telemetry), "request_total")
    assert set(sample.labels) == PROXY_LABELS | RELABELLED | {"client_id"}
    assert sample.labels["client_id"] == "prometheus.linkerd-viz.serviceaccount.identity.linkerd.cluster.local"
    assert (sample.labels["srv_port"], sample.labels["route_name"]) == ("4191", "default")


def test_a_pod_that_does_not_run_is_neither_probed_nor_scraped() -> None:
    """Its proxy does not run either."""
    pending, telemetry = Pod.of(a_pod(phase="Pending")), Telemetry()
    telemetry.probed([pending])
    telemetry.scrape([pending])
    assert samples(telemetry, pending) == []


def test_the_buckets_are_those_of_a_real_proxy() -> None:
    """In milliseconds, cumulated, the last one holding all."""
    found = named(samples(answered(200, 200, 500)), "response_latency_ms_bucket", status_code="200")
    assert [sample.labels["le"] for sample in found] == PROXY_BOUNDS
    assert all(lower.value <= upper.value for lower, upper in pairwise(found))
    assert found[-1].value == 2


@pytest.mark.parametrize(
    ("milliseconds", "bucket"),
    [(0.0, 0), (1.0, 0), (1.01, 1), (499.0, 14), (1000.0, 15), (50_000.0, 24), (50_001.0, 25)],
)
def test_a_latency_falls_into_the_first_bucket_that_holds_it(milliseconds: float, bucket: int) -> None:
    """Bounds belong to their bucket."""
    histogram = Histogram()
    histogram.observe(milliseconds)
    assert [index for index, count in enumerate(histogram.counts) if count] == [bucket]
    assert len(histogram.counts) == len(BOUNDS_MS) + 1
    assert histogram.sum_ms == milliseconds


def test_the_series_of_a_pod_vanish_with_it() -> None:
    """And one made again under its name starts at nothing."""
    telemetry = answered(200)
    assert samples(telemetry)
    other = Pod.of(a_pod(suffix="other"))
    assert named(samples(telemetry, other), "response_total", pod=POD.name) == []
    assert named(samples(telemetry, POD), "response_total", srv_port="9898") == []
    again = Pod.of(a_pod())
    telemetry.inbound(POD, 9898).answered(200)
    assert named(samples(telemetry, again), "response_total") == []


def test_a_daemon_sets_pods_are_counted_under_it() -> None:
    """With its own label instead of the Deployment's."""
    pod = Pod.of(a_pod(owner={"kind": "DaemonSet", "name": "agent", "controller": True}))
    telemetry = Telemetry()
    telemetry.inbound(pod, 9898).answered(200)
    (sample,) = named(samples(telemetry, pod), "response_total", daemonset="agent")
    assert "deployment" not in sample.labels


def test_labels_of_the_pod_are_made_fit_for_prometheus() -> None:
    """Names without dots and slashes, values escaped."""
    pod = Pod.of(a_pod(labels={"app.kubernetes.io/name": 'quo"te\\'}))
    telemetry = Telemetry()
    telemetry.inbound(pod, 9898).answered(200)
    (sample,) = named(samples(telemetry, pod), "response_total")
    assert sample.labels["app_kubernetes_io_name"] == 'quo"te\\'


def test_the_clients_side_is_counted_apart() -> None:
    """Outbound series carry no `deployment`: the client's own workload is not known."""
    telemetry = Telemetry()
    telemetry.outbound(Backend("test", "podinfo-canary", 9898), 503)
    telemetry.outbound(Backend("test", "podinfo-canary", 9898), 200, POD)
    refused, served = named(samples(telemetry), "response_total", direction="outbound")
    assert (refused.labels["classification"], "dst_deployment" in refused.labels) == ("failure", False)
    assert (served.labels["classification"], served.labels["dst_deployment"]) == ("success", "podinfo")
    assert "deployment" not in {*refused.labels, *served.labels}
