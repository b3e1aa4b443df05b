"""Which canaries want a run, judged by what the shared watches show alone. Pure.

A wrong "yes" costs one look that changes nothing; a wrong "no" would cost a release.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from k8s.client import Json
from k8s.revision import template_hash
from k8s.targets.base import Target, UnfitTarget

REST_PHASES = frozenset({"Initialized", "Succeeded", "Failed"})
FINALIZER = "finalizer.flagger.app"
Versions = dict[str, str]
"""Config id (`configmap/{name}`) to resourceVersion."""


@dataclass(frozen=True)
class Sight:
    """What the watches show of one canary."""

    canary: Json
    kind: Target | None
    """Of the target; None when it is none that can be released."""
    target: Json | None
    primary: Json | None
    versions: Versions
    scaler: str | None = None
    """What a copy of the target's autoscaler would be made of, where the primary's is to follow it at any time."""
    scaler_copy: str | None = None
    """What the primary's was made of."""

    @property
    def revision(self) -> str | None:
        """Hash of the target's template; empty when it is unfit for a release, None when there is no target."""
        if self.kind is None or self.target is None:
            return None
        try:
            return template_hash(self.kind.template(self.target))
        except UnfitTarget:
            return ""

    @property
    def has_primary(self) -> bool:
        """Whether something is known to serve."""
        return bool(self.kind and self.primary and self.kind.running(self.primary))


def fingerprint(sight: Sight) -> Hashable:
    """What a run would look at; while it stays the same there is no reason to look again."""
    metadata = sight.canary["metadata"]
    return (
        metadata["uid"],
        metadata.get("generation"),
        "deletionTimestamp" in metadata,
        sight.revision,
        sight.has_primary,
        tuple(sorted(sight.versions.items())),
        sight.scaler,
        sight.scaler_copy,
    )


def wants_run(sight: Sight) -> str:
    """Why the canary is not at rest; empty when it is."""
    metadata, status = sight.canary["metadata"], sight.canary.get("status") or {}
    is_suspended = (sight.canary.get("spec") or {}).get("suspend")
    if "deletionTimestamp" in metadata:
        return "the canary is being deleted" if FINALIZER in (metadata.get("finalizers") or []) else ""
    if is_suspended and metadata.get("generation") == status.get("observedGeneration"):
        return ""
    if status.get("phase", "") not in REST_PHASES:
        return f"phase {status.get('phase') or 'New'}"
    if sight.target is None:
        return "the target is gone"
    if not sight.has_primary:
        return "the primary is gone"
    if sight.revision not in (status.get("lastAppliedSpec"), status.get("lastPromotedSpec")):
        return "the target has a new revision"
    if metadata.get("generation") != status.get("observedGeneration"):
        return "the canary's spec changed"
    if sight.scaler and sight.scaler != sight.scaler_copy:
        return "the target's autoscaler changed"
    known = status.get("configVersions") or {}
    changed = sorted(id_ for id_ in known.keys() | sight.versions.keys() if known.get(id_) != sight.versions.get(id_))
    return f"{', '.join(changed)} changed" if changed else ""
