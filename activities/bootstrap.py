"""The primary exists, and then the traffic leads to it."""

from datetime import UTC, datetime

from temporalio import activity

from activities.bench import Bench, Subject
from activities.configs import checksums, copy_configs, tracked_configs
from activities.report import Reporter
from k8s.apply import amend, find, owner_of
from k8s.attention import FINALIZER
from k8s.client import Json
from k8s.errors import Conflict
from k8s.resources import CANARIES
from k8s.revision import digest, template_hash
from k8s.scalers import copies
from k8s.services import abandoned_services, ensure_apex_service, ensure_side_services
from k8s.targets.base import Selector
from workflows import wording
from workflows.effects import Activity, Note
from workflows.observation import CanaryRef, Revision


class Bootstrap:
    """What a canary needs before its first release."""

    def __init__(self, bench: Bench, reporter: Reporter) -> None:
        self._bench = bench
        self._reporter = reporter

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
        expected = subject.target.primary_template(template, selector, sums, subject.target_name)
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
        await copies.follow(cluster, canary, raw)
        await subject.router.initialize(cluster, canary, raw)
        if selector:
            await ensure_apex_service(cluster, canary, raw, self._bench.lead(subject, target, selector))
            await self._tell_of_abandoned(subject)
        await self._hold_by_finalizer(subject)

    async def _lead_to_both_sides(self, subject: Subject, target: Json, selector: Selector) -> None:
        """Services for pods; where the target is none of these itself, its copy for the canary."""
        if selector:
            lead = self._bench.lead(subject, target, selector)
            await ensure_side_services(self._bench.cluster, subject.canary, subject.raw, lead)
        await put_canary(self._bench, subject, target)

    async def _tell_of_abandoned(self, subject: Subject) -> None:
        """What a former `spec.service.name` left behind is named once, and left to a person."""
        cluster, canary, raw = self._bench.cluster, subject.canary, subject.raw
        if names := await abandoned_services(cluster, canary, raw):
            text = wording.service_renamed(canary.apex_name, names)
            note = Note(id=f"renamed-{digest(text)}", text=text, at=datetime.now(UTC), warning=True)
            await self._reporter.show(raw, CanaryRef(namespace=canary.namespace, name=canary.name), note)

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
        selector = bench.selector(subject, target, None)
        manifest = kind.copy(target, template, name, selector)
        if selector:
            identity = {"name": name, "namespace": subject.namespace}
            manifest["metadata"] = bench.prefixes.followed(identity, target["metadata"], own_label(selector))
        manifest["metadata"]["ownerReferences"] = [owner_of(subject.raw)]
        try:
            await bench.cluster.create(kind.resource.path(subject.namespace), manifest)
        except Conflict:
            await put_copy_of(bench, subject, target, template, name)
        return
    running = kind.running(current)
    if running is None or not kind.runs(running, template):
        await bench.cluster.replace(bench.path(subject, name), kind.promoted(current, target, template))


def own_label(selector: Selector) -> dict[str, str]:
    """The label of a primary that tells it from its target."""
    return {selector.label: selector.primary_value}


def with_finalizer(canary: Json, *, wanted: bool) -> Json | None:
    """A patch that adds or takes off our finalizer and leaves those of others; None when nothing changes."""
    present = canary["metadata"].get("finalizers") or []
    others = [finalizer for finalizer in present if finalizer != FINALIZER]
    finalizers = [*others, FINALIZER] if wanted else others
    return None if finalizers == present else {"metadata": {"finalizers": finalizers or None}}
