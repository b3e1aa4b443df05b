"""MetricTemplates: a query with the canary's names in it, asked of the provider that the template names."""

import base64
import re

from activities.bench import Bench, Subject
from activities.providers.prometheus import Prometheus
from k8s.errors import ClusterError
from k8s.models.analysis import Metric
from k8s.models.errors import InvalidObject
from k8s.models.loading import load_metric_template
from k8s.models.metric_template import MetricTemplate
from k8s.resources import METRIC_TEMPLATES, SECRETS
from workflows.verdict import Answer, Unreadable

VARIABLE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
DEFAULT_INTERVAL = "1m"


class UnfitTemplate(Exception):
    """The template cannot be asked; the text is the event."""


async def ask_template(bench: Bench, subject: Subject, metric: Metric) -> Answer:
    """Load, render, ask. What is wrong with a template says nothing about the release, and is told in full."""
    try:
        template = await _load(bench, subject, metric)
        provider = await _provider(bench, template)
        query = _query(template, variables_of(subject, metric))
    except UnfitTemplate as problem:
        return Unreadable(detail=str(problem), sentence=str(problem))
    return await provider.query(query)


async def _load(bench: Bench, subject: Subject, metric: Metric) -> MetricTemplate:
    ref = metric.template_ref
    if ref is None:
        raise UnfitTemplate(f"metric {metric.name} has no templateRef")
    namespace = ref.namespace or subject.namespace
    if bench.defaults.no_cross_namespace_refs and namespace != subject.namespace:
        raise UnfitTemplate(f"Metric template {ref.name}.{namespace} error: cross-namespace references are blocked")
    try:
        return load_metric_template(await bench.cluster.get(METRIC_TEMPLATES.path(namespace, ref.name)))
    except (ClusterError, InvalidObject) as error:
        raise UnfitTemplate(f"Metric template {ref.name}.{namespace} error: {error}") from error


def _query(template: MetricTemplate, variables: dict[str, str]) -> str:
    try:
        return render(template.spec.query, variables)
    except UnknownVariable as error:
        raise UnfitTemplate(f"Metric template {where_is(template)} query render error: {error}") from error


def where_is(template: MetricTemplate) -> str:
    """As events name it."""
    return f"{template.metadata.name}.{template.metadata.namespace}"


async def _provider(bench: Bench, template: MetricTemplate) -> Prometheus:
    where, provider = where_is(template), template.spec.provider
    if provider.type != "prometheus":
        raise UnfitTemplate(
            f"Metric template {where} provider {provider.type} error: not supported yet; use type prometheus"
        )
    headers = {key: ",".join(values) for key, values in (provider.headers or {}).items()}
    secret = await _secret(bench, template, where)
    if "token" in secret:
        headers["Authorization"] = f"Bearer {secret['token']}"
    return Prometheus(
        bench.http,
        provider.address or bench.defaults.metrics_server,
        headers,
        (secret["username"], secret["password"]) if "username" in secret else None,
        provider.insecure_skip_verify,
    )


async def _secret(bench: Bench, template: MetricTemplate, where: str) -> dict[str, str]:
    """The token, or else username and password; read here and forgotten here."""
    ref = template.spec.provider.secret_ref
    if ref is None:
        return {}
    try:
        secret = await bench.cluster.get(SECRETS.path(template.metadata.namespace, ref.name))
        return credentials(secret.get("data") or {})
    except (ClusterError, UnfitCredentials) as error:
        raise UnfitTemplate(f"Metric template {where} secret {ref.name} error: {error}") from error


class UnfitCredentials(Exception):
    """A Secret does not hold what the provider needs; the text names keys, never values."""


def credentials(data: dict[str, str]) -> dict[str, str]:
    """`token`, or `username` and `password`, decoded; a line's end that crept in with the encoding is taken off.

    Raises:
        UnfitCredentials: a key is missing, or its value cannot stand in a header.
    """
    wanted = ("token",) if "token" in data else ("username", "password")
    if missing := [key for key in wanted if key not in data]:
        raise UnfitCredentials(f"key {' and '.join(missing)} not found; write token, or username and password")
    return {key: _printable(key, data[key]) for key in wanted}


def _printable(key: str, encoded: str) -> str:
    try:
        value = base64.b64decode(encoded).decode().strip()
    except ValueError:
        value = ""
    if not value or not value.isprintable() or (key == "token" and not value.isascii()):
        raise UnfitCredentials(f"key {key} must be {'ASCII' if key == 'token' else 'UTF-8'} text on one line")
    return value


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
        "interval": str(interval) if interval else DEFAULT_INTERVAL,
    }
    return names | {f"variables.{key}": value for key, value in (metric.template_variables or {}).items()}


class UnknownVariable(Exception):
    """A query names what does not exist; the text names what does."""


def render(query: str, variables: dict[str, str]) -> str:
    """Put the values in.

    Raises:
        UnknownVariable: the query names a variable that does not exist, or wants more than variables.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            known = ", ".join(sorted(variables))
            raise UnknownVariable(f"{{{{ {name} }}}} is not one of {known}")
        return variables[name]

    return VARIABLE.sub(value, query)
