"""Which kinds can be released. A new one is one file and one line here."""

from k8s.targets.base import Target, UnfitTarget
from k8s.targets.deployment import DeploymentTarget

TARGETS: dict[str, Target] = {
    "Deployment": DeploymentTarget(),
}


def target_for(kind: str) -> Target:
    """The knowledge of one kind.

    Raises:
        UnfitTarget: Serinus cannot release it.
    """
    if kind not in TARGETS:
        raise UnfitTarget(f"spec.targetRef.kind: {kind} cannot be released yet; use one of {', '.join(TARGETS)}")
    return TARGETS[kind]
