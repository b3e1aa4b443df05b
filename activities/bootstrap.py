"""The primary exists, and then the traffic leads to it."""

from temporalio import activity

from activities.bench import Bench, Subject
from activities.configs import checksums, copy_configs, tracked_configs
from k8s.apply import amend, owner_of
from k8s.attention import FINALIZER
from k8s.client import Json
from k8s.errors import Conflict
from k8s.primary import primary_template, runs_same
from k8s.resources import CANARIES
from k8s.revision import template_hash
from k8s.scalers.registry import scaler_for
from k8s.services import ensure_apex_service, ensure_side_services
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
        selector = self._bench.selector(subject, target)
        template = subject.target.template(target)
        configs = await tracked_configs(self._bench, subject, template)
        await ensure_side_services(self._bench.cluster, subject.canary, subject.raw, selector)
        await copy_configs(self._bench, subject, configs)
        sums = checksums(configs)
        await self._put_primary(subject, target, primary_template(template, selector, sums))
        return Revision(template=template_hash(template), configs=sums)

    @activity.defn(name=Activity.OPEN_TRAFFIC)
    async def open_traffic(self, ref: CanaryRef) -> None:
        """Everything that leads traffic to the primary, brought to the Canary's spec; weights that are there stay."""
        subject = await self._bench.load(ref)
        target = await self._bench.target(subject)
        selector = self._bench.selector(subject, target)
        cluster, canary, raw = self._bench.cluster, subject.canary, subject.raw
        await ensure_side_services(cluster, canary, raw, selector)
        if autoscaler := canary.spec.autoscaler_ref:
            await scaler_for(autoscaler.kind).ensure_primary(cluster, canary, raw, autoscaler.name)
        await subject.router.initialize(cluster, canary, raw)
        await ensure_apex_service(cluster, canary, raw, selector)
        await self._hold_by_finalizer(subject)

    async def _put_primary(self, subject: Subject, target: Json, template: Json) -> None:
        """Create it, or while nobody is served by it yet, bring it to the target's template."""
        primary = await self._bench.find_primary(subject)
        name, kind = subject.canary.primary_name, subject.target
        if primary is None:
            manifest = kind.primary(target, template, name, self._bench.selector(subject, target))
            manifest["metadata"]["ownerReferences"] = [owner_of(subject.raw)]
            try:
                await self._bench.cluster.create(kind.resource.path(subject.namespace), manifest)
            except Conflict:
                await self._put_primary(subject, target, template)
            return
        if not runs_same(kind.template(primary), template):
            await self._bench.cluster.replace(self._bench.path(subject, name), kind.promoted(primary, target, template))

    async def _hold_by_finalizer(self, subject: Subject) -> None:
        """`finalizer.flagger.app` is there unless `spec.revertOnDeletion` is false."""
        wanted = subject.canary.reverts
        path = CANARIES.path(subject.namespace, subject.canary.name)
        await amend(self._bench.cluster, path, lambda canary: with_finalizer(canary, wanted=wanted))


def with_finalizer(canary: Json, *, wanted: bool) -> Json | None:
    """A patch that adds or takes off our finalizer and leaves those of others; None when nothing changes."""
    present = canary["metadata"].get("finalizers") or []
    others = [finalizer for finalizer in present if finalizer != FINALIZER]
    finalizers = [*others, FINALIZER] if wanted else others
    return None if finalizers == present else {"metadata": {"finalizers": finalizers or None}}
