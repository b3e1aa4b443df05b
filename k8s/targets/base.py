"""What a kind must offer to be the target of a Canary."""

from dataclasses import dataclass, field
from typing import Protocol

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.readiness import Readiness
from k8s.resources import Resource

DEFAULT_SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
PRIMARY_SUFFIX = "-primary"
CANARY_SUFFIX = "-canary"
FLUX = "toolkit.fluxcd.io"
"""In the keys by which Flux knows an object as its own; a copy must not carry them."""
OTHERS_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deprecated.daemonset.template.generation",
    },
)
"""What other controllers say of the target alone."""
REVISION_ANNOTATION = "serinus.dev/revision"
"""On the primary's pods: template hash and config checksums of what it runs, so that a config change rolls them."""


@dataclass(frozen=True)
class Selector:
    """The labels by which pods are selected: one of them tells the canary's from the primary's.

    An empty one is false: there are no pods to tell apart.
    """

    label: str
    value: str
    others: dict[str, str] = field(default_factory=dict)
    """The target's further matchLabels: who shares the one label with it may differ in these."""
    primary_others: dict[str, str] = field(default_factory=dict)
    """The primary's; Flagger gives a primary none, and a selector never changes."""

    def __bool__(self) -> bool:
        return bool(self.label)

    @property
    def primary_value(self) -> str:
        """Of the label, on the primary's pods."""
        return self.value + PRIMARY_SUFFIX

    @property
    def canary(self) -> dict[str, str]:
        """Matches the target's own pods."""
        return {**self.others, self.label: self.value}

    @property
    def primary(self) -> dict[str, str]:
        """Matches the primary's pods."""
        return {**self.primary_others, self.label: self.primary_value}


NO_PODS = Selector("", "")
"""Of targets that select pods by other means, or leave them to somebody else."""


class UnfitTarget(Exception):
    """The target cannot be released as it is; the text says what to change."""


class Target(Protocol):
    """Pure knowledge of one kind; reading and writing is the caller's.

    Its *template* is what a release changes and a promotion copies: a pod template, or what stands for it.
    """

    resource: Resource
    """The kind itself; its primary is of the same kind, and may even be the same object."""
    workloads: Resource
    """What becomes ready: mostly the kind itself."""
    pod_suffix: str
    """A regular expression for what follows the workload's name in those of its pods; empty: pods have no such name."""

    def problem(self, canary: Canary, provider: str) -> str:
        """Why this Canary cannot release such a target by this provider, in a user's words; empty when it can."""
        ...

    def primary_name(self, target: str) -> str:
        """The name of the object that tells what serves live traffic."""
        ...

    def canary_name(self, target: str) -> str:
        """The name of the object to which the canary's traffic is led: mostly the target."""
        ...

    def selector(
        self, target: Json, primary: Json | None = None, labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS
    ) -> Selector:
        """The labels to select by; raises UnfitTarget when none of `labels` is in matchLabels."""
        ...

    def template(self, target: Json) -> Json:
        """What is released; raises UnfitTarget when the target is in no state to be."""
        ...

    def running(self, primary: Json) -> Json | None:
        """The template that the primary has; None when it has none yet."""
        ...

    def primary_template(
        self, template: Json, selector: Selector, configs: dict[str, str], target_name: str = ""
    ) -> Json:
        """The template as the primary runs it; `configs` are the tracked ones, id to checksum.

        Anti-affinity may speak of the target by `target_name` too.
        """
        ...

    def runs(self, running: Json, expected: Json) -> bool:
        """Whether the primary's template does what is expected of it."""
        ...

    def mark(self, template: Json) -> str | None:
        """What tells one template of the primary from another; None when another controller wrote it."""
        ...

    def copy(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """The manifest of a new object of that name that has `template`; without owner."""
        ...

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """The existing primary with the template and the settings of the target, for a PUT; its scale stays."""
        ...

    def replicas(self, obj: Json) -> int:
        """How many pods are asked for; where that is no number, one stands for all."""
        ...

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """A merge patch that scales it, or None when it is scaled so already."""
        ...

    def is_empty(self, obj: Json) -> bool:
        """Whether it is scaled to zero and the cluster knows of no pod of it any more."""
        ...

    def canary_workload(self, target: Json) -> str:
        """The name of what becomes ready before the canary gets traffic; empty when there is nothing yet."""
        ...

    def primary_workload(self, primary: Json) -> str:
        """The name of what must be ready to serve; empty when there is nothing yet."""
        ...

    def readiness(self, workload: Json, threshold_percent: int) -> Readiness:
        """Whether it runs its template and enough of its pods are available."""
        ...

    def is_serving(self, workload: Json) -> bool:
        """Whether at least one pod is available, of whatever template."""
        ...


def copied_annotations(target: Json) -> dict[str, str]:
    """Annotations of the target that mean something on a copy of it."""
    annotations = target["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in OTHERS_ANNOTATIONS and FLUX not in key}
