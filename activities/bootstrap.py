"""The primary exists, and then the traffic leads to it."""

from temporalio import activity

from activities.bench import Bench, Subject
from activities.configs import checksums, copy_configs, tracked_configs
from k8s.apply import amend, find, owner_of
from k8s.attention import FINALIZER
from k8s.client import Json
from k8s.errors import Conflict
from k8s.resources import CANARIES
from k8s.revision import template_hash
from k8s.scalers.registry import scaler_for
from k8s.services import ensure_apex_service, ensure_side_services
from k8s.targets.base import Selector
from workflows.effects import Activity
from workflows.observation import CanaryRef, Revision


class Bootstrap:
    """What a canary needs before its first release."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.CREATE_PRIMARY)
    async def create_primary(self, ref: CanaryRef) -> Revision:
        """Services of both sides, copies of the configs, and a primary that runs the target's template."""
        subject = await self._bench.load(ref)
        target = await self._bench.target(subject)
        selector = self._bench.selector(subject, target, await self._bench.find_primary(subject))
        template = subject.target.template(target)
        configs = await tracked_configs(self._bench, subject, template)
        await self._lead_to_both_sides(subject, target, selector)
        await copy_configs(self._bench, subject, configs)
        sums = checksums(configs)
        expected = subject.target.primary_template(template, selector, sums)
        await put_copy_of(self._bench, subject, target, expected, subject.primary_name)
        return Revision(template=template_hash(template), configs=sums)

    @activity.defn(name=Activity.OPEN_TRAFFIC)
    async def open_traffic(self, ref: CanaryRef) -> None:
        """Everything that leads traffic to the primary, brought to the Canary's spec; weights that are there stay."""
        subject = await self._bench.load(ref)
        target = await self._bench.target(subject)
        selector = self._bench.selector(subject, target, await self._bench.find_primary(subject))
        cluster, canary, raw = self._bench.cluster, subject.canary, subject.raw
        await self._lead_to_both_sides(subject, target, selector)
        if autoscaler := canary.spec.autoscaler_ref:
            await scaler_for(autoscaler.kind).ensure_primary(cluster, canary, raw, autoscaler.name)
        await subject.router.initialize(cluster, canary, raw)
        if selector:
            await ensure_apex_service(cluster, canary, raw, selector)
        await self._hold_by_finalizer(subject)

    async def _lead_to_both_sides(self, subject: Subject, target: Json, selector: Selector) -> None:
        """Services for pods; where the target is none of these itself, its copy for the canary."""
        if selector:
            await ensure_side_services(self._bench.cluster, subject.canary, subject.raw, selector)
        await put_canary(self._bench, subject, target)

    async def _hold_by_finalizer(self, subject: Subject) -> None:
        """`finalizer.flagger.app` is there unless `spec.revertOnDeletion` is false."""
        wanted = subject.canary.reverts
        path = CANARIES.path(subject.namespace, subject.canary.name)
        await amend(self._bench.cluster, path, lambda canary: with_finalizer(canary, wanted=wanted))


async def put_canary(bench: Bench, subject: Subject, target: Json) -> None:
    """Where the canary's traffic is not led to the target itself: a copy of it, brought to the target's template."""
    name = subject.target.canary_name(subject.target_name)
    if name != subject.target_name:
        await put_copy_of(bench, subject, target, subject.target.template(target), name)


async def put_copy_of(bench: Bench, subject: Subject, target: Json, template: Json, name: str) -> None:
    """Create an object of the target's kind that has `template`, or bring it to that."""
    kind, current = subject.target, await find(bench.cluster, subject.target.resource, subject.namespace, name)
    if current is None:
        manifest = kind.copy(target, template, name, bench.selector(subject, target, None))
        manifest["metadata"]["ownerReferences"] = [owner_of(subject.raw)]
        try:
            await bench.cluster.create(kind.resource.path(subject.namespace), manifest)
        except Conflict:
            await put_copy_of(bench, subject, target, template, name)
        return
    running = kind.running(current)
    if running is None or not kind.runs(running, template):
        await bench.cluster.replace(bench.path(subject, name), kind.promoted(current, target, template))


def with_finalizer(canary: Json, *, wanted: bool) -> Json | None:
    """A patch that adds or takes off our finalizer and leaves those of others; None when nothing changes."""
    present = canary["metadata"].get("finalizers") or []
    others = [finalizer for finalizer in present if finalizer != FINALIZER]
    finalizers = [*others, FINALIZER] if wanted else others
    return None if finalizers == present else {"metadata": {"finalizers": finalizers or None}}
