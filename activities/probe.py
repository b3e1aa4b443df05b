"""Before a canary is bootstrapped: can the providers be asked that its checks will be read from?"""

import asyncio
from collections.abc import Awaitable, Iterable

from temporalio import activity

from activities.bench import Bench, Subject
from activities.heartbeat import heartbeating
from activities.templates import (
    UnfitTemplate,
    load_template,
    prometheus_of,
    template_problem,
    template_provider,
    where_is,
)
from k8s.models.analysis import Metric
from k8s.models.common import NamespacedRef
from workflows.effects import Activity, Probed
from workflows.observation import CanaryRef


class Probe:
    """Reads only. What it finds is told, and stops nothing."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.PROBE)
    async def probe(self, ref: CanaryRef) -> Probed:
        """Ask Prometheus (when a check needs it) and every template's provider, all at once, each of them once."""
        subject = await self._bench.load(ref)
        async with heartbeating():
            found = await asyncio.gather(*self._questions(subject))
        return Probed(problems=tuple(problem for problem in found if problem))

    def _questions(self, subject: Subject) -> Iterable[Awaitable[str]]:
        metrics = subject.canary.spec.analysis.metrics
        if any(metric.template_ref is None for metric in metrics):
            yield self._prometheus(subject)
        templates = {
            (metric.template_ref.namespace, metric.template_ref.name): metric
            for metric in metrics
            if metric.template_ref
        }
        for metric in templates.values():
            if metric.template_ref:
                yield self._template(subject, metric.template_ref, metric)

    async def _prometheus(self, subject: Subject) -> str:
        problem = await prometheus_of(self._bench, subject).probe()
        return problem and f"prometheus not avaiable: {problem}"  # spelt as Flagger's users grep for it

    async def _template(self, subject: Subject, ref: NamespacedRef, metric: Metric) -> str:
        try:
            template = await load_template(self._bench, subject, ref)
            if problem := template_problem(template.spec.query):
                return f"metric template {where_is(template)} query render error: {problem}"
            provider = await template_provider(self._bench, template, metric)
        except UnfitTemplate as unfit:
            return str(unfit)
        problem = await provider.probe()
        return (
            problem and f"{template.spec.provider.type} in metric template {where_is(template)} not avaiable: {problem}"
        )
