"""Ask everything a step wants to know, all at once: metrics of every kind, and the rollout hooks."""

import asyncio
import math
import time
from collections.abc import Awaitable

from temporalio import activity

from activities.bench import Bench, Subject
from activities.gotemplate import TemplateError
from activities.heartbeat import heartbeating
from activities.hooks import ask, payload_of
from activities.plan import UnfitAnalysis, interval_seconds, plan_of
from activities.providers.prometheus import Prometheus
from activities.queries import DURATION, SUCCESS_RATE, builtin_query
from activities.readiness import threshold_of
from activities.templates import Asked, ask_template, prometheus_of, render, variables_of, window_seconds
from k8s import readiness
from k8s.client import Cluster, Json
from k8s.models.analysis import Metric
from k8s.models.webhook import Webhook
from workflows.effects import Activity, Division, Examination, Findings, Role
from workflows.observation import Phase, Plan
from workflows.verdict import Answer, Check, NoData, Objected, Passed, Question, Unreadable

NO_TRAFFIC_HINT = (
    "no values found; send requests to {service}.{namespace}:{port} (a rollout webhook with a load test does), "
    "and see that the pods are meshed and scraped"
)
QUERY_CHARACTERS = 1000
"""Of a query, so many travel in the history; a person recognises it by these."""


class Examine:
    """Reads, and calls hooks; judging is the workflow's."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.EXAMINE)
    async def examine(self, order: Examination) -> Findings:
        """Every check of the step with its answer, unless a workload is not ready to be judged."""
        subject = await self._bench.load(order.canary)
        async with heartbeating():
            if waiting := self._waiting(subject, order):
                role, why = waiting
                return Findings(checks=(), waiting=why, waiting_for=role, plan=self._plan(subject))
            began, plan = time.monotonic(), self._plan(subject)
            look = self._bench.cluster.once()
            division = await self._division(subject, plan, look)
            checks = await asyncio.gather(*await self._questions(subject, order, look))
            self._bench.meters.examined(
                subject.canary.target_name,
                subject.namespace,
                checks,
                took_seconds=time.monotonic() - began,
                interval_seconds=interval_seconds(subject.canary, self._bench.defaults),
            )
            return Findings(checks=tuple(checks), plan=plan, division=division)

    def _plan(self, subject: Subject) -> Plan | None:
        """As edited since; an edit that makes no sense leaves the former plan in force."""
        try:
            return plan_of(subject.canary, self._bench.defaults)
        except UnfitAnalysis:
            return None

    def _waiting(self, subject: Subject, order: Examination) -> tuple[Role, str] | None:
        """The first workload whose pods are not ready; a target that an autoscaler just grew is one of them."""
        for role in (Role.PRIMARY, Role.CANARY) if order.primary_matters else (Role.CANARY,):
            obj = self._bench.seen_workload(subject, role)
            found = subject.target.readiness(obj, threshold_of(subject, role)) if obj else None
            if isinstance(found, readiness.Waiting | readiness.Stuck):
                return role, found.why
        return None

    async def _questions(self, subject: Subject, order: Examination, look: Cluster) -> list[Awaitable[Check]]:
        """In Flagger's order, since of several checks that fail the first is told."""
        target = self._bench.seen_target(subject) or await self._bench.target(subject)
        # Both by Temporal's clock: that of a worker may go wrong.
        elapsed = (activity.info().started_time - order.canary_since).total_seconds()
        hooks = [self._hook(order, hook) for hook in subject.canary.hooks("rollout")]
        templates_last = sorted(
            subject.canary.spec.analysis.metrics, key=lambda metric: metric.template_ref is not None
        )
        metrics = [self._metric(subject, target, metric, elapsed) for metric in templates_last]
        return [self._route(subject, look), *hooks, *metrics]

    async def _division(self, subject: Subject, plan: Plan | None, look: Cluster) -> Division | None:
        """As the cluster has it at the moment, whoever wrote it."""
        if plan is None or not plan.routed:
            return None
        split = await subject.router.get(look, subject.canary)
        return Division(weight=split.canary, mirrored=split.mirrored) if split else Division()

    async def _route(self, subject: Subject, look: Cluster) -> Check:
        """A weight that the data plane does not honour proves nothing."""
        obstacle = await subject.router.obstacle(look, subject.canary)
        answer = Unreadable(detail=obstacle) if obstacle else Passed()
        return Check(name="route", question=Question.ROUTE, answer=answer)

    async def _metric(self, subject: Subject, target: Json, metric: Metric, elapsed: float) -> Check:
        question = question_of(metric)
        minimum, maximum = bounds_of(metric)
        query, answer = await self._asked(subject, target, metric, elapsed)
        return Check(
            name=metric.name,
            question=question,
            provider=subject.provider,
            minimum=minimum,
            maximum=maximum,
            answer=answer,
            query=query[:QUERY_CHARACTERS],
        )

    async def _asked(self, subject: Subject, target: Json, metric: Metric, elapsed: float) -> Asked:
        if metric.template_ref:
            return await ask_template(self._bench, subject, target, metric.template_ref, metric)
        prometheus = prometheus_of(self._bench, subject)
        if metric.name in {SUCCESS_RATE, DURATION}:
            window = window_of(metric, elapsed)
            query = builtin_query(metric.name, subject.provider, subject.canary, target, window)
            answer = await prometheus.query(query)
            return Asked(query, NoData(detail=hint(subject)) if isinstance(answer, NoData) else answer)
        if metric.query:
            return await self._inline(subject, target, prometheus, metric)
        sentence = "Metric query failed for no usable metrics template and query were configured"
        return Asked("", Unreadable(detail="no query", sentence=sentence))

    async def _inline(self, subject: Subject, target: Json, prometheus: Prometheus, metric: Metric) -> Asked:
        try:
            query = render(metric.query or "", variables_of(subject, target, metric))
        except TemplateError as problem:
            sentence = f"Prometheus query failed for {metric.name}: render error: {problem}"
            return Asked("", Unreadable(detail=str(problem), sentence=sentence))
        return Asked(query, await prometheus.query(query))

    async def _hook(self, order: Examination, hook: Webhook) -> Check:
        payload = payload_of(order.canary, Phase.PROGRESSING, order.revision, hook)
        answer = await ask(self._bench.http, hook, payload)
        return Check(name=hook.name, question=Question.HOOK, answer=verdict_of(answer.refusal, reached=answer.reached))


def verdict_of(refusal: str, *, reached: bool) -> Answer:
    """A receiver that is away says nothing about the release; one that answers no does."""
    if not refusal:
        return Passed()
    return Objected(detail=refusal) if reached else Unreadable(detail=refusal)


def question_of(metric: Metric) -> Question:
    """Which sort of check a metric is."""
    if metric.template_ref:
        return Question.TEMPLATE
    return {SUCCESS_RATE: Question.SUCCESS_RATE, DURATION: Question.DURATION}.get(metric.name, Question.QUERY)


def bounds_of(metric: Metric) -> tuple[float | None, float | None]:
    """Minimum and maximum; the deprecated `threshold` is a minimum for the success rate, a maximum elsewhere."""
    if bounds := metric.threshold_range:
        return bounds.min, bounds.max
    threshold = metric.threshold or 0.0
    return (threshold, None) if metric.name == SUCCESS_RATE else (None, threshold)


def window_of(metric: Metric, elapsed: float) -> str:
    """How far a built-in query looks back: the metric's interval, but never before this revision was ready.

    A canary is not to be judged by the requests that its predecessor failed a moment ago.
    """
    return f"{max(1, math.ceil(min(window_seconds(metric), elapsed)))}s"


def hint(subject: Subject) -> str:
    """The likely cause of no data, with the address that wants traffic."""
    service = subject.canary.spec.service
    return NO_TRAFFIC_HINT.format(
        service=subject.canary.canary_service, namespace=subject.namespace, port=service.port if service else ""
    )
