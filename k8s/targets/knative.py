"""Knative Services (serving.knative.dev/v1) as targets.

Knative itself keeps every revision and splits the traffic between them, so there are no copies: the primary is the
revision that an annotation of the Service names, the canary its latest one.
"""

from copy import deepcopy

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.readiness import Readiness, Ready, Waiting
from k8s.resources import KNATIVE_REVISIONS, KNATIVE_SERVICES
from k8s.targets.base import Selector, UnfitTarget
from k8s.targets.unscaled import UnscaledTarget

PROVIDER = "knative"
PRIMARY_REVISION = "flagger.app/primary-revision"
"""The annotation that names the primary's revision, as Flagger writes it."""
REVISION_NAME = "revisionName"


class KnativeTarget(UnscaledTarget):
    """Knows where a Knative Service names its revisions."""

    resource = KNATIVE_SERVICES
    workloads = KNATIVE_REVISIONS

    def problem(self, canary: Canary, provider: str) -> str:
        """Knative routes, and scales."""
        if provider != PROVIDER:
            return f"can't use {provider} provider with Knative Service as target"
        return "can't use autoscaler with Knative Service" if canary.spec.autoscaler_ref else ""

    def primary_name(self, target: str) -> str:
        """The target itself."""
        return target

    def canary_name(self, target: str) -> str:
        """The target itself."""
        return target

    def template(self, target: Json) -> Json:
        """The name of the latest revision.

        Raises:
            UnfitTarget: Knative has not made one yet.
        """
        latest = latest_revision(target)
        if not latest:
            metadata = target["metadata"]
            raise UnfitTarget(
                f"Knative service {metadata['name']}.{metadata['namespace']} status.latestCreatedRevisionName is "
                "empty; wait for Knative to make a revision, or look at the conditions of the service"
            )
        return {REVISION_NAME: latest}

    def running(self, primary: Json) -> Json | None:
        """The name in the annotation."""
        name = primary_revision(primary)
        return {REVISION_NAME: name} if name else None

    def copy(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """Impossible: the primary is the target, so whoever finds no primary has lost the target.

        Raises:
            UnfitTarget: always.
        """
        raise UnfitTarget(f"Knative service {name}.{target['metadata']['namespace']} is gone; create it again")

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """Only the annotation changes."""
        promoted = deepcopy(primary)
        annotations = promoted["metadata"].get("annotations") or {}
        promoted["metadata"]["annotations"] = {**annotations, PRIMARY_REVISION: template[REVISION_NAME]}
        promoted.pop("status", None)
        return promoted

    def canary_workload(self, target: Json) -> str:
        """The latest Revision."""
        return latest_revision(target)

    def primary_workload(self, primary: Json) -> str:
        """The Revision that the annotation names."""
        return primary_revision(primary)

    def readiness(self, workload: Json, threshold_percent: int) -> Readiness:
        """The Revision's condition Ready."""
        status, generation = workload.get("status") or {}, workload["metadata"].get("generation", 0)
        if self.is_serving(workload):
            return Ready()
        ready = _ready_condition(workload)
        why = ready.get("message") or ready.get("reason") or "Knative has not judged it yet"
        current = bool(generation <= status.get("observedGeneration", generation))
        return Waiting(f"revision {workload['metadata']['name']} is not ready: {why}", 0, current=current)

    def is_serving(self, workload: Json) -> bool:
        """A revision that is ready answers, be it scaled to zero at the moment."""
        return bool(_ready_condition(workload).get("status") == "True")


def latest_revision(service: Json) -> str:
    """The name of the revision that Knative made last; empty when it made none."""
    return str((service.get("status") or {}).get("latestCreatedRevisionName") or "")


def primary_revision(service: Json) -> str:
    """The name of the primary's revision; empty when none was chosen yet."""
    return str((service["metadata"].get("annotations") or {}).get(PRIMARY_REVISION) or "")


def _ready_condition(revision: Json) -> Json:
    conditions = (revision.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})
