"""The target's own autoscaler, which works during rollouts only.

Every function does nothing for a Canary without `spec.autoscalerRef`.
"""

from collections.abc import Mapping
from contextlib import suppress

from k8s.apply import amend, find
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.scalers.base import Scaler
from k8s.scalers.copies import annotations_of
from k8s.scalers.registry import scaler_for


async def pause(cluster: Cluster, canary: Canary) -> None:
    """Keep the target's autoscaler from bringing it up; one that is gone brings nothing up."""
    if ref := canary.spec.autoscaler_ref:
        kind = scaler_for(ref.kind)
        await _annotate(cluster, canary, kind, kind.pause)


async def resume(cluster: Cluster, canary: Canary) -> None:
    """Let the target's autoscaler scale it."""
    if ref := canary.spec.autoscaler_ref:
        kind = scaler_for(ref.kind)
        await _annotate(cluster, canary, kind, dict.fromkeys(kind.pause))


async def starting_replicas(cluster: Cluster, canary: Canary) -> int:
    """How many pods the target's autoscaler would leave it at least, and at least one."""
    ref = canary.spec.autoscaler_ref
    if ref is None:
        return 1
    kind = scaler_for(ref.kind)
    original = await find(cluster, kind.resource, canary.namespace, ref.name)
    return max(1, kind.bounds.of(original)[0]) if original else 1


async def _annotate(cluster: Cluster, canary: Canary, kind: Scaler, wanted: Mapping[str, str | None]) -> None:
    ref = canary.spec.autoscaler_ref
    if ref is None or not wanted:
        return

    def patch(scaler: Json) -> Json | None:
        present = annotations_of(scaler)
        if all(present.get(key) == value for key, value in wanted.items()):
            return None
        return {"metadata": {"annotations": dict(wanted)}}

    with suppress(NotFound):
        await amend(cluster, kind.resource.path(canary.namespace, ref.name), patch)
