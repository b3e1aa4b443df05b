"""How a Canary of provider `kubernetes` is analysed: nothing divides traffic, so it can only be blue/green. Pure."""

from typing import NamedTuple

from pydantic.alias_generators import to_camel

from k8s.models.canary import Canary

DEFAULT_ITERATIONS = 10
ROUTED_FIELDS = ("match", "rewrite", "headers", "mirror", "cors_policy", "timeout", "backend_timeout", "hosts")
"""Fields of `spec.service` that only a route can honour."""


class KubernetesAnalysis(NamedTuple):
    """What the plan gets."""

    iterations: int
    """Checks before promotion."""
    caveats: tuple[str, ...]
    """What the spec asks for in vain, in a user's words; told once a rollout, as warnings."""


def kubernetes_analysis(canary: Canary) -> KubernetesAnalysis:
    """Iterations without `match`; ten of them where the spec shifts by weight."""
    analysis, caveats = canary.spec.analysis, []
    if analysis.match:
        caveats.append("A/B testing is not supported when using the kubernetes provider")
    if not analysis.iterations:
        caveats.append("Progressive traffic is not supported when using the kubernetes provider")
        caveats.append(f"Setting canaryAnalysis.iterations: {DEFAULT_ITERATIONS}")
    caveats.extend(f"{field}: not possible with the kubernetes provider, it is left out" for field in _left_out(canary))
    return KubernetesAnalysis(analysis.iterations or DEFAULT_ITERATIONS, tuple(caveats))


def _left_out(canary: Canary) -> list[str]:
    analysis, service = canary.spec.analysis, canary.spec.service
    asked = {"spec.analysis.mirror": analysis.mirror, "spec.analysis.sessionAffinity": analysis.session_affinity}
    asked |= {f"spec.service.{to_camel(field)}": getattr(service, field, None) for field in ROUTED_FIELDS}
    return [field for field, value in asked.items() if value]
