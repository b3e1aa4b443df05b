"""What is counted, once for each fact: rollouts that ended, steps that were examined, values that were read."""

import time
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.meters import Meters
from activities.report import Reporter
from k8s.resources import DEPLOYMENTS
from tests.activities.conftest import Outside
from tests.activities.test_checks import examined, prometheus
from tests.activities.test_report import PATH, a_report
from tests.api_server import ApiServer
from tests.objects import a_canary, a_deployment, an_analysis
from workflows.observation import Phase
from workflows.verdict import Check, NoData, Question, Value

Json = dict[str, Any]
PODINFO = {"name": "podinfo", "namespace": "test"}
COMPLETED = PODINFO | {"deployment_strategy": "canary", "analysis_status": "completed"}


def value(meters: Meters, series: str, **labels: str) -> float | None:
    """Of a series, None when it is not there."""
    return meters.registry.get_sample_value(series, labels or PODINFO)


async def ends(api: ApiServer, bench: Bench, phase: Phase, **spec: Any) -> None:
    """A rollout comes to its end, and the activity that says so is performed twice."""
    await api.put(PATH, a_canary(status={"phase": "Progressing"}, **spec))
    for _ in range(2):
        await ActivityEnvironment().run(Reporter(bench).report, a_report(phase=phase))


ITERATIONS = an_analysis(stepWeight=None, iterations=3)
MATCH = [{"headers": {"x": {"exact": "1"}}}]
ENDS = {
    "promoted": (Phase.SUCCEEDED, {}, {}),
    "skipped": (Phase.SUCCEEDED, {"skipAnalysis": True}, {"analysis_status": "skipped"}),
    "failed": (Phase.FAILED, {}, {}),
    "failed though skipped": (Phase.FAILED, {"skipAnalysis": True}, {}),
    "blue-green": (Phase.SUCCEEDED, {"analysis": ITERATIONS}, {"deployment_strategy": "blue-green"}),
    "A/B": (Phase.FAILED, {"analysis": ITERATIONS | {"match": MATCH}}, {"deployment_strategy": "ab-testing"}),
}


@pytest.mark.parametrize(("phase", "spec", "labels"), ENDS.values(), ids=list(ENDS))
async def test_an_end_is_counted_once(
    api: ApiServer, bench: Bench, phase: Phase, spec: Json, labels: dict[str, str]
) -> None:
    """However often its activity is performed, and under the labels of its strategy."""
    await ends(api, bench, phase, **spec)
    counts = [
        value(bench.meters, f"flagger_canary_{series}_total", **(COMPLETED | labels))
        for series in ("successes", "failures")
    ]
    assert counts == ([1, None] if phase is Phase.SUCCEEDED else [None, 1])


@pytest.mark.parametrize(("phase", "spec", "labels"), ENDS.values(), ids=list(ENDS))
async def test_an_expected_end_is_an_increase(
    api: ApiServer, bench: Bench, phase: Phase, spec: Json, labels: dict[str, str]
) -> None:
    """From 0: Prometheus counts nothing of a series that appears at 1."""
    series = f"flagger_canary_{'successes' if phase is Phase.SUCCEEDED else 'failures'}_total"
    bench.meters.expect(a_canary(**spec))
    assert value(bench.meters, series, **(COMPLETED | labels)) == 0
    await ends(api, bench, phase, **spec)
    bench.meters.expect(a_canary(**spec))
    assert value(bench.meters, series, **(COMPLETED | labels)) == 1


def test_nothing_is_expected_of_a_canary_that_cannot_be_read(bench: Bench) -> None:
    """As Flagger's own CRD may have let in: it has no rollout."""
    bench.meters.expect(a_canary(targetRef=None))
    assert not [family for family in bench.meters.registry.collect() if family.samples]


async def test_the_next_rollout_counts_again(api: ApiServer, bench: Bench) -> None:
    """It passes through Progressing."""
    for _ in range(2):
        await ends(api, bench, Phase.FAILED)
    assert value(bench.meters, "flagger_canary_failures_total", **COMPLETED) == 2


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.SUCCEEDED, Phase.FAILED}))
async def test_no_other_phase_is_an_end(api: ApiServer, bench: Bench, phase: Phase) -> None:
    """Bootstrap and deletion among them."""
    await ends(api, bench, phase)
    for series in ("successes", "failures"):
        assert value(bench.meters, f"flagger_canary_{series}_total", **COMPLETED) is None


async def test_a_step(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """Its checks' values, a duration in seconds, and how long it took."""
    outside.answer = lambda request: prometheus("420" if "quantile" in request.url.params["query"] else "99.5")
    names = ("request-success-rate", "request-duration")
    await examined(api, bench, metrics=[{"name": name, "thresholdRange": {"min": 1}} for name in names])
    readings = [value(bench.meters, "flagger_canary_metric_analysis", metric=name, **PODINFO) for name in names]
    assert readings == [99.5, 0.42]
    assert value(bench.meters, "flagger_canary_duration_seconds_count") == 1


async def test_nobody_measured(api: ApiServer, bench: Bench, outside: Outside) -> None:
    """A check without data or without answer gives no value."""
    outside.answer = lambda _: httpx.Response(503)
    await examined(api, bench, metrics=[{"name": "mine", "query": "up", "thresholdRange": {"min": 1}}])
    assert value(bench.meters, "flagger_canary_metric_analysis", metric="mine", **PODINFO) is None
    assert value(bench.meters, "flagger_canary_duration_seconds_count") == 1


async def test_unready_is_not_examined(api: ApiServer, bench: Bench) -> None:
    """Waiting for pods is no step."""
    bench.informers.of(DEPLOYMENTS)._put(a_deployment(status={"availableReplicas": 1}))
    await examined(api, bench)
    assert value(bench.meters, "flagger_canary_duration_seconds_count") is None


def measured(meters: Meters, **values: float) -> None:
    """One step with these values, every minute."""
    checks = [Check(name=name, question=Question.QUERY, answer=Value(value=number)) for name, number in values.items()]
    unknown = Check(name="unknown", question=Question.QUERY, answer=NoData())
    meters.examined("podinfo", "test", [*checks, unknown], took_seconds=0.3, interval_seconds=60)


@pytest.mark.parametrize(("later", "shown"), [(119, 1.0), (121, None)])
def test_a_reading_holds_for_two_intervals(monkeypatch: pytest.MonkeyPatch, later: float, shown: float | None) -> None:
    """By then another replica may have read a newer one."""
    meters = Meters()
    measured(meters, errors=1)
    now = time.monotonic()
    monkeypatch.setattr("activities.meters.time.monotonic", lambda: now + later)
    assert value(meters, "flagger_canary_metric_analysis", metric="errors", **PODINFO) == shown


def test_a_target_is_forgotten(bench: Bench) -> None:
    """With every series, and without those of its neighbours."""
    meters = bench.meters
    for name in ("podinfo", "other"):
        for phase in (Phase.SUCCEEDED, Phase.FAILED):
            meters.ended(a_canary(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": name}), phase)
        meters.examined(
            name,
            "test",
            [Check(name="errors", question=Question.QUERY, answer=Value(value=1))],
            took_seconds=1,
            interval_seconds=1,
        )
    meters.forget("podinfo", "test")
    left = {sample.labels["name"] for family in meters.registry.collect() for sample in family.samples}
    assert left == {"other"}
