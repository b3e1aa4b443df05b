"""What Deployments and DaemonSets have in common: a pod template, and a primary of the same kind beside the target."""

from copy import deepcopy
from typing import ClassVar

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.primary import mark_of, primary_template, runs_same
from k8s.resources import Resource
from k8s.targets.base import DEFAULT_SELECTOR_LABELS, PRIMARY_SUFFIX, Selector, UnfitTarget, copied_annotations


class PodTarget:
    """A workload of pods; a subclass adds how it is scaled and when it is ready."""

    resource: Resource
    workloads: Resource
    pod_suffix: str
    copied_settings: ClassVar[tuple[str, ...]]
    """The fields of `spec` that the primary takes over from the target."""

    def problem(self, canary: Canary, provider: str) -> str:
        """None."""
        return ""

    def primary_name(self, target: str) -> str:
        """`{target}-primary`."""
        return target + PRIMARY_SUFFIX

    def canary_name(self, target: str) -> str:
        """The target itself."""
        return target

    def selector(
        self, target: Json, primary: Json | None = None, labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS
    ) -> Selector:
        """The first of `labels` in matchLabels, beside all the others.

        A primary that exists keeps the selector it was made with.

        Raises:
            UnfitTarget: none of them is there.
        """
        match_labels = _match_labels(target)
        label = next((label for label in labels if label in match_labels), None)
        if label is None:
            metadata = target["metadata"]
            raise UnfitTarget(
                f"{self.resource.kind.lower()} {metadata['name']}.{metadata['namespace']} "
                f"spec.selector.matchLabels must contain one of {list(labels)}"
            )
        others = _without(match_labels, label)
        selector = Selector(label, match_labels[label], others, others)
        own = _match_labels(primary) if primary else {}
        if own.get(label) != selector.primary_value:
            return selector
        return Selector(label, match_labels[label], others, _without(own, label))

    def template(self, target: Json) -> Json:
        """`spec.template`."""
        return dict(target["spec"]["template"])

    def running(self, primary: Json) -> Json | None:
        """`spec.template`."""
        return dict(primary["spec"]["template"])

    def primary_template(
        self, template: Json, selector: Selector, configs: dict[str, str], target_name: str = ""
    ) -> Json:
        """With the primary's label and its own copies of the configs."""
        return primary_template(template, selector, configs, target_name)

    def runs(self, running: Json, expected: Json) -> bool:
        """Marks apart, if another controller wrote it."""
        return runs_same(running, expected)

    def mark(self, template: Json) -> str | None:
        """Our annotation on the pods."""
        return mark_of(template)

    def copy(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """A workload with a selector of its own."""
        manifest = self.resource.header(target["metadata"]["namespace"], name)
        manifest["metadata"] = {
            "name": name,
            "namespace": target["metadata"]["namespace"],
            "labels": {selector.label: selector.primary_value},
            "annotations": copied_annotations(target),
        }
        manifest["spec"] = {
            **self._settings(target),
            "selector": {"matchLabels": selector.primary},
            "template": template,
        }
        return manifest

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """Exactly `template`, even where another manager owned fields of the former one."""
        promoted = deepcopy(primary)
        promoted["spec"] |= {**self._settings(target), "template": template}
        promoted.pop("status", None)
        return promoted

    def canary_workload(self, target: Json) -> str:
        """Itself."""
        return str(target["metadata"]["name"])

    def primary_workload(self, primary: Json) -> str:
        """Itself."""
        return str(primary["metadata"]["name"])

    def _settings(self, target: Json) -> Json:
        return {key: deepcopy(target["spec"][key]) for key in self.copied_settings if key in target["spec"]}


def _match_labels(obj: Json) -> dict[str, str]:
    return dict(obj["spec"]["selector"].get("matchLabels") or {})


def _without(labels: dict[str, str], label: str) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != label}
