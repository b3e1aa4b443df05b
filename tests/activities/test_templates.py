"""MetricTemplates: what a query may say, and whom it is asked with which credentials."""

import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest

from activities.bench import Bench, Defaults
from activities.templates import (
    ask_template,
    template_problem,
    variables_of,
)
from k8s.models.analysis import Metric
from k8s.models.common import NamespacedRef
from k8s.models.metric_template import VARIABLES
from k8s.resources import METRIC_TEMPLATES, SECRETS
from tests.activities.conftest import Outside
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_deployment, a_knative_service, a_service
from workflows.verdict import Answer, NoData, Unreadable, Value

Json = dict[str, Any]
PATH = METRIC_TEMPLATES.path("test", "errors")
METRIC = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors"}})


def reference(metric: Metric) -> NamespacedRef:
    """The template that a metric names."""
    assert metric.template_ref
    return metric.template_ref


def encoded(**data: str) -> dict[str, str]:
    """Data of a Secret."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


async def asked(api: ApiServer, bench: Bench, query: str = "up", metric: Metric = METRIC, **provider: Any) -> Answer:
    """The answer to a template with this query and provider."""
    spec = {"provider": {"type": "prometheus", "address": "http://mimir:9009"} | provider, "query": query}
    await api.put(PATH, {"spec": spec})
    return (await ask_template(bench, bench.subject(a_canary()), a_deployment(), reference(metric), metric)).answer


# -- rendering --------------------------------------------------------------------------------------------------------


def test_variables(bench: Bench) -> None:
    """Flagger's, with its defaults."""
    metric = Metric.model_validate({"name": "m", "interval": "2m", "templateVariables": {"team": "a"}})
    assert variables_of(bench.subject(a_canary(service=a_service(name="apex"))), a_deployment(), metric) == {
        "name": "podinfo",
        "namespace": "test",
        "target": "podinfo",
        "service": "apex",
        "ingress": "podinfo",
        "route": "podinfo",
        "interval": "2m",
        "variables": {"team": "a"},
    }
    named = bench.subject(
        a_canary(
            ingressRef={"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "entry"},
            routeRef={"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "route"},
        )
    )
    found = variables_of(named, a_deployment(), METRIC)
    assert (found["ingress"], found["route"], found["interval"]) == ("entry", "route", "1m")
    ref = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
    knative = bench.subject(a_canary(targetRef=ref, provider="knative"))
    assert variables_of(knative, a_knative_service(latest="podinfo-00002"), METRIC)["route"] == "podinfo-00002"


# -- asking -----------------------------------------------------------------------------------------------------------


async def test_answer(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """The provider's, to the rendered query, at the template's address and with its headers."""
    outside.answer = lambda _: httpx.Response(200, json={"data": {"resultType": "scalar", "result": [1, "3"]}})
    found = await asked(api, bench, 'x{a="{{ target }}"}', headers={"X-Scope-OrgID": ["a", "b"]})
    assert found == Value(value=3)
    (request,) = outside.asked
    assert (request.url.host, request.url.params["query"]) == ("mimir", 'x{a="podinfo"}')
    assert request.headers["X-Scope-OrgID"] == "a,b"


async def test_no_data(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Is no data."""
    outside.answer = lambda _: httpx.Response(200, json={"data": {"resultType": "vector", "result": []}})
    assert await asked(api, bench) == NoData()


async def test_default_address(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Without an address the worker's Prometheus is asked."""
    await asked(api, bench, address=None)
    assert outside.asked[0].url.host == "prometheus"


async def test_other_namespace(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """A template may live elsewhere; its Secret lives beside it."""
    spec = {"provider": {"type": "prometheus", "address": "http://mimir", "secretRef": {"name": "key"}}, "query": "up"}
    await api.put(METRIC_TEMPLATES.path("shared", "errors"), {"spec": spec})
    await api.put(SECRETS.path("shared", "key"), {"data": encoded(token="t0ken")})  # noqa: S106 - a test's
    metric = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors", "namespace": "shared"}})
    await ask_template(bench, bench.subject(a_canary()), a_deployment(), reference(metric), metric)
    assert outside.asked[0].headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (encoded(token="t0ken"), "Bearer t0ken"),  # noqa: S106 - a test's
        (encoded(token="t0ken\n"), "Bearer t0ken"),  # noqa: S106 - a test's
        (encoded(username="user", password="pass"), "Basic dXNlcjpwYXNz"),  # noqa: S106 - a test's
        (encoded(token="t0ken", username="user", password="pass"), "Bearer t0ken"),  # noqa: S106 - a test's
        (encoded(token="t0ken") | {"ca.der": "//79/A=="}, "Bearer t0ken"),  # noqa: S106 - a test's
    ],
    ids=["token", "with a line's end", "basic", "token first", "binary neighbour"],
)
async def test_credentials(api: ApiServer, bench: Bench, outside: Outside, data: dict[str, str], header: str) -> None:
    """A token, or else user and password; other keys of the Secret do not matter."""
    await api.put(SECRETS.path("test", "key"), {"data": data})
    await asked(api, bench, secretRef={"name": "key"})
    assert outside.asked[0].headers["Authorization"] == header


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "key username and password not found; write token, or username and password"),
        (encoded(username="user"), "key password not found; write token, or username and password"),
        (encoded(token=""), "key token must be UTF-8 text, and not empty"),
        (encoded(token="s3cret\nX-Evil: 1"), "key token must be ASCII text on one line"),  # noqa: S106 - a test's
        (encoded(token="s3crét"), "key token must be ASCII text on one line"),  # noqa: S106 - a test's
        ({"token": "not base64!"}, "key token must be UTF-8 text, and not empty"),
        (encoded(username="user") | {"password": "//79"}, "key password must be UTF-8 text, and not empty"),
        (encoded(username="us\ner", password="p"), "key username must be UTF-8 text on one line"),  # noqa: S106 - same
    ],
)
async def test_unfit_credentials(
    api: ApiServer, bench: Bench, outside: Outside, data: dict[str, str], text: str
) -> None:
    """The text names keys and never a value, since it is shown in events."""
    await api.put(SECRETS.path("test", "key"), {"data": data})
    sentence = f"Metric template errors.test secret key error: {text}"
    assert await asked(api, bench, secretRef={"name": "key"}) == Unreadable(detail=sentence, sentence=sentence)
    assert outside.asked == []


async def test_unverified(api: ApiServer, bench: Bench, tls_receiver: str) -> None:
    """`insecureSkipVerify` reaches a server whose certificate nobody vouches for."""
    found = await asked(api, bench, address=tls_receiver, insecureSkipVerify=True)
    assert found == Unreadable(detail="not an answer of Prometheus: ")


# -- what is wrong with the template, in full -------------------------------------------------------------------------


async def test_blocked_namespace(bench: Bench, api: ApiServer) -> None:
    """Where references to other namespaces are blocked, an edit in the middle of a rollout does not get round that."""
    blocking = replace(bench, defaults=Defaults(no_cross_namespace_refs=True))
    metric = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors", "namespace": "other"}})
    answer = (await ask_template(blocking, bench.subject(a_canary()), a_deployment(), reference(metric), metric)).answer
    assert isinstance(answer, Unreadable)
    assert answer.sentence == "Metric template errors.other error: cross-namespace references are blocked"
    assert api.requests == []


async def test_missing_template(bench: Bench) -> None:
    """Says nothing about the release, and names the template."""
    query, found = await ask_template(bench, bench.subject(a_canary()), a_deployment(), reference(METRIC), METRIC)
    assert query == ""
    sentence = 'Metric template errors.test error: metrictemplates "errors" not found'
    assert found == Unreadable(detail=sentence, sentence=sentence)


async def test_senseless_template(api: ApiServer, bench: Bench) -> None:
    """A template that the CRD would refuse today names the field."""
    await api.put(PATH, {"spec": {"provider": {"type": "prometheus"}}})
    query, found = await ask_template(bench, bench.subject(a_canary()), a_deployment(), reference(METRIC), METRIC)
    assert query == ""
    assert isinstance(found, Unreadable)
    assert found.sentence.startswith("Metric template errors.test error: spec.query: required")


async def test_missing_secret(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Nothing is asked without the credentials."""
    found = await asked(api, bench, secretRef={"name": "key"})
    assert isinstance(found, Unreadable)
    assert found.sentence == 'Metric template errors.test secret key error: secrets "key" not found'
    assert outside.asked == []


async def test_forbidden_secret(api: ApiServer, bench: Bench) -> None:
    """A worker that may not read Secrets says so."""

    async def forbid(request: Any) -> Any:
        return status(403, "secrets is forbidden") if "/secrets/" in request.path else None

    api.intercepts.append(forbid)
    found = await asked(api, bench, secretRef={"name": "key"})
    assert isinstance(found, Unreadable)
    assert found.sentence == "Metric template errors.test secret key error: secrets is forbidden"


async def test_unknown_variable(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """In Flagger's words, with the variables that exist."""
    found = await asked(api, bench, "x{{ pod }}")
    assert isinstance(found, Unreadable)
    assert found.sentence.startswith("Metric template errors.test query render error: {{ pod }} is not one of ingress,")
    assert outside.asked == []


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ({"type": "datadog"}, "spec.provider.secretRef: required; name a Secret with key datadog_api_key"),
        ({"type": "cloudwatch"}, "spec.provider.region: required; write the region, such as eu-central-1"),
        (
            {"type": "graphite", "address": None},
            "spec.provider.address: required; write the base URL, such as http://graphite.monitoring",
        ),
    ],
    ids=["secret", "region", "address"],
)
async def test_missing_field(api: ApiServer, bench: Bench, outside: Outside, provider: Json, text: str) -> None:
    """A field that the provider's type wants is named, with what to write."""
    sentence = f"Metric template errors.test provider {provider['type']} error: {text}"
    assert await asked(api, bench, **provider) == Unreadable(detail=sentence, sentence=sentence)
    assert outside.asked == []


@pytest.mark.parametrize(("interval", "window"), [("3m", 180), (None, 60)])
async def test_window(api: ApiServer, bench: Bench, outside: Outside, interval: str | None, window: int) -> None:
    """The metric's interval, or one minute, for providers that are told a time."""
    await api.put(SECRETS.path("test", "key"), {"data": encoded(username="user", password="p")})  # noqa: S106 - a test's
    metric = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors"}, "interval": interval})
    await asked(api, bench, "target={{ interval }}", metric, type="graphite", secretRef={"name": "key"})
    assert dict(outside.asked[0].url.params) == {
        "target": interval or "1m",
        "from": f"-{window}s",
        "format": "json",
    }


def test_variables_are_those_of_the_definition(bench: Bench) -> None:
    """What `kubectl apply` lets through is what there is."""
    assert tuple(variables_of(bench.subject(a_canary()), a_deployment(), METRIC)) == VARIABLES


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ('sum(rate(x{namespace="{{ namespace }}",pod=~"{{ target }}-.*"}[{{ interval }}]))', ""),
        ("{{ variables.team }}", ""),
        ("{{ pod }}", "{{ pod }} is not one of ingress, interval, name, namespace, route, service, target, variables"),
        ("{{ name", "unclosed action: write }} after it"),
    ],
)
def test_template_problem(query: str, problem: str) -> None:
    """What can be told of a query before it is needed."""
    assert template_problem(query) == problem
