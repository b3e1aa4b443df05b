"""What the worker asks of the API server, kind by kind: which verbs, and for which target, autoscaler or provider."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from k8s.resources import (
    ALERT_PROVIDERS,
    APISIX_ROUTES,
    AUTOSCALERS,
    CANARIES,
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    DESTINATION_RULES,
    EVENTS,
    GLOO_UPSTREAMS,
    HTTP_PROXIES,
    HTTP_ROUTES_V1,
    HTTP_ROUTES_V1BETA1,
    INGRESSES,
    KNATIVE_REVISIONS,
    KNATIVE_SERVICES,
    METRIC_TEMPLATES,
    ROUTE_TABLES,
    SCALED_OBJECTS,
    SECRETS,
    SERVICES,
    TRAEFIK_SERVICES,
    TRAFFIC_ROUTES,
    TRAFFIC_SPLITS_V1ALPHA1,
    TRAFFIC_SPLITS_V1ALPHA2,
    TRAFFIC_SPLITS_V1ALPHA3,
    VIRTUAL_SERVICES,
    Resource,
)


class Permission(NamedTuple):
    """Some verbs on a kind, or on a part of it."""

    resource: Resource
    verbs: tuple[str, ...]
    subresource: str = ""

    @property
    def of(self) -> str:
        """`httproutes.gateway.networking.k8s.io`, as `kubectl auth can-i` takes it."""
        name = f"{self.resource.plural}.{self.resource.group}".rstrip(".")
        return f"{name}/{self.subresource}" if self.subresource else name


WATCH: Final = ("get", "list", "watch")
WRITE: Final = ("create", "update", "patch")
ROUTE: Final = ("get", "create", "patch", "delete")
BESIDE: Final = ("get", "create", "patch")
"""Of what goes with the Canary that owns it."""

ALWAYS: Final = (
    Permission(CANARIES, (*WATCH, "patch")),
    Permission(CANARIES, ("patch",), "status"),
    Permission(CANARIES, ("update",), "finalizers"),
    Permission(METRIC_TEMPLATES, ("get",)),
    Permission(ALERT_PROVIDERS, ("get",)),
    Permission(EVENTS, ("create",)),
    Permission(SERVICES, ("get", "list", "create", "patch")),
    Permission(CONFIG_MAPS, (*WATCH, "create", "update", "delete")),
    Permission(SECRETS, (*WATCH, "create", "update", "delete")),
)
OF_TARGETS: Final[Mapping[Resource, tuple[Permission, ...]]] = {
    DEPLOYMENTS: (Permission(DEPLOYMENTS, (*WATCH, *WRITE)),),
    DAEMON_SETS: (Permission(DAEMON_SETS, (*WATCH, *WRITE)),),
    SERVICES: (Permission(SERVICES, (*WATCH, *WRITE)),),
    KNATIVE_SERVICES: (
        Permission(KNATIVE_SERVICES, (*WATCH, "update", "patch")),
        Permission(KNATIVE_REVISIONS, ("list", "watch")),
    ),
}
OF_SCALERS: Final[Mapping[str, tuple[Permission, ...]]] = {
    each.kind: (Permission(each, BESIDE),) for each in (AUTOSCALERS, SCALED_OBJECTS)
}
OF_PROVIDERS: Final[Mapping[str, tuple[Permission, ...]]] = {
    "apisix": (Permission(APISIX_ROUTES, ROUTE),),
    "contour": (Permission(HTTP_PROXIES, ROUTE),),
    "gatewayapi:v1": (Permission(HTTP_ROUTES_V1, ROUTE),),
    "gatewayapi:v1beta1": (Permission(HTTP_ROUTES_V1BETA1, ROUTE),),
    "gloo": (Permission(ROUTE_TABLES, ROUTE), Permission(GLOO_UPSTREAMS, BESIDE)),
    "istio": (Permission(VIRTUAL_SERVICES, ROUTE), Permission(DESTINATION_RULES, BESIDE)),
    "knative": (),
    "kubernetes": (),
    "kuma": (Permission(TRAFFIC_ROUTES, ROUTE),),
    "linkerd": (Permission(HTTP_ROUTES_V1BETA1, ROUTE),),
    "nginx": (Permission(INGRESSES, ROUTE),),
    "skipper": (Permission(INGRESSES, ROUTE),),
    "smi:v1alpha1": (Permission(TRAFFIC_SPLITS_V1ALPHA1, ROUTE),),
    "smi:v1alpha2": (Permission(TRAFFIC_SPLITS_V1ALPHA2, ROUTE),),
    "smi:v1alpha3": (Permission(TRAFFIC_SPLITS_V1ALPHA3, ROUTE),),
    "traefik": (Permission(TRAEFIK_SERVICES, ROUTE),),
}
