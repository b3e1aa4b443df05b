"""Which providers route traffic. A new one is one file and one line here."""

from k8s.resources import (
    HTTP_ROUTES_V1,
    HTTP_ROUTES_V1BETA1,
    TRAFFIC_SPLITS_V1ALPHA1,
    TRAFFIC_SPLITS_V1ALPHA2,
    TRAFFIC_SPLITS_V1ALPHA3,
)
from k8s.routers.apisix import ApisixRouter
from k8s.routers.base import Router, UnfitRoute
from k8s.routers.contour import ContourRouter
from k8s.routers.gatewayapi.router import GatewayApiRouter
from k8s.routers.gloo import GlooRouter
from k8s.routers.istio.router import IstioRouter
from k8s.routers.knative import KnativeRouter
from k8s.routers.kubernetes import KubernetesRouter
from k8s.routers.kuma import KumaRouter
from k8s.routers.nginx import NginxRouter
from k8s.routers.skipper import SkipperRouter
from k8s.routers.smi import SmiRouter
from k8s.routers.traefik import TraefikRouter

ROUTERS: dict[str, Router] = {
    "apisix": ApisixRouter(),
    "contour": ContourRouter(),
    "gatewayapi:v1": GatewayApiRouter(HTTP_ROUTES_V1),
    "gatewayapi:v1beta1": GatewayApiRouter(HTTP_ROUTES_V1BETA1),
    "gloo": GlooRouter(),
    "istio": IstioRouter(),
    "kubernetes": KubernetesRouter(),
    "kuma": KumaRouter(),
    # Linkerd routes by HTTPRoute since 2.14; its TrafficSplit wants the retired SMI extension.
    "linkerd": GatewayApiRouter(HTTP_ROUTES_V1BETA1, by_linkerd=True),
    "knative": KnativeRouter(),
    "nginx": NginxRouter(),
    "skipper": SkipperRouter(),
    "smi:v1alpha1": SmiRouter(TRAFFIC_SPLITS_V1ALPHA1),
    "smi:v1alpha2": SmiRouter(TRAFFIC_SPLITS_V1ALPHA2),
    "smi:v1alpha3": SmiRouter(TRAFFIC_SPLITS_V1ALPHA3),
    "traefik": TraefikRouter(),
}


def router_for(provider: str) -> Router:
    """The router of a provider, as `spec.provider` or the worker's mesh_provider names it.

    Raises:
        UnfitRoute: Serinus cannot route by it.
    """
    if provider not in ROUTERS:
        raise UnfitRoute(f"spec.provider: {provider} is not supported yet; use one of {', '.join(ROUTERS)}")
    return ROUTERS[provider]
