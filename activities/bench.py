"""What every activity works with, and the first thing each does: load its Canary."""

from dataclasses import dataclass, field

from activities.alerts.destination import Destination
from activities.http import Http
from activities.meters import Meters
from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.informer_factory import InformerFactory
from k8s.metadata import PrefixFilter
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.ports import service_ports
from k8s.resources import CANARIES
from k8s.routers.base import Router
from k8s.routers.registry import router_for
from k8s.services import Lead
from k8s.targets.base import DEFAULT_SELECTOR_LABELS, Selector, Target
from k8s.targets.registry import target_for
from workflows.effects import Role
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
    include_label_prefix: tuple[str, ...] = ()
    enable_config_tracking: bool = True
    sync_scalers: bool = False
    no_cross_namespace_refs: bool = False
    chat: Destination | None = None
    """Alerted about Canaries without `analysis.alerts`."""
    event_webhook: str = field(default="", repr=False)
    """Gets the events of Canaries without webhooks of type event."""
    cluster_name: str = ""


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
    def target_name(self) -> str:
        """Of the target."""
        return self.canary.target_name

    @property
    def primary_name(self) -> str:
        """Of the object that tells what serves live traffic."""
        return self.target.primary_name(self.target_name)

    @property
    def router(self) -> Router:
        """Raises UnfitRoute when the provider is not supported."""
        return router_for(self.provider)


@dataclass(frozen=True)
class Bench:
    """Clients and shared caches; enters every activity by its constructor."""

    cluster: Cluster
    informers: InformerFactory
    http: Http
    defaults: Defaults = field(default_factory=Defaults)
    meters: Meters = field(default_factory=Meters)

    @property
    def prefixes(self) -> PrefixFilter:
        """Which labels and annotations of the target's objects those of the primary follow."""
        return PrefixFilter(self.defaults.include_label_prefix)

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
        """What a Canary object as read from the API server stands for; raises as `load` does."""
        return subject_of(raw, self.defaults)

    async def find_target(self, subject: Subject) -> Json | None:
        """The target as it is now."""
        return await self._find(subject, subject.target_name)

    async def find_primary(self, subject: Subject) -> Json | None:
        """The primary as it is now."""
        return await self._find(subject, subject.primary_name)

    async def target(self, subject: Subject) -> Json:
        """The target as it is now; raises NotFound."""
        return await self.cluster.get(self.path(subject, subject.target_name))

    async def find_workload(self, subject: Subject, role: Role) -> Json | None:
        """What becomes ready in that role, as it is now."""
        obj = await (self.find_target(subject) if role is Role.CANARY else self.find_primary(subject))
        return await self.workload_of(subject, role, obj)

    async def workload_of(self, subject: Subject, role: Role, obj: Json | None) -> Json | None:
        """The same, given the target or the primary, which mostly is it."""
        if obj is None or subject.target.workloads == subject.target.resource:
            return obj
        name = workload_name(subject, role, obj)
        return await find(self.cluster, subject.target.workloads, subject.namespace, name) if name else None

    def seen_target(self, subject: Subject) -> Json | None:
        """The target as last seen; costs no request."""
        return self.informers.of(subject.target.resource).get(subject.namespace, subject.target_name)

    def seen_workload(self, subject: Subject, role: Role) -> Json | None:
        """What becomes ready in that role, as last seen."""
        kind, namespace = subject.target, subject.namespace
        name = subject.target_name if role is Role.CANARY else subject.primary_name
        obj = self.informers.of(kind.resource).get(namespace, name)
        return self.informers.of(kind.workloads).get(namespace, workload_name(subject, role, obj)) if obj else None

    def path(self, subject: Subject, name: str) -> str:
        """Of an object of the target's kind."""
        return subject.target.resource.path(subject.namespace, name)

    def lead(self, subject: Subject, target: Json, selector: Selector) -> Lead:
        """Whereto the generated Services lead; raises UnfitTarget when no Service can have these ports."""
        return Lead(selector, service_ports(subject.canary, subject.target.template(target)))

    def selector(self, subject: Subject, target: Json, primary: Json | None) -> Selector:
        """The labels that tell canary and primary apart; a primary that exists has some already."""
        return subject.target.selector(target, primary, self.defaults.selector_labels)

    async def _find(self, subject: Subject, name: str) -> Json | None:
        return await find(self.cluster, subject.target.resource, subject.namespace, name)


def subject_of(raw: Json, defaults: Defaults) -> Subject:
    """What a Canary object stands for.

    Raises:
        InvalidCanary: its spec makes no sense; the text names field, value and remedy.
        UnfitTarget: its kind cannot be released.
    """
    canary = load_canary(raw)
    ref = canary.spec.target_ref
    kind = target_for(ref.api_version, ref.kind)
    return Subject(canary, raw, kind, canary.spec.provider or defaults.mesh_provider)


def workload_name(subject: Subject, role: Role, obj: Json) -> str:
    """The name of what becomes ready when the target or the primary is `obj`; empty when there is nothing yet."""
    return subject.target.canary_workload(obj) if role is Role.CANARY else subject.target.primary_workload(obj)
