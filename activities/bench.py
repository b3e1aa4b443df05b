"""What every activity works with, and the first thing each does: load its Canary."""

from dataclasses import dataclass, field

import httpx

from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.informers import Informer
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import CANARIES
from k8s.routers.base import Router
from k8s.routers.registry import router_for
from k8s.targets.base import DEFAULT_SELECTOR_LABELS, Selector, Target
from k8s.targets.registry import target_for
from workflows.observation import CanaryRef


class CanaryGone(Exception):
    """The Canary object no longer exists; the workflow looks again and ends."""


@dataclass(frozen=True)
class Defaults:
    """What a Canary may leave unsaid; see `worker.settings` for meaning and units."""

    mesh_provider: str = "gatewayapi:v1"
    metrics_server: str = "http://prometheus:9090"
    selector_labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS
    minimum_interval_seconds: float = 10.0
    unreadable_limit: int = 0
    drain_seconds: float = 0


@dataclass(frozen=True)
class Subject:
    """One Canary, loaded: the model, the object as read, and the knowledge of its kind."""

    canary: Canary
    raw: Json
    target: Target
    provider: str

    @property
    def namespace(self) -> str:
        """Of everything that belongs to it."""
        return self.canary.namespace

    @property
    def router(self) -> Router:
        """Raises UnfitRoute when the provider is not supported."""
        return router_for(self.provider)


@dataclass(frozen=True)
class Bench:
    """Clients and shared caches; enters every activity by its constructor."""

    cluster: Cluster
    deployments: Informer
    http: httpx.AsyncClient
    defaults: Defaults = field(default_factory=Defaults)

    async def load(self, ref: CanaryRef) -> Subject:
        """Read the Canary afresh.

        Raises:
            CanaryGone: it was deleted.
            InvalidCanary: its spec makes no sense; the text names field, value and remedy.
            UnfitTarget: its kind cannot be released.
        """
        try:
            raw = await self.cluster.get(CANARIES.path(ref.namespace, ref.name))
        except NotFound as error:
            raise CanaryGone(f"canary {ref} not found") from error
        return self.subject(raw)

    def subject(self, raw: Json) -> Subject:
        """What a Canary object as read from the API server stands for."""
        canary = load_canary(raw)
        provider = canary.spec.provider or self.defaults.mesh_provider
        return Subject(canary, raw, target_for(canary.spec.target_ref.kind), provider)

    async def find_target(self, subject: Subject) -> Json | None:
        """The target as it is now."""
        return await find(self.cluster, subject.target.resource, subject.namespace, subject.canary.target_name)

    async def find_primary(self, subject: Subject) -> Json | None:
        """The primary as it is now."""
        return await find(self.cluster, subject.target.resource, subject.namespace, subject.canary.primary_name)

    async def target(self, subject: Subject) -> Json:
        """The target as it is now; raises NotFound."""
        return await self.cluster.get(self.path(subject, subject.canary.target_name))

    def path(self, subject: Subject, name: str) -> str:
        """Of a workload of the target's kind."""
        return subject.target.resource.path(subject.namespace, name)

    def selector(self, subject: Subject, target: Json) -> Selector:
        """The label that tells canary and primary apart."""
        return subject.target.selector(target, self.defaults.selector_labels)
