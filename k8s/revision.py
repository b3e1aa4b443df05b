"""Hashes that tell one revision of a target from another. Pure."""

import hashlib
import json
from typing import Any

from k8s.client import Json

HASH_PREFIX = "s1-"
"""Names the algorithm: a future one must not look like a new revision of everything."""
LENGTH = 16
"""Hexadecimal digits of every digest."""


def template_hash(template: Json) -> str:
    """Hash of a pod template as read back from the API server: canonical JSON, absent and null being the same.

    Scaling, object metadata and status do not change it; `kubectl rollout restart` does.
    """
    return HASH_PREFIX + digest(_without_nulls(template))


def config_checksum(obj: Json) -> str:
    """Checksum of the content of a ConfigMap or Secret: `data` and `binaryData`."""
    return digest({"data": obj.get("data") or {}, "binaryData": obj.get("binaryData") or {}})


def digest(value: Any) -> str:
    """Of anything that JSON can hold; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
