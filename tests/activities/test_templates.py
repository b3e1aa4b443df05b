"""MetricTemplates: what a query may say, and whom it is asked with which credentials."""

import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.bench import Bench, Defaults
from activities.templates import (
    UnfitCredentials,
    UnknownVariable,
    ask_template,
    credentials,
    render,
    variables_of,
)
from k8s.models.analysis import Metric
from k8s.resources import METRIC_TEMPLATES, SECRETS
from tests.activities.conftest import Outside
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_service
from workflows.verdict import Answer, NoData, Unreadable, Value

Json = dict[str, Any]
PATH = METRIC_TEMPLATES.path("test", "errors")
METRIC = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors"}})


def encoded(**data: str) -> dict[str, str]:
    """Data of a Secret."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


async def asked(api: ApiServer, bench: Bench, query: str = "up", metric: Metric = METRIC, **provider: Any) -> Answer:
    """The answer to a template with this query and provider."""
    spec = {"provider": {"type": "prometheus", "address": "http://mimir:9009"} | provider, "query": query}
    await api.put(PATH, {"spec": spec})
    return await ask_template(bench, bench.subject(a_canary()), metric)


# -- rendering --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("up", "up"),
        ("{{ name }}", "podinfo"),
        ("{{name}}", "podinfo"),
        ("{{- name -}}", "podinfo"),
        ("{{\n  name\n}}", "podinfo"),
        ('x{a="{{ namespace }}"}[{{ interval }}]', 'x{a="test"}[1m]'),
        ("{{ variables.team }}-{{ variables.team }}", "a-a"),
        ('sum by (a) (x{b="c"})', 'sum by (a) (x{b="c"})'),
    ],
)
def test_rendering(query: str, text: str) -> None:
    """Variables between braces, however they are spaced; PromQL's own braces stay."""
    variables = {"name": "podinfo", "namespace": "test", "interval": "1m", "variables.team": "a"}
    assert render(query, variables) == text


@pytest.mark.parametrize(
    "name", ["pod", "variables.gone", ".name", "index variables `a`", "if name", "", "name | upper"]
)
def test_unknown(name: str) -> None:
    """What is no variable is refused, with those that are; it is not sent half rendered."""
    with pytest.raises(UnknownVariable) as refusal:
        render(f"x{{{{ {name} }}}}", {"name": "podinfo", "target": "podinfo"})
    assert str(refusal.value) == f"{{{{ {name} }}}} is not one of name, target"


@given(st.text(max_size=30))
def test_values_are_not_rendered(value: str) -> None:
    """What a value holds is text."""
    assert render("{{ a }}", {"a": value}) == value


def test_variables(bench: Bench) -> None:
    """Flagger's, with its defaults."""
    metric = Metric.model_validate({"name": "m", "interval": "2m", "templateVariables": {"team": "a"}})
    assert variables_of(bench.subject(a_canary(service=a_service(name="apex"))), metric) == {
        "name": "podinfo",
        "namespace": "test",
        "target": "podinfo",
        "service": "apex",
        "ingress": "podinfo",
        "route": "podinfo",
        "interval": "2m",
        "variables.team": "a",
    }
    named = bench.subject(
        a_canary(
            ingressRef={"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "entry"},
            routeRef={"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "route"},
        )
    )
    found = variables_of(named, METRIC)
    assert (found["ingress"], found["route"], found["interval"]) == ("entry", "route", "1m")


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
    await ask_template(bench, bench.subject(a_canary()), metric)
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
        (encoded(token=""), "key token must be ASCII text on one line"),
        (encoded(token="s3cret\nX-Evil: 1"), "key token must be ASCII text on one line"),  # noqa: S106 - a test's
        (encoded(token="s3crét"), "key token must be ASCII text on one line"),  # noqa: S106 - a test's
        ({"token": "not base64!"}, "key token must be ASCII text on one line"),
        (encoded(username="user") | {"password": "//79"}, "key password must be UTF-8 text on one line"),
    ],
)
def test_unfit_credentials(data: dict[str, str], text: str) -> None:
    """The text names keys and never a value, since it is shown in events."""
    with pytest.raises(UnfitCredentials) as refusal:
        credentials(data)
    assert str(refusal.value) == text


async def test_unverified(api: ApiServer, bench: Bench, tls_receiver: str) -> None:
    """`insecureSkipVerify` reaches a server whose certificate nobody vouches for."""
    found = await asked(api, bench, address=tls_receiver, insecureSkipVerify=True)
    assert found == Unreadable(detail="not an answer of Prometheus: ")


# -- what is wrong with the template, in full -------------------------------------------------------------------------


async def test_blocked_namespace(bench: Bench, api: ApiServer) -> None:
    """Where references to other namespaces are blocked, an edit in the middle of a rollout does not get round that."""
    blocking = replace(bench, defaults=Defaults(no_cross_namespace_refs=True))
    metric = Metric.model_validate({"name": "errors", "templateRef": {"name": "errors", "namespace": "other"}})
    answer = await ask_template(blocking, bench.subject(a_canary()), metric)
    assert isinstance(answer, Unreadable)
    assert answer.sentence == "Metric template errors.other error: cross-namespace references are blocked"
    assert api.requests == []


async def test_missing_template(bench: Bench) -> None:
    """Says nothing about the release, and names the template."""
    found = await ask_template(bench, bench.subject(a_canary()), METRIC)
    sentence = 'Metric template errors.test error: metrictemplates "errors" not found'
    assert found == Unreadable(detail=sentence, sentence=sentence)


async def test_senseless_template(api: ApiServer, bench: Bench) -> None:
    """A template that the CRD would refuse today names the field."""
    await api.put(PATH, {"spec": {"provider": {"type": "prometheus"}}})
    found = await ask_template(bench, bench.subject(a_canary()), METRIC)
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


async def test_other_provider(api: ApiServer, bench: Bench) -> None:
    """One that is not supported is not asked something else instead."""
    found = await asked(api, bench, type="datadog")
    assert isinstance(found, Unreadable)
    assert found.sentence == (
        "Metric template errors.test provider datadog error: not supported yet; use type prometheus"
    )
