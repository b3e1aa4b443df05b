"""The built-in checks: what is sent, and which series of real proxies that selects."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from activities.queries import (
    DURATION,
    SUCCESS_RATE,
    application_port,
    builtin_query,
    dialect_of,
    escaped,
    speaks_linkerd,
)
from k8s.models.loading import load_canary
from tests.objects import a_canary, a_deployment, a_model, a_service, a_template
from tests.targets import EXAMPLES, Example

Json = dict[str, Any]
Series = dict[str, str]
LINKERD = 'namespace="test",deployment="podinfo",direction="inbound",route_name!="probe",srv_port!="4191"'
APPLICATION = 'kubernetes_namespace="test",kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"'
DEPLOYMENT, DAEMON_SET, SERVICE, KNATIVE = EXAMPLES
GATEWAY = [{"name": "public", "kind": "Gateway"}]
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
SAMPLES = [
    sample
    for family in text_string_to_metric_families((Path(__file__).parent / "data" / "linkerd_proxies.prom").read_text())
    for sample in family.samples
]


def query(
    metric: str = SUCCESS_RATE,
    *,
    provider: str = "gatewayapi:v1",
    service: Json | None = None,
    annotations: Json | None = None,
) -> str:
    """The text for a Canary with this service, and a target whose pods have these annotations."""
    template = a_template() | {"metadata": {"annotations": annotations}}
    return builtin_query(
        metric, provider, a_model(service=service or a_service()), a_deployment(template=template), "60s"
    )


def selected(selector: str, name: str) -> list[Series]:
    """The series that the selector of that metric matches, with their values."""
    matchers = MATCHER.findall(selector)
    chosen = [sample for sample in SAMPLES if sample.name == name]
    return [
        {**sample.labels, "value": f"{sample.value:g}"}
        for sample in chosen
        if all(matches(sample.labels.get(label, ""), operator, value) for label, operator, value in matchers)
    ]


def matches(label: str, operator: str, value: str) -> bool:
    """As Prometheus: regular expressions match the whole value, and an absent label is empty."""
    found = label == value if operator in ("=", "!=") else re.fullmatch(value, label) is not None
    return found if operator in ("=", "=~") else not found


def selectors(text: str, name: str) -> list[str]:
    """What stands in the braces behind each mention of a metric."""
    return re.findall(rf"{name}{{([^}}]*)}}", text)


def test_linkerd_success_rate() -> None:
    """Failures are counted, since a service that only fails has no successful series; no failures are zero."""
    series = f'{LINKERD},target_port=~"9898|"'
    assert query() == (
        f'100 - 100 * (sum(rate(response_total{{{series},classification="failure"}}[60s])) or vector(0))'
        f" / sum(rate(response_total{{{series}}}[60s]))"
    )


def test_linkerd_duration() -> None:
    """The 99th percentile, in the milliseconds that the proxy counts in."""
    series = f'{LINKERD},target_port=~"9898|"'
    expected = f"histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{{{series}}}[60s])) by (le))"
    assert query(DURATION) == expected


def test_application_success_rate() -> None:
    """Behind a Gateway the application counts for itself."""
    count = "http_request_duration_seconds_count"
    assert query(service=a_service(gatewayRefs=GATEWAY)) == (
        f'100 - 100 * (sum(rate({count}{{{APPLICATION},status=~"5.*"}}[60s])) or vector(0))'
        f" / sum(rate({count}{{{APPLICATION}}}[60s]))"
    )


def test_application_duration() -> None:
    """It counts in seconds, the bounds are in milliseconds."""
    bucket = f"http_request_duration_seconds_bucket{{{APPLICATION}}}[60s]"
    assert query(DURATION, service=a_service(gatewayRefs=GATEWAY)) == (
        f"1000 * histogram_quantile(0.99, sum(rate({bucket})) by (le))"
    )


def test_ingress_nginx() -> None:
    """What the Ingress sent to its shadow; a percentile, where Flagger takes the mean."""
    ref = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "front"}
    canary = a_model(provider="nginx", ingressRef=ref, service=a_service())
    series = 'namespace="test",ingress="front",canary!=""'
    count, bucket = (f"nginx_ingress_controller_{name}" for name in ("requests", "response_duration_seconds_bucket"))
    assert builtin_query(SUCCESS_RATE, "nginx", canary, a_deployment(), "60s") == (
        f'100 - 100 * (sum(rate({count}{{{series},status=~"5.*"}}[60s])) or vector(0))'
        f" / sum(rate({count}{{{series}}}[60s]))"
    )
    assert builtin_query(DURATION, "nginx", canary, a_deployment(), "60s") == (
        f"1000 * histogram_quantile(0.99, sum(rate({bucket}{{{series}}}[60s])) by (le))"
    )


def test_gloo() -> None:
    """Envoy names its cluster after the canary's Upstream, and that after the apex Service."""
    canary = a_model(provider="gloo", service=a_service(name="front"))
    text = builtin_query(SUCCESS_RATE, "gloo", canary, a_deployment(), "60s")
    assert 'envoy_cluster_name=~"test-front-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"' in text


INGRESS = {"ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "the.front"}}
ROUTE = {"routeRef": {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "front"}}
SAFE = "test_shop_wrr_1_test_shop-canary_9898@kubernetescrd"


@pytest.mark.parametrize(
    ("provider", "spec", "labels", "counts"),
    [
        ("apisix", ROUTE, {"route": "test_front-shop-canary_root"}, True),
        ("apisix", ROUTE, {"route": "test_front-shop-canary_root", "type": "request"}, True),
        ("apisix", ROUTE, {"route": "test_front-shop-canary_root", "type": "upstream"}, False),
        ("apisix", ROUTE, {"route": "test_front_root"}, False),
        ("contour", {}, {"envoy_cluster_name": "test_shop-canary_9898"}, True),
        ("contour", {}, {"envoy_cluster_name": "test_shop-primary_9898"}, False),
        ("contour", {}, {"envoy_cluster_name": "test_shop_9898"}, False),
        ("contour", {}, {"envoy_cluster_name": "test_other-shop-canary_9898"}, False),
        ("kuma", {}, {"service": "shop-canary_test_svc_9898", "envoy_cluster_name": "localhost_9898"}, True),
        ("kuma", {}, {"service": "shop-canary_test_svc_9898", "envoy_cluster_name": "bank_test_svc_80"}, False),
        ("kuma", {}, {"service": "shop-primary_test_svc_9898", "envoy_cluster_name": "localhost_9898"}, False),
        ("skipper", INGRESS, {"route": "kube_test__the_front_canary__shop_test____shop_canary"}, True),
        ("skipper", INGRESS, {"route": "kubeew_test__the_front_canary__shop_test____shop_canary_0"}, True),
        ("skipper", INGRESS, {"route": "kube_test__the_front_canary__shop_test____shop_primary"}, False),
        ("skipper", INGRESS, {"route": "kube_test__the_front__shop_test____shop"}, False),
        ("traefik", {}, {"service": "test-shop-canary-9898@kubernetescrd"}, True),
        ("traefik", {}, {"service": SAFE}, True),
        ("traefik", {}, {"service": "test-shop-primary-9898@kubernetescrd"}, False),
        ("traefik", {}, {"service": "test-shop-canary-9898-x@kubernetescrd"}, False),
    ],
)
@pytest.mark.parametrize("metric", [SUCCESS_RATE, DURATION])
def test_what_routes_to_the_canary(metric: str, provider: str, spec: Json, labels: Series, *, counts: bool) -> None:
    """Each data plane names that in its own way; the primary's requests are told apart where it can."""
    canary = a_model(provider=provider, service=a_service(name="shop"), **spec)
    text = builtin_query(metric, provider, canary, a_deployment(), "60s")
    for selector in re.findall(r"{([^}]*)}", text):
        series = {**labels, "code": "503", "envoy_response_code": "503"}
        matchers = MATCHER.findall(selector)
        assert all(matches(series.get(label, ""), *condition) for label, *condition in matchers) is counts


@pytest.mark.parametrize(
    ("provider", "spec", "requests", "latencies"),
    [
        ("apisix", ROUTE, "apisix_http_status", "apisix_http_latency"),
        ("skipper", INGRESS, "skipper_serve_route_duration_seconds_count", "skipper_serve_route_duration_seconds"),
        ("traefik", {}, "traefik_service_request_duration_seconds_count", "traefik_service_request_duration_seconds"),
    ],
)
def test_what_a_gateway_counts(provider: str, spec: Json, requests: str, latencies: str) -> None:
    """Failures by their code, and the 99th percentile in milliseconds."""
    dialect, _ = dialect_of(provider, a_model(provider=provider, service=a_service(), **spec), a_deployment())
    assert dialect.success_rate('side="a"', "60s") == (
        f'100 - 100 * (sum(rate({requests}{{side="a",code=~"5.*"}}[60s])) or vector(0))'
        f' / sum(rate({requests}{{side="a"}}[60s]))'
    )
    quantile = f'histogram_quantile(0.99, sum(rate({latencies}_bucket{{side="a"}}[60s])) by (le))'
    assert dialect.duration('side="a"', "60s") == (f"1000 * {quantile}" if "seconds" in latencies else quantile)


def test_istio() -> None:
    """The canary's own sidecars count, its requests and their milliseconds."""
    canary = a_model(provider="istio", service=a_service())
    series = 'reporter="destination",destination_workload_namespace="test",destination_workload="podinfo"'
    assert builtin_query(SUCCESS_RATE, "istio", canary, a_deployment(), "60s") == (
        f'100 - 100 * (sum(rate(istio_requests_total{{{series},response_code=~"5.*"}}[60s])) or vector(0))'
        f" / sum(rate(istio_requests_total{{{series}}}[60s]))"
    )
    bucket = f"istio_request_duration_milliseconds_bucket{{{series}}}[60s]"
    assert builtin_query(DURATION, "istio", canary, a_deployment(), "60s") == (
        f"histogram_quantile(0.99, sum(rate({bucket})) by (le))"
    )


@pytest.mark.parametrize(
    ("provider", "refs", "linkerd"),
    [
        ("smi:v1alpha2", [], True),
        ("linkerd", [], True),
        ("gatewayapi:v1", a_service()["gatewayRefs"], True),
        ("gatewayapi:v1beta1", a_service()["gatewayRefs"], True),
        ("gatewayapi:v1", GATEWAY, False),
        ("gatewayapi:v1", [*GATEWAY, *a_service()["gatewayRefs"]], True),
        ("gatewayapi:v1", [], False),
        ("kubernetes", a_service()["gatewayRefs"], False),
    ],
)
def test_dialect(provider: str, refs: list[Json], *, linkerd: bool) -> None:
    """A route that is attached to a Service is a mesh's, and the mesh is Linkerd."""
    assert speaks_linkerd(provider, a_model(service=a_service(gatewayRefs=refs))) is linkerd


@pytest.mark.parametrize(
    ("service", "port"),
    [
        (a_service(), "9898"),
        (a_service(targetPort="http"), "9898"),
        (a_service(targetPort="8080"), "8080"),
        (a_service(targetPort=None, port=80), "80"),
        (a_service(targetPort="no such port"), ""),
        (None, ""),
    ],
    ids=["number", "name", "number as text", "the Service's own", "unknown name", "no service"],
)
def test_port(service: Json | None, port: str) -> None:
    """The container's port by number, since that is what the proxy writes; none when it cannot be told."""
    assert application_port(a_model(service=service), a_deployment()) == port


def test_unknown_port() -> None:
    """Then the port does not narrow the series: better the proxy's admin port is left out than everything."""
    assert "target_port" not in query(service=a_service(targetPort="no such port"))


def test_admin_port() -> None:
    """A proxy that is told to keep its metrics elsewhere is scraped there."""
    moved = {"config.linkerd.io/admin-port": "4200"}
    assert 'srv_port!="4200"' in query(annotations=moved)
    assert "4191" not in query(annotations=moved)


def test_injection() -> None:
    """An annotation cannot write PromQL."""
    evil = {"config.linkerd.io/admin-port": '1"} or vector(1) #'}
    assert 'srv_port!="1\\"} or vector(1) #"' in query(annotations=evil)
    assert escaped('a\\b"c\nd') == 'a\\\\b\\"c\\nd'


def test_dots() -> None:
    """A Deployment's name may hold dots; they match dots alone."""
    raw = a_canary(
        targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "a.b"}, service=a_service(gatewayRefs=GATEWAY)
    )
    text = builtin_query(SUCCESS_RATE, "gatewayapi:v1", load_canary(raw), a_deployment(), "60s")
    assert 'kubernetes_pod_name=~"a\\\\.b-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"' in text


def test_requests_of_real_proxies() -> None:
    """Of all that a canary's proxy counts, the application's requests alone: no scrape, no probe, no primary."""
    failures, everything = selectors(query(), "response_total")
    assert [(s["status_code"], s["value"]) for s in selected(failures, "response_total")] == [("500", "1")]
    found = selected(everything, "response_total")
    assert sorted((s["status_code"], s["value"]) for s in found) == [("200", "347"), ("500", "1")]
    assert {(s["deployment"], s["target_port"], s["route_name"]) for s in found} == {("podinfo", "9898", "default")}


def test_latencies_of_real_proxies() -> None:
    """The same holds for the histogram."""
    (selector,) = selectors(query(DURATION), "response_latency_ms_bucket")
    found = selected(selector, "response_latency_ms_bucket")
    assert {(s["deployment"], s["target_port"], s["route_name"]) for s in found} == {("podinfo", "9898", "default")}
    assert {s["le"] for s in found} == {"1", "5", "100", "+Inf"}


def test_what_plain_inbound_would_count() -> None:
    """The samples do hold scrapes and probes: without our matchers they would be successes of the canary."""
    plain = 'namespace="test",deployment="podinfo",direction="inbound"'
    strangers = [s for s in selected(plain, "response_total") if s["target_port"] != "9898"]
    assert {s["route_name"] for s in strangers} == {"default", "probe"}
    assert {s["classification"] for s in strangers} == {"success"}


def test_older_proxies() -> None:
    """A proxy that writes no target_port is selected too."""
    _, selector = selectors(query(), "response_total")
    port = next(value for label, _, value in MATCHER.findall(selector) if label == "target_port")
    assert matches("", "=~", port)
    assert not matches("98980", "=~", port)


# -- other targets than Deployments -----------------------------------------------------------------------------------


def query_of(example: Example, provider: str = "gatewayapi:v1", refs: list[Json] | None = None) -> str:
    """The success rate of that kind of target; the target has its second version."""
    service = a_service(gatewayRefs=GATEWAY if refs is None else refs)
    canary = a_model(targetRef=example.ref, service=service)
    return builtin_query(SUCCESS_RATE, provider, canary, example.of(2), "60s")


@pytest.mark.parametrize(
    ("example", "pod", "counts"),
    [
        (DEPLOYMENT, "podinfo-5d8c9f7b6-abcde", True),
        (DEPLOYMENT, "podinfo-primary-5d8c9f7b6-abcde", False),
        (DEPLOYMENT, "podinfo-abcde", False),
        (DAEMON_SET, "podinfo-abcde", True),
        (DAEMON_SET, "podinfo-primary-abcde", False),
        (DAEMON_SET, "podinfo-other-abcde", False),
    ],
)
def test_pods_of_the_canary(example: Example, pod: str, *, counts: bool) -> None:
    """Each kind names its pods in its own way, and the primary's are never counted."""
    [selector, _] = selectors(query_of(example), "http_request_duration_seconds_count")
    [pattern] = [value for label, _, value in MATCHER.findall(selector) if label == "kubernetes_pod_name"]
    assert matches(pod, "=~", pattern) is counts


def test_linkerd_knows_daemon_sets() -> None:
    """By a label of their own."""
    assert 'daemonset="podinfo"' in query_of(DAEMON_SET, refs=a_service()["gatewayRefs"])


def test_service_behind_a_gateway() -> None:
    """Its pods have no name in common: the application's own count is asked for by the canary's Service."""
    count = "http_request_duration_seconds_count"
    series = 'namespace="test",service="podinfo-canary"'
    assert query_of(SERVICE) == (
        f'100 - 100 * (sum(rate({count}{{{series},status=~"5.*"}}[60s])) or vector(0))'
        f" / sum(rate({count}{{{series}}}[60s]))"
    )


def test_service_in_linkerd() -> None:
    """What its callers' proxies counted."""
    series = 'direction="outbound",dst_namespace="test",dst_service="podinfo-canary"'
    assert query_of(SERVICE, refs=a_service()["gatewayRefs"]) == (
        f'100 - 100 * (sum(rate(response_total{{{series},classification="failure"}}[60s])) or vector(0))'
        f" / sum(rate(response_total{{{series}}}[60s]))"
    )


def test_service_in_istio() -> None:
    """What the sidecars behind the canary's Service counted."""
    [_, series] = selectors(query_of(SERVICE, "istio"), "istio_requests_total")
    assert series == (
        'reporter="destination",destination_service_namespace="test",destination_service_name="podinfo-canary"'
    )


def test_knative() -> None:
    """The gateway counts by revision: the latest is the canary."""
    series = 'envoy_cluster_name="test/podinfo-00002"'
    assert query_of(KNATIVE, "knative") == (
        f'100 - 100 * (sum(rate(envoy_cluster_upstream_rq{{{series},envoy_response_code=~"5.*"}}[60s]))'
        f" or vector(0)) / sum(rate(envoy_cluster_upstream_rq{{{series}}}[60s]))"
    )
    canary = a_model(targetRef=KNATIVE.ref)
    assert builtin_query(DURATION, "knative", canary, KNATIVE.of(1), "60s") == (
        "histogram_quantile(0.99, "
        'sum(rate(envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="test/podinfo-00001"}[60s])) by (le))'
    )
