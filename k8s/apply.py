"""Narrow writes: change only our fields, and read afresh when somebody else was faster."""

from collections.abc import Callable
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from k8s.client import Cluster, Json
from k8s.errors import Conflict, NotFound
from k8s.resources import Resource

CONFLICT_ATTEMPTS = 8


async def find(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Json | None:
    """The object, or None when it does not exist."""
    try:
        return await cluster.get(resource.path(namespace, name))
    except NotFound:
        return None


async def amend(
    cluster: Cluster,
    path: str,
    change: Callable[[Json], Json | None],
    *,
    known: Json | None = None,
    subresource: str = "",
) -> Json:
    """Read, let `change` say which fields to merge (None: nothing), write; a conflict starts over on fresh state.

    Args:
        cluster: where the object is.
        path: of the object.
        change: gets the object as read and returns a merge patch (RFC 7396) without metadata.resourceVersion.
        known: the object as it was read a moment ago, which spares the first reading.
        subresource: what of the object is written, such as `status`; the object is read whole.

    Raises:
        NotFound: there is no such object.
        Conflict: others kept changing it.
    """
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Conflict),
        stop=stop_after_attempt(CONFLICT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        reraise=True,
    ):
        with attempt:
            current, known = known or await cluster.get(path), None
            patch = change(current)
            if patch is None:
                return current
            where = f"{path}/{subresource}" if subresource else path
            return await cluster.merge(where, versioned(patch, current))
    raise AssertionError("tenacity re-raises the last error")


def versioned(patch: Json, current: Json) -> Json:
    """The patch, valid only on the object as it was read."""
    metadata: dict[str, Any] = {**patch.get("metadata", {}), "resourceVersion": current["metadata"]["resourceVersion"]}
    return {**patch, "metadata": metadata}


def owner_of(canary: Json) -> Json:
    """The controller reference that ties a generated object to its Canary."""
    metadata = canary["metadata"]
    return {
        "apiVersion": canary["apiVersion"],
        "kind": canary["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_owner(owners: list[Json], canary: Json) -> list[Json]:
    """The owners of a shared object with this Canary among them; a new one controls it, the former ones stay.

    The cluster keeps the object until the last of its owners is gone.
    """
    if any(owner.get("uid") == canary["metadata"]["uid"] for owner in owners):
        return owners
    return [*({**owner, "controller": False} for owner in owners), owner_of(canary)]


def controller_of(obj: Json) -> Json | None:
    """The owner that manages the object."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def is_owned_by(obj: Json, canary: Json) -> bool:
    """Whether this Canary controls the object."""
    owners = obj["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == canary["metadata"]["uid"] for owner in owners)
