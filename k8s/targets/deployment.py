"""Deployments (apps/v1) as targets."""

from k8s import readiness
from k8s.client import Json
from k8s.resources import DEPLOYMENTS
from k8s.targets.base import Selector
from k8s.targets.pods import PodTarget


class DeploymentTarget(PodTarget):
    """Knows where a Deployment keeps what a rollout needs."""

    resource = DEPLOYMENTS
    workloads = DEPLOYMENTS
    pod_suffix = "-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"
    copied_settings = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy")

    def copy(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """With as many replicas as the target has, at least one."""
        manifest = super().copy(target, template, name, selector)
        manifest["spec"]["replicas"] = self.replicas(target) or 1
        return manifest

    def replicas(self, obj: Json) -> int:
        """`spec.replicas`; absent means one."""
        return int(obj["spec"].get("replicas", 1))

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """A merge patch of `spec.replicas`."""
        return None if self.replicas(obj) == replicas else {"spec": {"replicas": replicas}}

    def is_empty(self, obj: Json) -> bool:
        """By its status."""
        return readiness.is_empty(obj)

    def readiness(self, workload: Json, threshold_percent: int) -> readiness.Readiness:
        """As `kubectl rollout status` judges."""
        return readiness.readiness(workload, threshold_percent)

    def is_serving(self, workload: Json) -> bool:
        """By its status."""
        return readiness.is_serving(workload)
