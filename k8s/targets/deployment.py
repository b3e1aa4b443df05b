"""Deployments (apps/v1) as targets."""

from copy import deepcopy

from k8s.client import Json
from k8s.readiness import Readiness, readiness
from k8s.resources import DEPLOYMENTS
from k8s.targets.base import DEFAULT_SELECTOR_LABELS, FLUX, Selector, UnfitTarget

COPIED_SETTINGS = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy")
OTHERS_ANNOTATIONS = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"},
)


class DeploymentTarget:
    """Knows where a Deployment keeps what a rollout needs."""

    resource = DEPLOYMENTS

    def selector(self, target: Json, labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS) -> Selector:
        """The first of `labels` in matchLabels.

        Raises:
            UnfitTarget: none of them is there.
        """
        match_labels = target["spec"]["selector"].get("matchLabels") or {}
        for label in labels:
            if label in match_labels:
                return Selector(label, match_labels[label])
        metadata = target["metadata"]
        raise UnfitTarget(
            f"deployment {metadata['name']}.{metadata['namespace']} spec.selector.matchLabels "
            f"must contain one of {list(labels)}"
        )

    def template(self, obj: Json) -> Json:
        """`spec.template`."""
        return dict(obj["spec"]["template"])

    def readiness(self, obj: Json, threshold_percent: int) -> Readiness:
        """As `kubectl rollout status` judges."""
        return readiness(obj, threshold_percent)

    def replicas(self, obj: Json) -> int:
        """`spec.replicas`; absent means one."""
        return int(obj["spec"].get("replicas", 1))

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """A merge patch of `spec.replicas`."""
        return None if self.replicas(obj) == replicas else {"spec": {"replicas": replicas}}

    def primary(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """A Deployment of its own selector, with as many replicas as the target has, at least one."""
        return {
            **DEPLOYMENTS.header(target["metadata"]["namespace"], name),
            "metadata": {
                "name": name,
                "namespace": target["metadata"]["namespace"],
                "labels": selector.primary,
                "annotations": copied_annotations(target),
            },
            "spec": {
                **_settings(target),
                "replicas": self.replicas(target) or 1,
                "selector": {"matchLabels": selector.primary},
                "template": template,
            },
        }

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """For a PUT: exactly `template`, even where another manager owned fields of the former one."""
        promoted = deepcopy(primary)
        promoted["spec"] |= {**_settings(target), "template": template}
        promoted.pop("status", None)
        return promoted


def copied_annotations(target: Json) -> dict[str, str]:
    """Annotations of the target that mean something on a copy of it."""
    annotations = target["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in OTHERS_ANNOTATIONS and FLUX not in key}


def _settings(target: Json) -> Json:
    return {key: deepcopy(target["spec"][key]) for key in COPIED_SETTINGS if key in target["spec"]}
