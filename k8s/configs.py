"""ConfigMaps and Secrets that a pod template refers to: which they are, and the template rewritten to their copies.

Scanned are volumes (projected ones too), `env[].valueFrom` and `envFrom` of containers and init containers, as
Flagger does. Pure.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

from k8s.client import Json

CONFIG_MAP, SECRET = "configmap", "secret"
TRACKING_ANNOTATION = "flagger.app/config-tracking"
TRACKED_SECRET_TYPES = frozenset(
    {"Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"},
)


class ConfigRef(NamedTuple):
    """One reference; `id` is its key in `status.trackedConfigs`."""

    kind: str
    name: str
    optional: bool = False

    @property
    def id(self) -> str:
        """`configmap/{name}` or `secret/{name}`."""
        return f"{self.kind}/{self.name}"


class _Slot(NamedTuple):
    """A place in a template that names a config."""

    kind: str
    holder: Json
    field: str

    @property
    def ref(self) -> ConfigRef:
        return ConfigRef(self.kind, self.holder[self.field], bool(self.holder.get("optional")))


def config_refs(template: Json) -> dict[str, ConfigRef]:
    """Every config the template refers to, by id; required wins where it is named both ways."""
    refs: dict[str, ConfigRef] = {}
    for slot in _slots(template):
        ref = slot.ref
        known = refs.get(ref.id)
        refs[ref.id] = ref._replace(optional=ref.optional and (known is None or known.optional))
    return refs


def is_tracked(obj: Json) -> bool:
    """Whether a config is copied and watched: an annotation opts out, an odd Secret type too."""
    annotations = obj["metadata"].get("annotations") or {}
    if annotations.get(TRACKING_ANNOTATION, "").startswith("disable"):
        return False
    return "type" not in obj or obj["type"] in TRACKED_SECRET_TYPES


def rewrite_configs(template: Json, ids: set[str], suffix: str = "-primary") -> Json:
    """The template with the named configs replaced by their copies."""
    rewritten = deepcopy(template)
    for slot in _slots(rewritten):
        if slot.ref.id in ids:
            slot.holder[slot.field] += suffix
    return rewritten


def _slots(template: Json) -> Iterator[_Slot]:
    spec = template.get("spec") or {}
    for volume in spec.get("volumes") or []:
        yield from _volume_slots(volume)
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        yield from _container_slots(container)


def _volume_slots(volume: Json) -> Iterator[_Slot]:
    yield from _named(volume, "configMap", CONFIG_MAP, "name")
    yield from _named(volume, "secret", SECRET, "secretName")
    for source in (volume.get("projected") or {}).get("sources") or []:
        yield from _named(source, "configMap", CONFIG_MAP, "name")
        yield from _named(source, "secret", SECRET, "name")


def _container_slots(container: Json) -> Iterator[_Slot]:
    for variable in container.get("env") or []:
        source = variable.get("valueFrom") or {}
        yield from _named(source, "configMapKeyRef", CONFIG_MAP, "name")
        yield from _named(source, "secretKeyRef", SECRET, "name")
    for source in container.get("envFrom") or []:
        yield from _named(source, "configMapRef", CONFIG_MAP, "name")
        yield from _named(source, "secretRef", SECRET, "name")


def _named(source: Json, key: str, kind: str, field: str) -> Iterator[_Slot]:
    holder = source.get(key)
    if holder and holder.get(field):
        yield _Slot(kind, holder, field)
