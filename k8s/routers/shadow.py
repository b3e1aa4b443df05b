"""What the shadows of Ingresses have in common: a copy of the Ingress in `spec.ingressRef` that leads to the canary."""

from k8s.client import Json
from k8s.models.canary import Canary


def original_name(canary: Canary) -> str:
    """Of the Ingress that is shadowed; empty when the Canary names none."""
    return canary.spec.ingress_ref.name if canary.spec.ingress_ref else ""


def shadow_name(canary: Canary) -> str:
    """Of its shadow."""
    return f"{original_name(canary)}-canary"


def service_of(backend: Json) -> str:
    """The Service behind a backend of an Ingress; empty for a resource."""
    return str((backend.get("service") or {}).get("name") or "")
