"""Objects that Flagger made and that are wholly ours now: its fields become ours before we apply our own.

Left out of a server-side apply, a field stays in the object for as long as another manager has it
(`metadata.managedFields`).
"""

from copy import deepcopy

from k8s.apply import find, versioned
from k8s.client import FIELD_MANAGER, Cluster, Json
from k8s.resources import Resource

FORMER_MANAGER = "flagger"
"""The name that Flagger's client gives itself: that of its program."""


async def apply_wholly(cluster: Cluster, resource: Resource, manifest: Json) -> None:
    """Server-side apply; what Flagger wrote and the manifest leaves out goes.

    Raises:
        Conflict: somebody changed the object meanwhile.
    """
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    current = await find(cluster, resource, namespace, name)
    fields = inherited(current["metadata"].get("managedFields") or []) if current else None
    if current and fields is not None:
        await cluster.merge(resource.path(namespace, name), versioned({"metadata": {"managedFields": fields}}, current))
    await cluster.apply(resource, manifest)


def inherited(entries: list[Json]) -> list[Json] | None:
    """The entries with Flagger's fields among those that we apply; None when Flagger has none."""
    ours = [entry for entry in entries if _is_spec_of(entry, FIELD_MANAGER) and entry["operation"] == "Apply"]
    theirs = [entry for entry in entries if _is_spec_of(entry, FORMER_MANAGER)]
    if not theirs:
        return None
    others = [entry for entry in entries if entry not in (*ours, *theirs)]
    heir = deepcopy({**theirs[0], **(ours[0] if ours else {}), "manager": FIELD_MANAGER, "operation": "Apply"})
    for entry in theirs:
        _add(heir["fieldsV1"], entry["fieldsV1"])
    return [heir, *others]


def _is_spec_of(entry: Json, manager: str) -> bool:
    return entry["manager"] == manager and "subresource" not in entry


def _add(fields: Json, more: Json) -> None:
    for key, value in more.items():
        _add(fields.setdefault(key, {}), value)
