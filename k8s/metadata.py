"""Which labels and annotations of an object its copy carries. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from k8s.client import Json
from k8s.targets.base import FLUX

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OWN_PREFIX = "serinus.dev/"
ONE_OBJECTS = frozenset({LAST_APPLIED, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"})
"""Annotations that speak of the object they stand on, and would lie on a copy."""
EVERY_KEY = "*"


def is_copied(key: str) -> bool:
    """Whether a key means on a copy what it means on the original: Flux' marks, for one, would make Flux prune it."""
    return FLUX not in key and key not in ONE_OBJECTS and not key.startswith(OWN_PREFIX)


def copied(pairs: Mapping[str, str] | None) -> dict[str, str]:
    """The labels or annotations that make sense on a copy."""
    return {key: value for key, value in (pairs or {}).items() if is_copied(key)}


def copied_metadata(original: Json) -> Json:
    """Labels and annotations that make sense on a copy of an object."""
    return {key: copied(original["metadata"].get(key)) for key in ("labels", "annotations")}


@dataclass(frozen=True)
class PrefixFilter:
    """Keys that follow the original: those with one of the prefixes; `*` stands for all, nothing for none."""

    prefixes: tuple[str, ...] = ()

    def passes(self, key: str) -> bool:
        """Whether the key follows the original."""
        return is_copied(key) and (EVERY_KEY in self.prefixes or key.startswith(self.prefixes))

    def pick(self, pairs: Mapping[str, str] | None) -> dict[str, str]:
        """Those of the original's labels or annotations."""
        return {key: value for key, value in (pairs or {}).items() if self.passes(key)}

    def followed(self, present: Json, original: Json, labels: Mapping[str, str]) -> Json:
        """Metadata of a copy: what passes is as on the original, whatever else stands there stays.

        Args:
            present: the copy's metadata as it is.
            original: the original's metadata as it is.
            labels: that the copy carries in any case.
        """
        metadata = {key: value for key, value in present.items() if key not in {"labels", "annotations"}}
        followed = {
            "labels": self._mixed(present.get("labels"), original.get("labels")) | dict(labels),
            "annotations": self._mixed(present.get("annotations"), original.get("annotations")),
        }
        return metadata | {field: pairs for field, pairs in followed.items() if pairs}

    def _mixed(self, present: Mapping[str, str] | None, original: Mapping[str, str] | None) -> dict[str, str]:
        others = {key: value for key, value in (present or {}).items() if not self.passes(key)}
        return others | self.pick(original)
