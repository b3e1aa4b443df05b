"""Hand everything back: the target serves again before anything of ours goes."""

from temporalio import activity

from activities.bench import Bench, Subject
from activities.bootstrap import with_finalizer
from activities.scale import scale_to
from k8s.apply import amend
from k8s.errors import NotFound
from k8s.models.errors import InvalidCanary
from k8s.resources import CANARIES
from k8s.routers.base import UnfitRoute
from k8s.scalers import originals
from k8s.services import restore_apex_service
from k8s.targets.base import UnfitTarget
from workflows.effects import Activity
from workflows.observation import CanaryRef

UNREADABLE = (InvalidCanary, UnfitTarget, UnfitRoute)


class Finalize:
    """A Canary must be able to go even when its target is gone or its spec is broken."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.HAND_BACK)
    async def hand_back(self, ref: CanaryRef) -> bool:
        """Scale the target to what the primary runs; False when there is no target to wait for."""
        try:
            subject = await self._bench.load(ref)
            primary = await self._bench.find_primary(subject)
            replicas = subject.target.replicas(primary) if primary else 1
            target = await self._bench.target(subject)
            await originals.resume(self._bench.cluster, subject.canary)
            await scale_to(self._bench, subject, max(1, replicas, subject.target.replicas(target)))
        except (NotFound, *UNREADABLE):
            return False
        return True

    @activity.defn(name=Activity.RELEASE)
    async def release(self, ref: CanaryRef) -> None:
        """Lead a Service that was taken over to the target again, and let the Canary go."""
        try:
            await self._restore(await self._bench.load(ref))
        except UNREADABLE as problem:
            activity.logger.warning("finalized_without_routes", extra={"why": str(problem)})
        path = CANARIES.path(ref.namespace, ref.name)
        await amend(self._bench.cluster, path, lambda canary: with_finalizer(canary, wanted=False))

    async def _restore(self, subject: Subject) -> None:
        """The Service first: where a route goes away, it is what leads the traffic."""
        cluster, canary, raw = self._bench.cluster, subject.canary, subject.raw
        target = await self._bench.find_target(subject)
        if target and (selector := self._bench.selector(subject, target, None)):
            await restore_apex_service(cluster, canary, raw, selector)
        await subject.router.finalize(cluster, canary, raw)
