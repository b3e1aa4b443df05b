"""What Linkerd does not do of an HTTPRoute. Pure.

A filter that it does not know makes its policy controller leave out the whole route, and then nothing is split at all
(linkerd2, policy-controller/k8s/index/src/outbound/index/http.rs: convert_gateway_filter). So that is refused before.
"""

from k8s.models.canary import Canary
from k8s.routers.base import UnfitRoute

GROUP = "core"
"""How Linkerd's users write the group of a Service in a parentRef; its real name, as other meshes want it, is empty."""


def is_linkerd(canary: Canary) -> bool:
    """Whether the Canary's route is attached the way that Linkerd alone takes."""
    refs = canary.spec.service.gateway_refs if canary.spec.service else []
    return any((ref.group, ref.kind) == (GROUP, "Service") for ref in refs)


def refuse_unknown_filters(canary: Canary) -> None:
    """Raises UnfitRoute for what would make Linkerd ignore the route."""
    service = canary.spec.service
    asked = {
        "spec.analysis.mirror: Linkerd copies no traffic": canary.spec.analysis.mirror,
        "spec.service.mirror: Linkerd copies no traffic": service and service.mirror,
        "spec.service.rewrite: Linkerd rewrites no requests": service and service.rewrite,
        "spec.service.corsPolicy: Linkerd answers no preflight requests": service and service.cors_policy,
    }
    for text, on in asked.items():
        if on:
            raise UnfitRoute(f"{text}, and would ignore the whole HTTPRoute; remove it")
