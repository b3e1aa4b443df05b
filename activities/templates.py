"""MetricTemplates: a query with the canary's names in it, asked of the provider that the template names."""

import base64
import re

from k8s.models.analysis import Metric
from k8s.models.errors import InvalidCanary
from k8s.models.loading import load_metric_template
from k8s.models.metric_template import MetricTemplate

from activities.bench import Bench, Subject
from activities.providers.prometheus import Prometheus
from k8s.apply import find
from k8s.errors import ClusterError
from k8s.resources import METRIC_TEMPLATES, SECRETS
from workflows.verdict import Answer, Unreadable

VARIABLE = re.compile(r"\{\{-?\s*([\w.]+)\s*-?\}\}")
DEFAULT_INTERVAL = "1m"


class UnfitTemplate(Exception):
    """The template cannot be asked; the text is the event."""


async def ask_template(bench: Bench, subject: Subject, metric: Metric) -> Answer:
    """Load, render, ask. What is wrong with a template says nothing about the release, and is told in full."""
    try:
        template = await _load(bench, subject, metric)
        query = render(template.spec.query, variables_of(subject, metric))
        provider = await _provider(bench, template)
    except UnfitTemplate as problem:
        return Unreadable(detail=str(problem), sentence=str(problem))
    return await provider.query(query)


async def _load(bench: Bench, subject: Subject, metric: Metric) -> MetricTemplate:
    ref = metric.template_ref
    if ref is None:
        raise UnfitTemplate(f"metric {metric.name} has no templateRef")
    namespace = ref.namespace or subject.namespace
    try:
        return load_metric_template(await bench.cluster.get(METRIC_TEMPLATES.path(namespace, ref.name)))
    except (ClusterError, InvalidCanary) as error:
        raise UnfitTemplate(f"Metric template {ref.name}.{namespace} error: {error}") from error


async def _provider(bench: Bench, template: MetricTemplate) -> Prometheus:
    where, provider = f"{template.metadata.name}.{template.metadata.namespace}", template.spec.provider
    if provider.type != "prometheus":
        raise UnfitTemplate(
            f"Metric template {where} provider {provider.type} error: not supported yet; use type prometheus"
        )
    headers = {key: ",".join(values) for key, values in (provider.headers or {}).items()}
    secret = await _secret(bench, template, where)
    if "token" in secret:
        headers["Authorization"] = f"Bearer {secret['token']}"
    auth = (secret["username"], secret["password"]) if {"username", "password"} <= secret.keys() else None
    return Prometheus(bench.http, provider.address or bench.defaults.metrics_server, headers, auth)


async def _secret(bench: Bench, template: MetricTemplate, where: str) -> dict[str, str]:
    """The credentials, decoded; read here and forgotten here."""
    ref = template.spec.provider.secret_ref
    if ref is None:
        return {}
    secret = await find(bench.cluster, SECRETS, template.metadata.namespace, ref.name)
    if secret is None:
        raise UnfitTemplate(f"Metric template {where} secret {ref.name} error: secret not found")
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}


def variables_of(subject: Subject, metric: Metric) -> dict[str, str]:
    """What a query may refer to (Flagger's template functions)."""
    canary = subject.canary
    ingress, route = canary.spec.ingress_ref, canary.spec.route_ref
    interval = metric.interval
    names = {
        "name": canary.name,
        "namespace": canary.namespace,
        "target": canary.target_name,
        "service": canary.apex_name,
        "ingress": ingress.name if ingress else canary.target_name,
        "route": route.name if route else canary.target_name,
        "interval": f"{int(interval.total_seconds())}s" if interval else DEFAULT_INTERVAL,
    }
    return names | {f"variables.{key}": value for key, value in (metric.template_variables or {}).items()}


def render(query: str, variables: dict[str, str]) -> str:
    """Put the values in.

    Raises:
        UnfitTemplate: the query names a variable that does not exist.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            known = ", ".join(sorted(variables))
            raise UnfitTemplate(f"Metric template query render error: {{{{ {name} }}}} is not one of {known}")
        return variables[name]

    return VARIABLE.sub(value, query)
