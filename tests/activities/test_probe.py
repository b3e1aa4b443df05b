"""Before bootstrap: every provider of the checks is asked whether it is there, once."""

from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.probe import Probe
from k8s.resources import CANARIES, METRIC_TEMPLATES
from tests.activities.conftest import Outside
from tests.api_server import ApiServer
from tests.objects import a_canary, an_analysis
from workflows import wording
from workflows.effects import Probed
from workflows.observation import CanaryRef

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
BUILTIN = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
INLINE = {"name": "mine", "query": "up"}
ONE = {"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}


async def probed(api: ApiServer, bench: Bench, *metrics: Json) -> Probed:
    """The answer for a Canary with these metrics."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(metrics=list(metrics))))
    return await ActivityEnvironment().run(Probe(bench).probe, PODINFO)


async def a_template(api: ApiServer, name: str, namespace: str = "test", **provider: Any) -> Json:
    """A MetricTemplate in the cluster, and a metric that refers to it."""
    spec = {"provider": {"type": "prometheus", "address": f"http://{name}"} | provider, "query": "up"}
    await api.put(METRIC_TEMPLATES.path(namespace, name), {"spec": spec})
    return {"name": name, "templateRef": {"name": name, "namespace": namespace}}


async def test_all_there(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Prometheus once for all checks that read it, and each template's provider, wherever the template lives."""
    outside.answer = lambda _: httpx.Response(200, json=ONE)
    mimir = await a_template(api, "mimir", "shared")
    assert await probed(api, bench, BUILTIN, INLINE, mimir, mimir | {"name": "again"}) == Probed()
    assert sorted(request.url.host for request in outside.asked) == ["mimir", "prometheus"]
    assert {request.url.params["query"] for request in outside.asked} == {"vector(1)"}


async def test_nothing_to_ask(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Without metrics nobody is asked."""
    assert await probed(api, bench) == Probed()
    assert outside.asked == []


async def test_away(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Each that cannot be asked is named, with why."""
    outside.answer = lambda _: httpx.Response(503, text="busy")
    found = await probed(api, bench, BUILTIN, await a_template(api, "mimir"))
    assert found.problems == (
        "prometheus not avaiable: error response: 503: busy",
        "prometheus in metric template mimir.test not avaiable: error response: 503: busy",
    )


@pytest.mark.parametrize("result", [[], [{"metric": {}, "value": [1, "2"]}]], ids=["nothing", "two"])
async def test_not_prometheus(api: ApiServer, bench: Bench, outside: Outside, result: list[Json]) -> None:
    """Who does not know how much one is, is none."""
    outside.answer = lambda _: httpx.Response(200, json={"data": {"resultType": "vector", "result": result}})
    (problem,) = (await probed(api, bench, BUILTIN)).problems
    assert problem.startswith("prometheus not avaiable: vector(1) is ")


async def test_unfit_templates(api: ApiServer, bench: Bench) -> None:
    """A template that is missing, or lacks a field, is a problem too."""
    metrics = [{"name": "gone", "templateRef": {"name": "gone"}}, await a_template(api, "logs", type="datadog")]
    gone, unfit = (await probed(api, bench, *metrics)).problems
    assert gone == 'Metric template gone.test error: metrictemplates "gone" not found'
    assert unfit == (
        "Metric template logs.test provider datadog error: spec.provider.secretRef: required; "
        "name a Secret with key datadog_api_key"
    )


def test_sentences() -> None:
    """As users grep for them."""
    assert wording.providers_available() == "all the metrics providers are available!"
    assert wording.providers_unavailable(["a", "b"]) == "Error checking metric providers: a; b"
