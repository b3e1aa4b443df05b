"""DaemonSets (apps/v1) as targets: scaled to zero by a node selector that no node has."""

from copy import deepcopy

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.readiness import Readiness, Ready, Waiting
from k8s.resources import DAEMON_SETS
from k8s.targets.base import UnfitTarget
from k8s.targets.pods import PodTarget

SCALE_TO_ZERO = "flagger.app/scale-to-zero"
"""The label of a node that does not exist, as Flagger writes it."""
ROLLING_UPDATE = "RollingUpdate"


class DaemonSetTarget(PodTarget):
    """Knows where a DaemonSet keeps what a rollout needs."""

    resource = DAEMON_SETS
    workloads = DAEMON_SETS
    pod_suffix = "-[0-9a-zA-Z]+"
    copied_settings = ("minReadySeconds", "revisionHistoryLimit", "updateStrategy")

    def problem(self, canary: Canary, provider: str) -> str:
        """Nothing scales a DaemonSet."""
        return "spec.autoscalerRef: a DaemonSet cannot be scaled; remove it" if canary.spec.autoscaler_ref else ""

    def template(self, target: Json) -> Json:
        """`spec.template`, whether scaled to zero or not.

        Raises:
            UnfitTarget: its pods would not follow the template by themselves.
        """
        strategy = (target["spec"].get("updateStrategy") or {}).get("type", ROLLING_UPDATE)
        if strategy != ROLLING_UPDATE:
            metadata = target["metadata"]
            raise UnfitTarget(
                f"daemonset {metadata['name']}.{metadata['namespace']} must have RollingUpdate strategy "
                f"but have {strategy}"
            )
        template = deepcopy(super().template(target))
        nodes = template["spec"].pop("nodeSelector", None) or {}
        if kept := {key: value for key, value in nodes.items() if key != SCALE_TO_ZERO}:
            template["spec"]["nodeSelector"] = kept
        return template

    def replicas(self, obj: Json) -> int:
        """One stands for a pod on every node."""
        return 0 if SCALE_TO_ZERO in (obj["spec"]["template"]["spec"].get("nodeSelector") or {}) else 1

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """A merge patch of the node selector."""
        if bool(self.replicas(obj)) == bool(replicas):
            return None
        nodes = {SCALE_TO_ZERO: None if replicas else "true"}
        return {"spec": {"template": {"spec": {"nodeSelector": nodes}}}}

    def is_empty(self, obj: Json) -> bool:
        """By its status: a pod that still runs is one too many on its node."""
        status = obj.get("status") or {}
        left = status.get("currentNumberScheduled", 0) + status.get("numberMisscheduled", 0)
        return self.replicas(obj) == 0 and _is_current(obj) and left == 0

    def readiness(self, workload: Json, threshold_percent: int) -> Readiness:
        """As `kubectl rollout status` judges; it has no deadline of its own, so it is never stuck."""
        status = workload.get("status") or {}
        desired, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        available = status.get("numberAvailable", 0)
        if not _is_current(workload):
            return Waiting("observed daemon set generation less than desired generation", available, current=False)
        if self.replicas(workload) == 0:
            return Waiting("it is scaled to zero", available)
        if desired == 0:
            return Waiting("no node matches its pods", available)
        if updated < desired:
            return Waiting(f"{updated} out of {desired} new pods have been updated", available)
        if available < max(1, desired * threshold_percent // 100):
            return Waiting(f"{available} of {desired} updated pods are available", available)
        return Ready()

    def is_serving(self, workload: Json) -> bool:
        """By its status."""
        return bool((workload.get("status") or {}).get("numberAvailable", 0))


def _is_current(obj: Json) -> bool:
    """Whether the status speaks of the present spec."""
    seen = (obj.get("status") or {}).get("observedGeneration", 0)
    return bool(obj["metadata"].get("generation", 0) <= seen)
