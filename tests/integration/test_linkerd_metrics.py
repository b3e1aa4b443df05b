"""The built-in checks count what users asked for: the kubelet's probes and the scrapes of the proxy are not it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import Scene, Stories, a_canary, at_once, canary_of

pytestmark = pytest.mark.integration

SUCCESS_RATE = {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}
DURATION = {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}}
ALL_INBOUND = 'namespace="{namespace}",deployment="podinfo",direction="inbound"'
NAIVE_SUCCESS_RATE = (
    '100 * sum(rate(response_total{{{series},classification="success"}}[30s]))'
    " / sum(rate(response_total{{{series}}}[30s]))"
)
NAIVE_DURATION = "histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{{{series}}}[30s])) by (le))"


@dataclass(frozen=True)
class Tale:
    """How the release ended, and what a query that counts every inbound response says of it."""

    phase: str
    texts: list[str]
    naive: float

    def halts(self) -> set[str]:
        """The texts that say why the canary did not advance."""
        return {text for text in self.texts if text.startswith("Halt")}


async def ask(scene: Scene, query: str) -> float:
    """The one number that Prometheus answers with."""
    series = ALL_INBOUND.format(namespace=scene.namespace)
    async with httpx.AsyncClient(trust_env=False, base_url=scene.stage.world.prometheus_url) as client:
        answer = await client.get("/api/v1/query", params={"query": query.format(series=series)})
    [sample] = answer.json()["data"]["result"]
    return float(sample["value"][1])


async def told(scene: Scene, query: str) -> Tale:
    """Release, look at the naive number while the canary is being judged, and wait for the end."""
    await scene.release("6.0.2")
    await scene.until(lambda: scene.watcher.status.get("failedChecks", 0) >= 2, "two failed checks")
    naive = await ask(scene, query)
    return Tale(await scene.until_over(), list(scene.texts), naive)


async def seldom_used(stage: Stage) -> Tale:
    """A release that answers its one request a second with 500."""
    namespace = "metrics-seldom"
    canary = canary_of(namespace, webhooks=[], metrics=[SUCCESS_RATE], interval="2s")
    async with (
        a_canary(stage, namespace, canary) as scene,
        Traffic(scene.url("status/500", canary=True), proxy=stage.proxy, per_second=1),
    ):
        return await told(scene, NAIVE_SUCCESS_RATE)


async def unused(stage: Stage, namespace: str, metric: dict[str, Any], naive: str) -> Tale:
    """A release that nobody asks for anything, judged by one metric."""
    canary = canary_of(namespace, webhooks=[], metrics=[metric], interval="2s", threshold=3)
    async with a_canary(stage, namespace, canary) as scene:
        return await told(scene, naive)


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time."""
    async with at_once(
        seldom_used=seldom_used(stage),
        unused_rate=unused(stage, "metrics-unused-rate", SUCCESS_RATE, NAIVE_SUCCESS_RATE),
        unused_duration=unused(stage, "metrics-unused-duration", DURATION, NAIVE_DURATION),
    ) as running:
        yield running


async def test_probes_and_scrapes_do_not_dilute_failures(stories: Stories[Tale]) -> None:
    """Of a release whose few requests all fail the success rate is 0, whatever the proxy's other successes."""
    tale = await stories.told("seldom_used")
    assert tale.naive > 20, "else there was nothing that could have diluted"
    rates = {text.partition("success rate ")[2] for text in tale.halts() if "success rate" in text}
    assert (tale.phase, rates) == ("Failed", {"0.00% < 99%"})


@pytest.mark.parametrize(
    ("story", "metric"), [("unused_rate", "request-success-rate"), ("unused_duration", "request-duration")]
)
async def test_probes_and_scrapes_are_no_traffic(stories: Stories[Tale], story: str, metric: str) -> None:
    """A release without one request is not promoted, although its proxy reports nothing but quick successes."""
    tale = await stories.told(story)
    assert 0 < tale.naive <= 100, "else the naive check would not have passed"
    [halt] = tale.halts()
    assert halt.startswith(f"Halt advancement no values found for gatewayapi:v1beta1 metric {metric} probably podinfo.")
    assert tale.phase == "Failed"
