"""The tracked ConfigMaps and Secrets of a template: read, checksummed, copied for the primary."""

import asyncio
from collections.abc import Mapping

from activities.bench import Bench, Subject
from k8s.apply import find, with_owner
from k8s.client import Json
from k8s.configs import CONFIG_MAP, ConfigRef, config_refs, is_tracked
from k8s.errors import Conflict, NotFound
from k8s.resources import CONFIG_MAPS, SECRETS, Resource
from k8s.revision import config_checksum
from k8s.targets.base import PRIMARY_SUFFIX

CONTENT = ("data", "binaryData", "immutable", "type")
OF_ONE_OBJECT = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation"})
"""Metadata that the API server gives to an object, and that the next one of its name must not bring along."""


class MissingConfig(Exception):
    """A config that the template requires does not exist."""


def resource_of(ref: ConfigRef) -> Resource:
    """Where configs of that kind live."""
    return CONFIG_MAPS if ref.kind == CONFIG_MAP else SECRETS


async def tracked_configs(bench: Bench, subject: Subject, template: Json) -> dict[str, Json]:
    """The tracked configs as they are now, by id, in the order of their ids; none when tracking is off.

    Raises:
        MissingConfig: a required one does not exist.
    """
    if not bench.defaults.enable_config_tracking:
        return {}
    refs = [ref for _, ref in sorted(config_refs(template).items())]
    found = await asyncio.gather(*(_read(bench, subject, ref) for ref in refs))
    return {ref.id: obj for ref, obj in zip(refs, found, strict=True) if obj is not None and is_tracked(obj)}


def checksums(configs: dict[str, Json]) -> dict[str, str]:
    """Id to checksum, as in `status.trackedConfigs`."""
    return {id_: config_checksum(obj) for id_, obj in configs.items()}


async def copy_configs(bench: Bench, subject: Subject, configs: dict[str, Json]) -> None:
    """Make `{name}-primary` hold the content of each config as it was read."""
    await asyncio.gather(*(_copy(bench, subject, id_, obj) for id_, obj in configs.items()))


async def _read(bench: Bench, subject: Subject, ref: ConfigRef) -> Json | None:
    try:
        return await bench.cluster.get(resource_of(ref).path(subject.namespace, ref.name))
    except NotFound as error:
        if ref.optional:
            return None
        raise MissingConfig(f"{ref.kind} {ref.name}.{subject.namespace} get query error: {error}") from error


async def _copy(bench: Bench, subject: Subject, id_: str, source: Json) -> None:
    kind, name = id_.split("/", 1)
    resource = resource_of(ConfigRef(kind, name))
    labels = source["metadata"].get("labels") or {}
    await put_copy(bench, subject, resource, f"{name}{PRIMARY_SUFFIX}", content_of(source), labels=labels)


def content_of(obj: Json) -> Json:
    """What of a config is content."""
    return {key: obj[key] for key in CONTENT if key in obj}


async def put_copy(
    bench: Bench,
    subject: Subject,
    resource: Resource,
    name: str,
    content: Json,
    *,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Create or wholly replace a config of ours, so that keys which are gone from the source go from the copy.

    Of the source's labels those follow that pass the prefix filter; without `labels` those that are there stay.
    """
    header: Json = resource.header(subject.namespace, name)
    current = await find(bench.cluster, resource, subject.namespace, name)
    known = {key: value for key, value in (current or header)["metadata"].items() if key != "managedFields"}
    metadata = dict(known) if labels is None else bench.prefixes.followed(known, {"labels": labels}, {})
    metadata["ownerReferences"] = with_owner(known.get("ownerReferences") or [], subject.raw)
    if current and content_of(current) == content and metadata == known:
        return
    if current and not is_frozen(current, content):
        manifest = {**header, **content, "metadata": metadata}
        await bench.cluster.replace(resource.path(subject.namespace, name), manifest)
        return
    if current:
        await bench.cluster.delete(resource.path(subject.namespace, name))
    metadata = {key: value for key, value in metadata.items() if key not in OF_ONE_OBJECT}
    try:
        await bench.cluster.create(resource.path(subject.namespace), {**header, **content, "metadata": metadata})
    except Conflict:
        await put_copy(bench, subject, resource, name, content, labels=labels)


def is_frozen(current: Json, content: Json) -> bool:
    """Whether the API server will not let the content be replaced: the copy of an immutable config has to make way."""
    if content_of(current) == content:
        return False
    return bool(current.get("immutable")) or current.get("type") != content.get("type")
