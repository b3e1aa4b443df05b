"""Whether a primary runs what its target says, also one that another controller made and that carries no mark of ours.

Such a primary's copies of the configs are compared with their sources themselves: checksums of others are opaque.
"""

import asyncio

from activities.bench import Bench, Subject
from activities.configs import resource_of
from k8s.apply import find
from k8s.client import Json
from k8s.configs import ConfigRef
from k8s.targets.base import PRIMARY_SUFFIX


async def runs_target(
    bench: Bench, subject: Subject, running: Json | None, expected: Json, configs: dict[str, Json]
) -> bool:
    """Whether the primary's template does what is expected, with these configs, by id, as they are now."""
    if running is None or not subject.target.runs(running, expected):
        return False
    return subject.target.mark(running) is not None or await _are_copied(bench, subject, configs)


async def _are_copied(bench: Bench, subject: Subject, configs: dict[str, Json]) -> bool:
    """Whether each config's copy holds the same `data`; of `binaryData` Flagger makes no copies."""
    ids = [id_.split("/", 1) for id_ in configs]
    copies = await asyncio.gather(
        *(
            find(bench.cluster, resource_of(ConfigRef(kind, name)), subject.namespace, f"{name}{PRIMARY_SUFFIX}")
            for kind, name in ids
        )
    )
    return all(
        copy is not None and (copy.get("data") or {}) == (source.get("data") or {})
        for copy, source in zip(copies, configs.values(), strict=True)
    )
