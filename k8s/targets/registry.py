"""Which kinds can be released. A new one is one file and one line here."""

from k8s.resources import group_of
from k8s.targets.base import Target, UnfitTarget
from k8s.targets.daemonset import DaemonSetTarget
from k8s.targets.deployment import DeploymentTarget
from k8s.targets.knative import KnativeTarget
from k8s.targets.service import ServiceTarget

KINDS: tuple[Target, ...] = (
    DeploymentTarget(),
    DaemonSetTarget(),
    ServiceTarget(),
    KnativeTarget(),
)
TARGETS = {(kind.resource.group, kind.resource.kind): kind for kind in KINDS}
CORE = "core"
"""What people write for the group that has no name, as in `core/v1`."""


def target_for(api_version: str, kind: str) -> Target:
    """The knowledge of one kind; its version does not matter.

    Raises:
        UnfitTarget: Serinus cannot release it.
    """
    group = group_of(api_version)
    if found := TARGETS.get(("" if group == CORE else group, kind)):
        return found
    known = ", ".join(f"{each.resource.api_version} {each.resource.kind}" for each in KINDS)
    raise UnfitTarget(f"spec.targetRef: {api_version} {kind} cannot be released; use one of {known}")
