"""One example of each kind of target, in two versions, for the tests that hold for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from k8s.targets.base import Selector, Target
from k8s.targets.daemonset import DaemonSetTarget
from k8s.targets.deployment import DeploymentTarget
from k8s.targets.knative import KnativeTarget
from k8s.targets.service import ServiceTarget
from tests.api_server import merged
from tests.objects import (
    a_core_service,
    a_daemon_set,
    a_deployment,
    a_knative_revision,
    a_knative_service,
    a_template,
)

Json = dict[str, Any]
CONFIGS = {"configmap/settings": "c0ffee"}


@dataclass(frozen=True)
class Example:
    """A kind with targets of two versions."""

    kind: Target
    of: Callable[[int], Json]
    workload: Callable[[int], Json]
    """What becomes ready, healthy."""
    provider: str = "gatewayapi:v1"

    @property
    def name(self) -> str:
        """For the ids of tests."""
        return type(self.kind).__name__

    @property
    def ref(self) -> Json:
        """`spec.targetRef`."""
        resource = self.kind.resource
        return {"apiVersion": resource.api_version, "kind": resource.kind, "name": "podinfo"}

    def selector(self, target: Json) -> Selector:
        """As at bootstrap."""
        return self.kind.selector(target)

    def expected(self, number: int) -> Json:
        """The primary's template of that version."""
        target = self.of(number)
        return self.kind.primary_template(self.kind.template(target), self.selector(target), CONFIGS)

    def primary(self, number: int) -> Json:
        """As it is when that version was bootstrapped."""
        target, name = self.of(number), self.kind.primary_name("podinfo")
        if name == "podinfo":
            return self.kind.promoted(target, target, self.expected(number)) | {"status": target["status"]}
        primary = self.kind.copy(target, self.expected(number), name, self.selector(target))
        return dict(merged(primary, {"metadata": {"uid": "uid-primary", "resourceVersion": "7"}}))


EXAMPLES = [
    Example(
        DeploymentTarget(),
        of=lambda number: a_deployment(template=a_template(image=f"podinfo:{number}")),
        workload=lambda number: a_deployment(template=a_template(image=f"podinfo:{number}")),
    ),
    Example(
        DaemonSetTarget(),
        of=lambda number: a_daemon_set(template=a_template(image=f"podinfo:{number}", nodeSelector={"disk": "ssd"})),
        workload=lambda number: a_daemon_set(template=a_template(image=f"podinfo:{number}")),
    ),
    Example(
        ServiceTarget(),
        of=lambda number: a_core_service(version=str(number)),
        workload=lambda number: a_core_service(version=str(number)),
    ),
    Example(
        KnativeTarget(),
        of=lambda number: a_knative_service(latest=f"podinfo-0000{number}"),
        workload=lambda number: a_knative_revision(f"podinfo-0000{number}"),
        provider="knative",
    ),
]
