"""The built-in checks as queries: what success rate and latency mean in each data plane's own series. Pure.

Queries are data: a dialect names two series. Success rate is a percentage, 0-100; duration the 99th percentile in
milliseconds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.routers.apisix import route_name
from k8s.routers.shadow import original_name, shadow_name
from k8s.targets.knative import PROVIDER as KNATIVE
from k8s.targets.registry import target_for

LINKERD_ADMIN_PORT = "4191"
LINKERD_ADMIN_PORT_ANNOTATION = "config.linkerd.io/admin-port"
ISTIO = "istio"
SUCCESS_RATE, DURATION = "request-success-rate", "request-duration"


@dataclass(frozen=True)
class Dialect:
    """How a data plane counts requests; `series` are labels that select the canary's, `window` is a range."""

    requests: str
    """A counter of all requests."""
    failures: str
    """The label that tells those that failed."""
    latencies: str
    """A histogram, without `_bucket`."""
    is_in_seconds: bool = False
    """Otherwise in milliseconds."""

    def success_rate(self, series: str, window: str) -> str:
        """A service that answers nothing but errors has no successful series at all, so failures are counted.

        Their absence is zero, so that a release without any has data.
        """
        failed = f"sum(rate({self.requests}{{{series},{self.failures}}}[{window}])) or vector(0)"
        return f"100 - 100 * ({failed}) / sum(rate({self.requests}{{{series}}}[{window}]))"

    def duration(self, series: str, window: str) -> str:
        """In milliseconds."""
        quantile = f"histogram_quantile(0.99, sum(rate({self.latencies}_bucket{{{series}}}[{window}])) by (le))"
        return f"1000 * {quantile}" if self.is_in_seconds else quantile


LINKERD = Dialect("response_total", 'classification="failure"', "response_latency_ms")
APPLICATION = Dialect(
    "http_request_duration_seconds_count", 'status=~"5.*"', "http_request_duration_seconds", is_in_seconds=True
)
ENVOY = Dialect("envoy_cluster_upstream_rq", 'envoy_response_code=~"5.*"', "envoy_cluster_upstream_rq_time")
SIDECARS = Dialect("istio_requests_total", 'response_code=~"5.*"', "istio_request_duration_milliseconds")
INGRESS_NGINX = Dialect(
    "nginx_ingress_controller_requests",
    'status=~"5.*"',
    "nginx_ingress_controller_response_duration_seconds",
    is_in_seconds=True,
)
# Of Skipper's two histograms only this one counts requests that got no answer, since the canary could not be reached.
SKIPPER = Dialect(
    "skipper_serve_route_duration_seconds_count",
    'code=~"5.*"',
    "skipper_serve_route_duration_seconds",
    is_in_seconds=True,
)
TRAEFIK = Dialect(
    "traefik_service_request_duration_seconds_count",
    'code=~"5.*"',
    "traefik_service_request_duration_seconds",
    is_in_seconds=True,
)
APISIX = Dialect("apisix_http_status", 'code=~"5.*"', "apisix_http_latency")


def builtin_query(metric: str, provider: str, canary: Canary, target: Json, window: str) -> str:
    """The text to send for a built-in metric.

    Args:
        metric: `request-success-rate` or `request-duration`.
        provider: as in `spec.provider`.
        canary: whose workload is asked about.
        target: the target as read, for its ports and annotations.
        window: a Prometheus range such as `60s`.
    """
    dialect, series = dialect_of(provider, canary, target)
    return dialect.success_rate(series, window) if metric == SUCCESS_RATE else dialect.duration(series, window)


def dialect_of(provider: str, canary: Canary, target: Json) -> tuple[Dialect, str]:
    """Who counts the canary's requests, and the labels under which they do.

    Pods are known by their workload's name, and where a target has none of its own, by the canary's Service.
    """
    if provider in BY_ROUTE:
        dialect, series_of = BY_ROUTE[provider]
        return dialect, series_of(canary)
    ref = canary.spec.target_ref
    kind = target_for(ref.api_version, ref.kind)
    if provider == KNATIVE:  # its gateways name Envoy's cluster after the revision behind it
        return ENVOY, f'envoy_cluster_name="{canary.namespace}/{kind.canary_workload(target)}"'
    service = kind.canary_name(canary.target_name)
    if provider == ISTIO:
        return SIDECARS, istio_series(canary, "" if kind.pod_suffix else service)
    if speaks_linkerd(provider, canary):
        series = linkerd_series(canary, target) if kind.pod_suffix else linkerd_service_series(canary, service)
        return LINKERD, series
    return APPLICATION, pod_series(canary, kind.pod_suffix) if kind.pod_suffix else service_series(canary, service)


def speaks_linkerd(provider: str, canary: Canary) -> bool:
    """Whether Linkerd's proxies count the requests: they do for a route that is attached to a Service."""
    if provider == "linkerd" or provider.startswith("smi:"):
        return True
    service = canary.spec.service
    refs = service.gateway_refs if service else []
    return provider.startswith("gatewayapi") and any(ref.kind == "Service" for ref in refs or [])


def linkerd_series(canary: Canary, target: Json) -> str:
    """Application traffic of the workload's pods: neither the kubelet's probes nor scrapes of the proxy count.

    The empty alternative lets series without `target_port` through: older proxies do not write it.
    """
    annotations = target["spec"]["template"].get("metadata", {}).get("annotations") or {}
    admin = annotations.get(LINKERD_ADMIN_PORT_ANNOTATION, LINKERD_ADMIN_PORT)
    matchers = [
        f'namespace="{canary.namespace}"',
        f'{canary.spec.target_ref.kind.lower()}="{canary.target_name}"',
        'direction="inbound"',
        'route_name!="probe"',
        f'srv_port!="{escaped(admin)}"',
    ]
    port = application_port(canary, target)
    return ",".join([*matchers, f'target_port=~"{port}|"'] if port else matchers)


def application_port(canary: Canary, target: Json) -> str:
    """The container port behind the Service, as a number; empty when the spec names one that no container has."""
    service = canary.spec.service
    wanted = (service.target_port or service.port) if service else ""
    if str(wanted).isdigit():
        return str(wanted)
    for container in target["spec"]["template"]["spec"].get("containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == wanted:
                return str(port["containerPort"])
    return ""


def istio_series(canary: Canary, service: str) -> str:
    """What the canary's own sidecars counted: of the workload, or where it has no pods of its own, of a Service."""
    subject = (
        f'destination_service_namespace="{canary.namespace}",destination_service_name="{service}"'
        if service
        else f'destination_workload_namespace="{canary.namespace}",destination_workload="{canary.target_name}"'
    )
    return f'reporter="destination",{subject}'


def linkerd_service_series(canary: Canary, service: str) -> str:
    """Requests that meshed clients sent to a Service, as their own proxies count them."""
    return f'direction="outbound",dst_namespace="{canary.namespace}",dst_service="{service}"'


def pod_series(canary: Canary, suffix: str) -> str:
    """An application's own histogram, with the pod labels of Flagger's bundled Prometheus."""
    literal = canary.target_name.replace(".", r"\.")  # the only character of a name that a regular expression reads
    return f'kubernetes_namespace="{canary.namespace}",kubernetes_pod_name=~"{escaped(literal)}{suffix}"'


def service_series(canary: Canary, service: str) -> str:
    """An application's own histogram, with the labels that a ServiceMonitor of the Prometheus Operator gives."""
    return f'namespace="{canary.namespace}",service="{service}"'


def escaped(text: str) -> str:
    """Text as it stands between the quotes of a PromQL string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


# -- data planes that know the canary by what routes to it, whatever its pods are ------------------------------------


def apisix_series(canary: Canary) -> str:
    """Requests that the shadow took, to either side: APISIX does not tell them apart.

    Of its latencies the one that clients see; the empty alternative lets the counter through, which has no `type`.
    """
    return f'route=~"{canary.namespace}_{route_name(canary)}_.+",type=~"request|"'


def contour_series(canary: Canary) -> str:
    """Envoy's cluster is named after the canary's Service and its port."""
    return f'envoy_cluster_name=~"{canary.namespace}_{canary.canary_service}_[0-9a-zA-Z-]+"'


def gloo_series(canary: Canary) -> str:
    """Envoy's cluster is named after the canary's Upstream, and that after the apex Service."""
    name = f"{canary.namespace}-{canary.apex_name}-canaryupstream-"
    return f'envoy_cluster_name=~"{name}[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"'


def kuma_series(canary: Canary) -> str:
    """What the proxies beside the canary's pods let in; what they let out goes to other clusters."""
    service = f"{canary.canary_service}_{canary.namespace}_svc_[0-9a-zA-Z-]+"
    return f'service=~"{service}",envoy_cluster_name=~"localhost_.*"'


def ingress_series(canary: Canary) -> str:
    """Requests that the Ingress of the Canary sent to its shadow, which ingress-nginx marks by the label `canary`."""
    return f'namespace="{canary.namespace}",ingress="{original_name(canary)}",canary!=""'


def skipper_series(canary: Canary) -> str:
    """Requests that the shadow sent to the canary, by the name that Skipper gives that route."""
    names = (canary.namespace, shadow_name(canary), canary.canary_service)
    namespace, shadow, service = (re.sub(r"\W", "_", name) for name in names)
    return f'route=~"kube(ew)?_{namespace}__{shadow}__.*__{service}(_[0-9]+)?"'


def traefik_series(canary: Canary) -> str:
    """The Service in its TraefikService, by the plain name and by that of Traefik's option `safeNaming`."""
    port = canary.spec.service.port if canary.spec.service else ""
    plain = f"{canary.namespace}-{canary.canary_service}-{port}"
    safe = f"{canary.namespace}_{canary.apex_name}_wrr_[0-9]+_{canary.namespace}_{canary.canary_service}_{port}"
    return f'service=~"({plain}|{safe})@kubernetescrd"'


BY_ROUTE: dict[str, tuple[Dialect, Callable[[Canary], str]]] = {
    "apisix": (APISIX, apisix_series),
    "contour": (ENVOY, contour_series),
    "gloo": (ENVOY, gloo_series),
    "kuma": (ENVOY, kuma_series),
    "nginx": (INGRESS_NGINX, ingress_series),
    "skipper": (SKIPPER, skipper_series),
    "traefik": (TRAEFIK, traefik_series),
}
