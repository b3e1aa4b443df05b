"""What a primary's template runs, apart from the marks of whoever wrote it. Pure."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from k8s.client import Json
from k8s.revision import template_hash
from k8s.targets.base import PRIMARY_SUFFIX, REVISION_ANNOTATION

RESTARTED_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
IGNORED_ANNOTATIONS = frozenset({REVISION_ANNOTATION, "flagger-id", RESTARTED_ANNOTATION})
"""They say who wrote or restarted the pods, and nothing about what these run."""
NEVER = datetime.min.replace(tzinfo=UTC)


def substance(template: Json) -> str:
    """Equal for templates that run the same, whichever controller made primaries of them.

    Which label values get the suffix where pods are spread differs between controllers, and says nothing either.
    """
    copy = deepcopy(template)
    metadata, spec = copy.setdefault("metadata", {}), copy.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if key not in IGNORED_ANNOTATIONS}
    affinity = spec.get("affinity") or {}
    for holder, field in ((affinity, "podAntiAffinity"), (spec, "topologySpreadConstraints")):
        if field in holder:
            holder[field] = _unsuffixed(holder[field])
    return template_hash({**copy, "metadata": {key: value for key, value in metadata.items() if value}})


def restarted(template: Json) -> datetime:
    """When `kubectl rollout restart` was last asked for; long ago when never, or when nobody can read it."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    try:
        at = datetime.fromisoformat(annotations.get(RESTARTED_ANNOTATION, ""))
    except ValueError:
        return NEVER
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _unsuffixed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unsuffixed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unsuffixed(item) for item in value]
    return value.removesuffix(PRIMARY_SUFFIX) if isinstance(value, str) else value
