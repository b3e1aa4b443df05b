"""Bring the target up for its analysis, or down to zero when nobody needs it."""

from contextlib import suppress

from temporalio import activity

from activities.bench import Bench, Subject
from activities.bootstrap import put_canary
from activities.report import Reporter
from k8s.apply import amend
from k8s.capacity import settled
from k8s.client import Json
from k8s.errors import NotFound
from k8s.scalers import copies, originals
from workflows.effects import Activity, Scale


class ScaleTarget:
    """The target's autoscaler works only while the target is up; the primary's is let go when the target goes down."""

    def __init__(self, bench: Bench, reporter: Reporter) -> None:
        self._bench = bench
        self._reporter = reporter

    @activity.defn(name=Activity.SCALE)
    async def scale(self, order: Scale) -> None:
        """Scale, then report; of a target that is gone, whoever waits for its pods finds out."""
        subject = await self._bench.load(order.canary)
        if order.fresh:
            with suppress(NotFound):
                await self._empty(subject)
        await (self._up(subject) if order.up else self._down(subject))
        if order.report:
            await self._reporter.report_on(subject.raw, order.report)

    async def _empty(self, subject: Subject) -> None:
        """To zero, and until the cluster says that no pod is left: scaled up sooner, the old ones would stay."""
        await originals.pause(self._bench.cluster, subject.canary)
        target = await scale_to(self._bench, subject, 0)
        kind, key = subject.target, (subject.namespace, subject.target_name)
        cache = self._bench.informers.of(kind.resource)
        while not kind.is_empty(target):
            if cache.get(*key) in (None, target):
                await cache.changed(*key)
            target = cache.get(*key) or await self._bench.target(subject)

    async def _up(self, subject: Subject) -> None:
        target = await self._bench.find_target(subject)
        if target is None:
            return
        await originals.resume(self._bench.cluster, subject.canary)
        await put_canary(self._bench, subject, target)
        primary = await self._bench.find_primary(subject)
        serving = subject.target.replicas(primary) if primary else 0
        if primary:  # it must bear all traffic again at any moment: after an abort, a rollback, for a newer revision
            await copies.hold_capacity(self._bench.cluster, subject.canary, subject.raw, serving)
        if subject.target.replicas(target) == 0:
            await scale_to(self._bench, subject, await self._starting_replicas(subject, serving), known=target)

    async def _down(self, subject: Subject) -> None:
        """To zero; all traffic is on the primary by now, so what was made to bear its return is let go."""
        cluster, canary = self._bench.cluster, subject.canary
        await originals.pause(cluster, canary)
        with suppress(NotFound):
            await scale_to(self._bench, subject, 0)
        await copies.release_capacity(cluster, canary, subject.raw)
        with suppress(NotFound):
            await amend(cluster, self._bench.path(subject, subject.primary_name), settled)

    async def _starting_replicas(self, subject: Subject, serving: int) -> int:
        """With an autoscaler its minimum, else as many as the primary has; at least one."""
        if subject.canary.spec.autoscaler_ref:
            return await originals.starting_replicas(self._bench.cluster, subject.canary)
        return max(1, serving)


async def scale_to(bench: Bench, subject: Subject, replicas: int, *, known: Json | None = None) -> Json:
    """Set the target's replicas; `known` is the target as just read, if it was. Raises NotFound."""
    path = bench.path(subject, subject.target_name)
    return await amend(bench.cluster, path, lambda target: subject.target.scaled(target, replicas), known=known)
