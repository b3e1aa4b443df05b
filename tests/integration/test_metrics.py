"""A scrape of the running worker, after a rollout that succeeded and one that failed."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from playground.stage import Stage
from tests.integration.scenario import NAME, a_canary, unchecked

pytestmark = pytest.mark.integration

NAMESPACE = "metrics"
TARGET = {"name": NAME, "namespace": NAMESPACE}


async def scraped(stage: Stage) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series of the page."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(stage.worker_metrics)
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


async def test_after_two_rollouts(stage: Stage) -> None:
    """Each is counted once under its labels, and the gauges say how the canary stands."""
    ending = TARGET | {"deployment_strategy": "canary", "analysis_status": "completed"}
    query = {"name": "two", "interval": "10s", "thresholdRange": {"max": 2}, "query": "vector(2)"}
    async with a_canary(stage, NAMESPACE, unchecked(NAMESPACE, metrics=[query])) as scene:
        await scene.release("6.0.1")
        assert await scene.until_over() == "Succeeded"
        query["thresholdRange"] = {"max": 1}
        await scene.apply(unchecked(NAMESPACE, metrics=[query], threshold=1))
        await scene.release("6.0.2")
        await scene.until_event("Canary failed!")
        assert await scene.until_over() == "Failed"
        series = await scraped(stage)
    assert series["flagger_canary_successes_total", frozenset(ending.items())] == 1
    assert series["flagger_canary_failures_total", frozenset(ending.items())] == 1
    assert series["flagger_canary_total", frozenset({("namespace", NAMESPACE)})] == 1
    assert series["flagger_canary_status", frozenset(TARGET.items())] == 2
    assert series["flagger_canary_metric_analysis", frozenset((TARGET | {"metric": "two"}).items())] == 2
    # Two steps of weight passed, and a third examination failed.
    assert series["flagger_canary_duration_seconds_count", frozenset(TARGET.items())] == 3
    for workload, weight in ((NAME, 0), (f"{NAME}-primary", 100)):
        labels = {"workload": workload, "namespace": NAMESPACE}
        assert series["flagger_canary_weight", frozenset(labels.items())] == weight
    names = {name for name, _ in series}
    assert {"process_cpu_seconds_total", "temporal_request_total", "temporal_workflow_completed_total"} <= names
