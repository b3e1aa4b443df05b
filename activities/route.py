"""Shift traffic between primary and canary."""

from temporalio import activity

from activities.bench import Bench, Subject
from activities.cookies import cookies_patch
from activities.report import Reporter
from k8s.apply import amend
from k8s.resources import CANARIES
from k8s.routers.base import Split
from workflows.effects import Activity, Route


class RouteTraffic:
    """The route, and what is said of it, travel together: a step costs one activity for both."""

    def __init__(self, bench: Bench, reporter: Reporter) -> None:
        self._bench = bench
        self._reporter = reporter

    @activity.defn(name=Activity.ROUTE)
    async def route(self, order: Route) -> None:
        """Set the weights in one request, then report."""
        subject = await self._with_cookies(await self._bench.load(order.canary), order.weight)
        split = Split(order.weight, mirrored=order.mirrored)
        await subject.router.set(self._bench.cluster, subject.canary, subject.raw, split)
        await self._reporter.report_on(subject.raw, order.report)

    async def _with_cookies(self, subject: Subject, weight: int) -> Subject:
        """The cookies are in the status before a route has them: a second try finds them, and makes no others."""
        affinity = subject.canary.spec.analysis.session_affinity
        if affinity is None:
            return subject
        raw = await amend(
            self._bench.cluster,
            CANARIES.path(subject.namespace, subject.canary.name),
            lambda canary: cookies_patch(canary, affinity, weight),
            known=subject.raw,
            subresource="status",
        )
        return self._bench.subject(raw)
