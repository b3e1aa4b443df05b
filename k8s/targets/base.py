"""What a kind of workload must offer to be the target of a Canary."""

from dataclasses import dataclass
from typing import Protocol

from k8s.client import Json
from k8s.readiness import Readiness
from k8s.resources import Resource

DEFAULT_SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
PRIMARY_SUFFIX = "-primary"
FLUX = "toolkit.fluxcd.io"
"""In the keys by which Flux knows an object as its own; a copy must not carry them."""
REVISION_ANNOTATION = "serinus.dev/revision"
"""On the primary's pods: template hash and config checksums of what it runs, so that a config change rolls them."""


@dataclass(frozen=True)
class Selector:
    """The one label that tells the canary's pods from the primary's."""

    label: str
    value: str

    @property
    def canary(self) -> dict[str, str]:
        """Matches the target's own pods."""
        return {self.label: self.value}

    @property
    def primary(self) -> dict[str, str]:
        """Matches the primary's pods."""
        return {self.label: self.value + PRIMARY_SUFFIX}


class UnfitTarget(Exception):
    """The target cannot be released as it is; the text says what to change."""


class Target(Protocol):
    """Pure knowledge of one kind; reading and writing is the caller's."""

    resource: Resource

    def selector(self, target: Json, labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS) -> Selector:
        """The label to select by; raises UnfitTarget when none of `labels` is in matchLabels."""
        ...

    def template(self, obj: Json) -> Json:
        """The pod template."""
        ...

    def readiness(self, obj: Json, threshold_percent: int) -> Readiness:
        """Whether it runs its template and is available."""
        ...

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """A merge patch that scales it, or None when it is scaled so already."""
        ...

    def replicas(self, obj: Json) -> int:
        """How many pods are asked for."""
        ...

    def primary(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """The whole manifest of a new primary that runs `template`; without owner."""
        ...

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """The existing primary with the template and the settings of the target; its scale is left alone."""
        ...
