"""The copy of the target's autoscaler that scales the primary, and the capacity it holds during a promotion.

Every function does nothing for a Canary without `spec.autoscalerRef`.
"""

from contextlib import suppress

from k8s.apply import find, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.inheritance import apply_wholly
from k8s.metadata import copied
from k8s.models.canary import AutoscalerRef, Canary
from k8s.revision import digest
from k8s.scalers.base import Scaler
from k8s.scalers.registry import scaler_for
from k8s.targets.base import PRIMARY_SUFFIX, UnfitTarget

HELD = "serinus.dev/replicas-during-promotion"
"""On a copy whose minimum is raised: to how many, so that a second attempt does not count its own doing."""
COPIED_FROM = "serinus.dev/copied-from"
"""On a copy: digest of what it was made of (`origin`)."""


async def follow(cluster: Cluster, canary: Canary, raw: Json) -> None:
    """Make `{name}-primary` a copy of the target's autoscaler as it is now.

    Raises:
        NotFound: `spec.autoscalerRef` names one that does not exist.
        UnfitTarget: no copy can be made of it; the text says what to change.
    """
    if ref := canary.spec.autoscaler_ref:
        kind = scaler_for(ref.kind)
        await apply_wholly(
            cluster, kind.resource, copy_of(kind, await _original(cluster, canary, kind, ref), canary, raw)
        )


async def is_behind(cluster: Cluster, canary: Canary) -> bool:
    """Whether the target's autoscaler changed since it was copied; nothing can be behind one that is gone."""
    ref = canary.spec.autoscaler_ref
    if ref is None:
        return False
    kind = scaler_for(ref.kind)
    original = await find(cluster, kind.resource, canary.namespace, ref.name)
    copy = await find(cluster, kind.resource, canary.namespace, copy_name(ref))
    return original is not None and origin_of(copy) != origin(kind, original)


async def hold_capacity(cluster: Cluster, canary: Canary, raw: Json, serving: int) -> int:
    """Bring the copy up to date, and keep it from leaving the primary with fewer replicas than serve the traffic now.

    A primary that lost traffic to its canary was scaled in; all of it coming back at once would be too much
    (fluxcd/flagger#1600). An autoscaler that decides nothing did not scale in and would not let go again: it is left
    at its own minimum.

    Args:
        cluster: where.
        canary: whose promotion begins.
        raw: the same, as read.
        serving: replicas of primary and canary together.

    Returns:
        How many replicas the primary must have before traffic comes back; 0: as many as it has.
    """
    ref = canary.spec.autoscaler_ref
    if ref is None:
        return 0
    kind = scaler_for(ref.kind)
    original = await _original(cluster, canary, kind, ref)
    copy = await find(cluster, kind.resource, canary.namespace, copy_name(ref))
    held = held_by(copy) or (serving if copy and kind.is_scaling(copy) else 0)
    manifest = copy_of(kind, original, canary, raw, held)
    await apply_wholly(cluster, kind.resource, manifest)
    return min(held, kind.bounds.of(manifest)[1])


async def release_capacity(cluster: Cluster, canary: Canary, raw: Json) -> None:
    """The traffic is back: the copy gets its own minimum again; without an original it stays as it is."""
    if ref := canary.spec.autoscaler_ref:
        copy = await find(cluster, scaler_for(ref.kind).resource, canary.namespace, copy_name(ref))
        if held_by(copy):
            with suppress(NotFound):
                await follow(cluster, canary, raw)


def copy_of(kind: Scaler, original: Json, canary: Canary, raw: Json, held: int = 0) -> Json:
    """The whole manifest of the primary's autoscaler.

    Args:
        kind: of both.
        original: the target's, as read.
        canary: whose `autoscalerRef` may bound the copy otherwise.
        raw: the same, as read: the owner.
        held: replicas below which the minimum may not be for the moment; the maximum holds nonetheless.

    Raises:
        UnfitTarget: the bounds contradict each other, or what the Canary says of it does not fit.
    """
    metadata = original["metadata"]
    spec, labels = _bounded(kind, original, canary), copied(metadata.get("labels"))
    annotations = kind.annotations(original) | {COPIED_FROM: origin(kind, original)}
    if held:
        least, most = kind.bounds.of({"spec": spec})
        annotations[HELD] = str(held)
        spec[kind.bounds.least] = max(least, min(held, most))
    manifest: Json = kind.resource.header(canary.namespace, f"{metadata['name']}{PRIMARY_SUFFIX}")
    manifest["metadata"] |= {"labels": labels, "annotations": annotations, "ownerReferences": [owner_of(raw)]}
    return manifest | {"spec": spec}


def _bounded(kind: Scaler, original: Json, canary: Canary) -> Json:
    """The copy's spec, with `primaryScalerReplicas` where it says something."""
    spec, ref = kind.spec(original, canary), canary.spec.autoscaler_ref
    replicas = ref.primary_scaler_replicas if ref else None
    if replicas and replicas.min_replicas:
        spec[kind.bounds.least] = replicas.min_replicas
    if replicas and replicas.max_replicas:
        spec[kind.bounds.most] = replicas.max_replicas
    least, most = kind.bounds.of({"spec": spec})
    if least > most:
        raise UnfitTarget(
            f"spec.autoscalerRef.primaryScalerReplicas: the primary's {kind.resource.kind} would have a minimum of "
            f"{least} and a maximum of {most} replicas; write a minReplicas that is not above maxReplicas"
        )
    return spec


def copy_name(ref: AutoscalerRef) -> str:
    """Of the primary's autoscaler."""
    return f"{ref.name}{PRIMARY_SUFFIX}"


def held_by(copy: Json | None) -> int:
    """To how many replicas a copy's minimum is raised; 0 when it is not."""
    held = str(annotations_of(copy).get(HELD, ""))
    return int(held) if held.isdecimal() else 0


def origin(kind: Scaler, original: Json) -> str:
    """Digest of all that a copy takes from the original; its status and its pause are none of that."""
    return digest([original["spec"], copied(original["metadata"].get("labels")), kind.annotations(original)])


def origin_of(copy: Json | None) -> str | None:
    """What a copy was made of; None for one that another controller made, and for none."""
    return annotations_of(copy).get(COPIED_FROM)


def annotations_of(obj: Json | None) -> dict[str, str]:
    """Of an autoscaler; none of one that is not there."""
    return (obj or {"metadata": {}})["metadata"].get("annotations") or {}


async def _original(cluster: Cluster, canary: Canary, kind: Scaler, ref: AutoscalerRef) -> Json:
    return await cluster.get(kind.resource.path(canary.namespace, ref.name))
