"""The questions of a step: what each is, its bounds, how far it looks back, and what its answer is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.checks import Examine, bounds_of, question_of, verdict_of, window_of
from k8s.models.analysis import Metric
from k8s.resources import CANARIES, DEPLOYMENTS, HTTP_ROUTES_V1
from tests.activities.conftest import Outside
from tests.api_server import ApiServer
from tests.objects import a_canary, a_deployment, a_service, an_analysis
from workflows.effects import Division, Examination, Findings, Role
from workflows.observation import CanaryRef, Revision
from workflows.verdict import Answer, Check, NoData, Objected, Passed, Question, Unreadable, Value

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
SUCCESS_RATE = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
HOOK = {"name": "load-test", "type": "rollout", "url": "http://loadtester.test/"}
HINT = (
    "no values found; send requests to podinfo-canary.test:9898 (a rollout webhook with a load test does), "
    "and see that the pods are meshed and scraped"
)


def a_metric(**fields: Any) -> Metric:
    """An inline query, unless it is named as a built-in one."""
    return Metric.model_validate({"name": "my-query"} | fields)


@pytest.mark.parametrize(
    ("metric", "question"),
    [
        (a_metric(name="request-success-rate"), Question.SUCCESS_RATE),
        (a_metric(name="request-duration"), Question.DURATION),
        (a_metric(query="up"), Question.QUERY),
        (a_metric(templateRef={"name": "x"}), Question.TEMPLATE),
        (a_metric(name="request-duration", templateRef={"name": "x"}), Question.TEMPLATE),
    ],
)
def test_question(metric: Metric, question: Question) -> None:
    """A template is one whatever its name; else the name tells the built-in ones."""
    assert question_of(metric) is question


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [
        (a_metric(thresholdRange={"min": 1, "max": 2}), (1, 2)),
        (a_metric(thresholdRange={"max": 0}), (None, 0)),
        (a_metric(thresholdRange={}), (None, None)),
        (a_metric(thresholdRange={"min": 5}, threshold=9), (5, None)),
        (a_metric(name="request-success-rate", threshold=99), (99, None)),
        (a_metric(name="request-success-rate"), (0, None)),
        (a_metric(name="request-duration", threshold=500), (None, 500)),
        (a_metric(threshold=5), (None, 5)),
        (a_metric(), (None, 0)),
    ],
)
def test_bounds(metric: Metric, bounds: tuple[float | None, float | None]) -> None:
    """A range wins; the deprecated threshold is a minimum for the success rate, else a maximum, 0 by default."""
    assert bounds_of(metric) == bounds


@pytest.mark.parametrize(
    ("interval", "elapsed", "window"),
    [
        (None, 3600, "60s"),
        ("1m", 3600, "60s"),
        ("30s", 3600, "30s"),
        ("1m30s", 3600, "90s"),
        ("1m", 12.3, "13s"),
        ("500ms", 3600, "1s"),
        ("1m", 0, "1s"),
        ("1m", -5, "1s"),
    ],
)
def test_window(interval: str | None, elapsed: float, window: str) -> None:
    """The metric's interval, but never before this revision was ready; whole seconds, and never empty."""
    assert window_of(a_metric(**({"interval": interval} if interval else {})), elapsed) == window


@pytest.mark.parametrize(
    ("refusal", "reached", "answer"),
    [
        ("", True, Passed()),
        ("403 Forbidden", True, Objected(detail="403 Forbidden")),
        ("refused", False, Unreadable(detail="refused")),
    ],
)
def test_hooks_word(refusal: str, answer: Answer, *, reached: bool) -> None:
    """Who is away says nothing about the release; who answers no does."""
    assert verdict_of(refusal, reached=reached) == answer


# -- a whole step -----------------------------------------------------------------------------------------------------


async def examined(api: ApiServer, bench: Bench, **analysis: Any) -> Findings:
    """The findings for a Canary with this analysis, a quarter of an hour after its pods were ready."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(**analysis)))
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    order = Examination(
        canary=PODINFO, revision=Revision(template="s1-new"), canary_since=datetime.now(UTC) - timedelta(minutes=15)
    )
    return await ActivityEnvironment().run(Examine(bench).examine, order)


def prometheus(*values: str) -> httpx.Response:
    """An answer with one series for each value."""
    result = [{"metric": {}, "value": [1, value]} for value in values]
    return httpx.Response(200, json={"data": {"resultType": "vector", "result": result}})


async def test_all_at_once(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """The route, the metrics and the hooks, each with its answer, and the plan as the spec says now."""
    outside.answer = lambda request: httpx.Response(202) if request.method == "POST" else prometheus("99.9")
    findings = await examined(api, bench, metrics=[SUCCESS_RATE], webhooks=[HOOK])
    sent = [request.url.params["query"] for request in outside.asked if request.method == "GET"]
    assert findings.waiting == ""
    assert findings.plan
    assert findings.plan.weights == (10, 20, 30, 40, 50)
    assert findings.checks == (
        Check(name="route", question=Question.ROUTE, answer=Passed()),
        Check(name="load-test", question=Question.HOOK, answer=Passed()),
        Check(
            name="request-success-rate",
            question=Question.SUCCESS_RATE,
            provider="gatewayapi:v1",
            minimum=99,
            answer=Value(value=99.9),
            query=sent[0],
        ),
    )


async def test_order(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Hooks, then built-in checks and inline queries, then templates: of several that fail the first one is told."""
    outside.answer = lambda _: prometheus("1")
    template = {"name": "latency", "templateRef": {"name": "absent"}}
    findings = await examined(
        api, bench, metrics=[template, SUCCESS_RATE, {"name": "mine", "query": "up"}], webhooks=[HOOK]
    )
    assert [check.name for check in findings.checks] == [
        "route",
        "load-test",
        "request-success-rate",
        "mine",
        "latency",
    ]


async def test_no_traffic(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """A built-in check without data says where requests would have to go."""
    outside.answer = lambda _: prometheus()
    findings = await examined(api, bench, metrics=[SUCCESS_RATE])
    assert findings.checks[1].answer == NoData(detail=HINT)


async def test_inline_query(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """It may use the variables of templates, and goes to the Canary's own Prometheus."""
    outside.answer = lambda _: prometheus("1")
    query = 'sum(rate(x{ns="{{ namespace }}",d="{{ target }}"}[{{ interval }}]))'
    findings = await examined(api, bench, metrics=[{"name": "mine", "query": query, "interval": "90s"}])
    assert findings.checks[1].answer == Value(value=1)
    assert outside.asked[0].url.params["query"] == 'sum(rate(x{ns="test",d="podinfo"}[90s]))'
    assert outside.asked[0].url.host == "prometheus"


async def test_inline_query_with_a_mistake(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """It is told, and nothing is asked; Flagger sends an empty query."""
    findings = await examined(api, bench, metrics=[{"name": "mine", "query": "up{{ pod }}"}])
    answer = findings.checks[1].answer
    assert isinstance(answer, Unreadable)
    assert answer.sentence.startswith("Prometheus query failed for mine: render error: {{ pod }} is not one of ")
    assert outside.asked == []


async def test_nothing_to_ask(api: ApiServer, bench: Bench) -> None:
    """A metric that is neither built in, nor a query, nor a template."""
    findings = await examined(api, bench, metrics=[{"name": "mine"}])
    answer = findings.checks[1].answer
    assert isinstance(answer, Unreadable)
    assert answer.sentence == "Metric query failed for no usable metrics template and query were configured"


async def test_route_not_accepted(api: ApiServer, bench: Bench) -> None:
    """A weight that the data plane does not honour proves nothing."""
    parent = {"parentRef": {"name": "podinfo"}, "conditions": [{"type": "Accepted", "status": "False"}]}
    await api.put(HTTP_ROUTES_V1.path("test", "podinfo"), {"spec": {"rules": []}, "status": {"parents": [parent]}})
    answer = (await examined(api, bench)).checks[0].answer
    assert isinstance(answer, Unreadable)
    assert answer.detail.startswith("HTTPRoute podinfo.test parent podinfo is not ready (status: False")


def a_route(**weights: int) -> Json:
    """An HTTPRoute that leads to these Services of podinfo."""
    refs = [{"name": f"podinfo-{side}", "weight": weight} for side, weight in weights.items()]
    return {"spec": {"rules": [{"backendRefs": refs}]}}


@pytest.mark.parametrize(
    ("route", "division"),
    [
        (a_route(primary=70, canary=30), Division(weight=30)),
        (a_route(primary=100), Division()),
        (None, Division()),
    ],
    ids=["divided", "led elsewhere", "deleted"],
)
async def test_division(api: ApiServer, bench: Bench, route: Json | None, division: Division) -> None:
    """As the route in the cluster says, whoever wrote it."""
    if route:
        await api.put(HTTP_ROUTES_V1.path("test", "podinfo"), route)
    assert (await examined(api, bench)).division == division


async def test_nothing_divides(api: ApiServer, bench: Bench) -> None:
    """Without a router there is nothing that anybody could have changed."""
    unrouted = replace(bench, defaults=replace(bench.defaults, mesh_provider="kubernetes"))
    assert (await examined(api, unrouted)).division is None


@pytest.mark.parametrize(
    ("name", "role"), [("podinfo", Role.CANARY), ("podinfo-primary", Role.PRIMARY)], ids=["canary", "primary"]
)
async def test_unready_workload(api: ApiServer, bench: Bench, outside: Outside, name: str, role: Role) -> None:
    """Nothing is judged, and nobody asked, while a workload is not ready."""
    bench.informers.of(DEPLOYMENTS)._put(a_deployment(name, status={"availableReplicas": 1}))
    findings = await examined(api, bench, metrics=[SUCCESS_RATE], webhooks=[HOOK])
    assert (findings.waiting_for, findings.waiting) == (role, "1 of 2 updated replicas are available")
    assert findings.checks == ()
    assert outside.asked == []


@pytest.mark.parametrize(
    ("name", "field"), [("podinfo", "canaryReadyThreshold"), ("podinfo-primary", "primaryReadyThreshold")]
)
@pytest.mark.parametrize(("percent", "judged"), [(50, True), (99, True), (100, False), (None, False)])
async def test_ready_thresholds(
    api: ApiServer, bench: Bench, name: str, field: str, *, percent: int | None, judged: bool
) -> None:
    """One of two pods is enough for all but 100 percent, of its own workload alone; parts of a pod do not count."""
    bench.informers.of(DEPLOYMENTS)._put(a_deployment(name, status={"availableReplicas": 1}))
    thresholds = {"canaryReadyThreshold": 100, "primaryReadyThreshold": 100} | {field: percent}
    findings = await examined(api, bench, **thresholds)
    assert (findings.waiting == "") is judged


async def test_senseless_edit(api: ApiServer, bench: Bench) -> None:
    """A plan cannot be made of it, so the former one stays in force."""
    findings = await examined(api, bench, stepWeight=None)
    assert findings.plan is None


async def test_metrics_server_of_the_spec(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """It goes before the worker's own."""
    outside.answer = lambda _: prometheus("100")
    raw = a_canary(
        analysis=an_analysis(metrics=[SUCCESS_RATE]), metricsServer="http://mimir:8080/prom", service=a_service()
    )
    await api.put(CANARIES.path("test", "podinfo"), raw)
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    order = Examination(
        canary=PODINFO, revision=Revision(template="s1-new"), canary_since=datetime.now(UTC) + timedelta(1)
    )
    await ActivityEnvironment().run(Examine(replace(bench)).examine, order)
    assert outside.asked[0].url.path == "/prom/api/v1/query"
    assert "[1s]" in outside.asked[0].url.params["query"]


async def test_the_window_is_measured_by_temporals_clock(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """A worker whose own clock is years ahead looks back no further than to when the canary was ready."""
    outside.answer = lambda _: prometheus("100")
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(metrics=[SUCCESS_RATE])))
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    asked = datetime(2020, 1, 1, tzinfo=UTC)
    order = Examination(
        canary=PODINFO, revision=Revision(template="s1-new"), canary_since=asked - timedelta(seconds=12.5)
    )
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=asked)
    await environment.run(Examine(bench).examine, order)
    assert "[13s]" in outside.asked[0].url.params["query"]
