"""The shared informers of one process, and what of a Canary says which of them it needs."""

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from k8s.client import Cluster, Json
from k8s.configs import ConfigRef, config_refs
from k8s.informer_factory import InformerFactory
from k8s.informers import Informer
from k8s.resources import CANARIES, CONFIG_MAPS, SECRETS
from k8s.scalers.registry import SCALERS
from k8s.targets.base import Target, UnfitTarget
from k8s.targets.registry import target_for

TARGETS_PATIENCE_SECONDS = 30.0
"""How long a start waits for the watches of the targets: one of them may be forbidden."""


class Watches:
    """The shared informers of one process; everything that waits or watches uses these.

    Those of the targets' kinds begin with the first Canary that has such a target.
    """

    def __init__(self, cluster: Cluster, namespace: str, *, configs: bool = True, scalers: bool = False) -> None:
        """Of the whole cluster when the namespace is empty.

        Args:
            cluster: where.
            namespace: the only one that is watched; empty: all.
            configs: whether ConfigMaps and Secrets are watched.
            scalers: whether autoscalers are watched.
        """
        scope = namespace or None
        self.canaries = Informer(cluster, CANARIES.path(scope))
        self.targets = InformerFactory(cluster, scope)
        # Metadata only: a resourceVersion tells of a change, and no secret is held in memory.
        self.configs = {
            kind: Informer(cluster, resource.path(scope), metadata_only=True)
            for kind, resource in (("configmap", CONFIG_MAPS), ("secret", SECRETS))
            if configs
        }
        self.scalers = {
            kind: Informer(cluster, scaler.resource.path(scope)) for kind, scaler in SCALERS.items() if scalers
        }
        self._running = AsyncExitStack()

    @property
    def all(self) -> list[Informer]:
        """Every informer but those of the targets."""
        return [self.canaries, *self.configs.values(), *self.scalers.values()]

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self.targets)
        for informer in self.all:
            await self._running.enter_async_context(informer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    @property
    def are_synced(self) -> bool:
        """Whether `synced` would return at once."""
        return all(informer.is_synced for informer in self.all)

    async def synced(self) -> None:
        """Return once every cache holds its collection, or has been waited for long enough."""
        await asyncio.gather(*(informer.synced() for informer in self.all))
        for canary in self.canaries:
            self.follow(canary)
        await self.targets.synced(within_seconds=TARGETS_PATIENCE_SECONDS)

    def follow(self, canary: Json) -> Target | None:
        """See that the kind of its target is watched; None when Serinus cannot release it."""
        try:
            kind = target_for(*kind_of(canary))
        except UnfitTarget:
            return None
        for resource in (kind.resource, kind.workloads):
            self.targets.of(resource)
        return kind


def target_of(canary: Json) -> str:
    """The name in `spec.targetRef`; empty when a lenient CRD let the Canary go without."""
    return str(_target_ref(canary).get("name") or "")


def kind_of(canary: Json) -> tuple[str, str]:
    """`apiVersion` and `kind` in `spec.targetRef`."""
    ref = _target_ref(canary)
    return str(ref.get("apiVersion") or ""), str(ref.get("kind") or "")


def scaler_of(canary: Json) -> tuple[str, str] | None:
    """Kind and name in `spec.autoscalerRef`."""
    ref = (canary.get("spec") or {}).get("autoscalerRef")
    return (str(ref.get("kind")), str(ref.get("name"))) if ref else None


def configs_of(kind: Target, target: Json | None) -> list[ConfigRef]:
    """The configs to which a target refers."""
    try:
        return list(config_refs(kind.template(target)).values()) if target else []
    except UnfitTarget:
        return []


def _target_ref(canary: Json) -> Json:
    return dict((canary.get("spec") or {}).get("targetRef") or {})
