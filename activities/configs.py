"""The tracked ConfigMaps and Secrets of a template: read, checksummed, copied for the primary."""

import asyncio

from activities.bench import Bench, Subject
from k8s.apply import find, owner_of
from k8s.client import Json
from k8s.configs import CONFIG_MAP, ConfigRef, config_refs, is_tracked
from k8s.errors import Conflict, NotFound
from k8s.resources import CONFIG_MAPS, SECRETS, Resource
from k8s.revision import config_checksum

CONTENT = ("data", "binaryData", "type")
CONFIG_MAP_CONTENT = ("data", "binaryData")


class MissingConfig(Exception):
    """A config that the template requires does not exist."""


def resource_of(ref: ConfigRef) -> Resource:
    """Where configs of that kind live."""
    return CONFIG_MAPS if ref.kind == CONFIG_MAP else SECRETS


async def tracked_configs(bench: Bench, subject: Subject, template: Json) -> dict[str, Json]:
    """The tracked configs as they are now, by id, in the order of their ids.

    Raises:
        MissingConfig: a required one does not exist.
    """
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
    await put_copy(bench, subject, resource, f"{name}-primary", content_of(source))


def content_of(obj: Json) -> Json:
    """What of a config is content."""
    return {key: obj[key] for key in CONTENT if key in obj}


async def put_copy(bench: Bench, subject: Subject, resource: Resource, name: str, content: Json) -> None:
    """Create or wholly replace a config of ours, so that keys which are gone from the source go from the copy."""
    manifest = {**resource.header(subject.namespace, name), **content}
    current = await find(bench.cluster, resource, subject.namespace, name)
    if current is None:
        manifest["metadata"] = {
            "name": name,
            "namespace": subject.namespace,
            "ownerReferences": [owner_of(subject.raw)],
        }
        try:
            await bench.cluster.create(resource.path(subject.namespace), manifest)
        except Conflict:
            await put_copy(bench, subject, resource, name, content)
        return
    if content_of(current) == content:
        return
    manifest["metadata"] = {key: value for key, value in current["metadata"].items() if key != "managedFields"}
    await bench.cluster.replace(resource.path(subject.namespace, name), manifest)
