"""Where each kind lives in the API: the one list of paths."""

from typing import NamedTuple


class Resource(NamedTuple):
    """A kind as the API server's URLs know it."""

    api_version: str
    kind: str
    plural: str
    is_namespaced: bool = True
    """False: its objects belong to the whole cluster, whatever namespace is asked for."""

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return group_of(self.api_version)

    @property
    def root(self) -> str:
        """`/api/v1` for the core group, `/apis/{group}/{version}` otherwise."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of a collection, an object, or an object's subresource."""
        parts = [self.root]
        if namespace is not None and self.is_namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    def header(self, namespace: str, name: str) -> dict[str, object]:
        """The first lines of a manifest: apiVersion, kind, and metadata with name and, where it has one, namespace."""
        place = {"namespace": namespace} if self.is_namespaced else {}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name, **place}}


def group_of(api_version: str) -> str:
    """The API group in `{group}/{version}`; empty for the core group, whose apiVersion is the version alone."""
    return api_version.rpartition("/")[0]


CANARIES = Resource("flagger.app/v1beta1", "Canary", "canaries")
ALERT_PROVIDERS = Resource("flagger.app/v1beta1", "AlertProvider", "alertproviders")
METRIC_TEMPLATES = Resource("flagger.app/v1beta1", "MetricTemplate", "metrictemplates")
DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments")
DAEMON_SETS = Resource("apps/v1", "DaemonSet", "daemonsets")
SERVICES = Resource("v1", "Service", "services")
CONFIG_MAPS = Resource("v1", "ConfigMap", "configmaps")
SECRETS = Resource("v1", "Secret", "secrets")
EVENTS = Resource("v1", "Event", "events")
PODS = Resource("v1", "Pod", "pods")
AUTOSCALERS = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
SCALED_OBJECTS = Resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
HTTP_ROUTES_V1 = Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
HTTP_ROUTES_V1BETA1 = Resource("gateway.networking.k8s.io/v1beta1", "HTTPRoute", "httproutes")
TRAFFIC_SPLITS_V1ALPHA1 = Resource("split.smi-spec.io/v1alpha1", "TrafficSplit", "trafficsplits")
TRAFFIC_SPLITS_V1ALPHA2 = Resource("split.smi-spec.io/v1alpha2", "TrafficSplit", "trafficsplits")
TRAFFIC_SPLITS_V1ALPHA3 = Resource("split.smi-spec.io/v1alpha3", "TrafficSplit", "trafficsplits")
VIRTUAL_SERVICES = Resource("networking.istio.io/v1beta1", "VirtualService", "virtualservices")
DESTINATION_RULES = Resource("networking.istio.io/v1beta1", "DestinationRule", "destinationrules")
HTTP_PROXIES = Resource("projectcontour.io/v1", "HTTPProxy", "httpproxies")
ROUTE_TABLES = Resource("gateway.solo.io/v1", "RouteTable", "routetables")
GLOO_UPSTREAMS = Resource("gloo.solo.io/v1", "Upstream", "upstreams")
TRAEFIK_SERVICES = Resource("traefik.io/v1alpha1", "TraefikService", "traefikservices")
TRAFFIC_ROUTES = Resource("kuma.io/v1alpha1", "TrafficRoute", "trafficroutes", is_namespaced=False)
APISIX_ROUTES = Resource("apisix.apache.org/v2", "ApisixRoute", "apisixroutes")
INGRESSES = Resource("networking.k8s.io/v1", "Ingress", "ingresses")
KNATIVE_SERVICES = Resource("serving.knative.dev/v1", "Service", "services")
KNATIVE_REVISIONS = Resource("serving.knative.dev/v1", "Revision", "revisions")
