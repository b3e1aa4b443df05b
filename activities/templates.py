"""MetricTemplates: a query with the canary's names in it, asked of the provider that the template names."""

from dataclasses import replace
from typing import Any, NamedTuple

from activities.bench import Bench, Subject
from activities.gotemplate import Template, TemplateError
from activities.providers.base import DEFAULT_WINDOW_SECONDS, Provider, Source
from activities.providers.errors import UnfitProvider, UnfitSecret
from activities.providers.prometheus import Prometheus
from activities.providers.registry import provider_for
from activities.providers.secret import Secret
from k8s.client import Json
from k8s.errors import ClusterError
from k8s.models.analysis import Metric
from k8s.models.common import NamespacedRef
from k8s.models.errors import InvalidObject
from k8s.models.loading import load_metric_template
from k8s.models.metric_template import VARIABLES, MetricTemplate
from k8s.resources import METRIC_TEMPLATES, SECRETS
from workflows.verdict import Answer, Unreadable

DEFAULT_INTERVAL = "1m"


class UnfitTemplate(Exception):
    """The template cannot be asked; the text is the event."""


class Asked(NamedTuple):
    """A query as it was sent, empty when it was not, and what came of it."""

    query: str
    answer: Answer


async def ask_template(bench: Bench, subject: Subject, target: Json, ref: NamespacedRef, metric: Metric) -> Asked:
    """Load, render, ask. What is wrong with a template says nothing about the release, and is told in full."""
    try:
        template = await load_template(bench, subject, ref)
        provider = await template_provider(bench, template, metric)
        query = _query(template, variables_of(subject, target, metric))
    except UnfitTemplate as problem:
        return Asked("", Unreadable(detail=str(problem), sentence=str(problem)))
    return Asked(query, await provider.query(query))


async def load_template(bench: Bench, subject: Subject, ref: NamespacedRef) -> MetricTemplate:
    """The template in the reference's namespace, or else the Canary's; raises UnfitTemplate."""
    namespace = ref.namespace or subject.namespace
    if bench.defaults.no_cross_namespace_refs and namespace != subject.namespace:
        raise UnfitTemplate(f"Metric template {ref.name}.{namespace} error: cross-namespace references are blocked")
    try:
        return load_metric_template(await bench.cluster.get(METRIC_TEMPLATES.path(namespace, ref.name)))
    except (ClusterError, InvalidObject) as error:
        raise UnfitTemplate(f"Metric template {ref.name}.{namespace} error: {error}") from error


def _query(template: MetricTemplate, variables: dict[str, Any]) -> str:
    try:
        return render(template.spec.query, variables)
    except TemplateError as error:
        raise UnfitTemplate(f"Metric template {where_is(template)} query render error: {error}") from error


def where_is(template: MetricTemplate) -> str:
    """As events name it."""
    return f"{template.metadata.name}.{template.metadata.namespace}"


async def template_provider(bench: Bench, template: MetricTemplate, metric: Metric) -> Provider:
    """The template's provider with its credentials, for the metric's window; raises UnfitTemplate."""
    where, spec = where_is(template), template.spec.provider
    source = Source(
        http=bench.http,
        cluster=bench.cluster,
        address=spec.address or (bench.defaults.metrics_server if spec.type == "prometheus" else ""),
        window_seconds=window_seconds(metric),
        region=spec.region or "",
        headers={key: ",".join(values) for key, values in spec.headers.items()},
        insecure=spec.insecure_skip_verify,
    )
    try:
        return provider_for(spec.type, replace(source, secret=await _secret(bench, template)))
    except UnfitSecret as error:
        raise UnfitTemplate(f"Metric template {where} {error}") from error
    except UnfitProvider as error:
        raise UnfitTemplate(f"Metric template {where} provider {spec.type} error: {error}") from error


async def _secret(bench: Bench, template: MetricTemplate) -> Secret:
    """Read here, beside the template, and forgotten here; raises UnfitSecret."""
    ref = template.spec.provider.secret_ref
    if ref is None:
        return Secret()
    try:
        secret = await bench.cluster.get(SECRETS.path(template.metadata.namespace, ref.name))
    except ClusterError as error:
        raise UnfitSecret(f"secret {ref.name} error: {error}") from error
    return Secret(ref.name, secret.get("data") or {})


def prometheus_of(bench: Bench, subject: Subject) -> Prometheus:
    """The server of built-in checks and inline queries: the Canary's own, or else the worker's."""
    address = subject.canary.spec.metrics_server or bench.defaults.metrics_server
    return Prometheus(Source(bench.http, bench.cluster, address))


def window_seconds(metric: Metric) -> float:
    """How far the metric looks back: its interval, or one minute."""
    return metric.interval.total_seconds() if metric.interval else DEFAULT_WINDOW_SECONDS


def variables_of(subject: Subject, target: Json, metric: Metric) -> dict[str, Any]:
    """What a query may refer to; `VARIABLES` names them all. Knative routes to the latest revision of the target."""
    canary = subject.canary
    ingress, route = canary.spec.ingress_ref, canary.spec.route_ref
    interval = metric.interval
    return {
        "name": canary.name,
        "namespace": canary.namespace,
        "target": canary.target_name,
        "service": canary.apex_name,
        "ingress": ingress.name if ingress else canary.target_name,
        "route": route.name if route else subject.target.canary_workload(target),
        "interval": str(interval) if interval else DEFAULT_INTERVAL,
        "variables": dict(metric.template_variables),
    }


def render(query: str, variables: dict[str, Any]) -> str:
    """Put the values in; raises TemplateError, whose text names the construct and what there is."""
    return Template(query, VARIABLES).render(variables)


def template_problem(query: str) -> str:
    """What is wrong with a query whatever it is rendered with (syntax, unknown names); empty when nothing is."""
    try:
        Template(query, VARIABLES)
    except TemplateError as error:
        return str(error)
    return ""
