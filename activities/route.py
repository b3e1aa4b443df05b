"""Shift traffic between primary and canary."""

from temporalio import activity

from activities.bench import Bench
from activities.report import Reporter
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
        subject = await self._bench.load(order.canary)
        split = Split(order.weight, mirrored=order.mirrored)
        await subject.router.set(self._bench.cluster, subject.canary, subject.raw, split)
        await self._reporter.report(order.report)
