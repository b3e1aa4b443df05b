"""What is refused of a spec, before there is a route. Pure."""

from k8s.models.canary import Canary
from k8s.models.service import Service
from k8s.routers.base import SERVICE_MISSING, UnfitRoute, beyond_weights
from k8s.routers.cookies import require_drawn
from k8s.routers.given import refuse_fields, refuse_full_path, refuse_unknown
from k8s.routers.istio.matches import require_maps
from k8s.routers.istio.rules import is_tcp, rules_of
from k8s.routers.single import NOTHING

OF_GATEWAY_API = ("mirror", "backendTimeout")
OF_REQUESTS = ("rewrite", "timeout", "retries", "headers", "corsPolicy")
"""Fields of `spec.service` that say nothing about a connection."""


def require_fit(canary: Canary) -> None:
    """Raises UnfitRoute for a spec that a VirtualService cannot express."""
    service = canary.spec.service
    if service is None:
        raise UnfitRoute(SERVICE_MISSING)
    refuse_fields(service, OF_GATEWAY_API, "not supported by provider istio")
    refuse_full_path(service, "Istio")
    if service.delegation:
        refuse_fields(service, ("hosts", "gateways"), "those of a delegate are its root VirtualService's")
    if is_tcp(canary):
        _refuse_requests(canary, service)
    require_maps(service)
    require_drawn(canary)
    rules_of(canary, NOTHING)


def _refuse_requests(canary: Canary, service: Service) -> None:
    why = "spec.service.appProtocol is tcp, and a connection has no requests"
    refuse_fields(service, OF_REQUESTS, why)
    for field in beyond_weights(canary):
        raise UnfitRoute(f"{field}: {why}; remove it")
    for index, match in enumerate(service.match):
        refuse_unknown(f"spec.service.match[{index}]", match, ("port",), route="a TCP route")
