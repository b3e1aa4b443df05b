"""A release compared with what it replaces: the query of docs/metrics.md, by a real Prometheus."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import Stories, a_canary, at_once, unchecked

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
METRIC = {"name": "more-failures", "templateRef": {"name": "more-failures"}, "thresholdRange": {"max": 20}}
PER_SECOND = 8


def documented_query() -> str:
    """As the page has it."""
    section = PAGE.read_text().partition("### Compared with the primary")[2]
    block = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert block
    return str(yaml.safe_load(block[1])["query"])


@dataclass(frozen=True)
class Tale:
    """How the release ended, and what a user read of it."""

    phase: str
    texts: list[str]


async def released(stage: Stage, namespace: str, *, primary_fails: bool) -> Tale:
    """Every second request to the canary fails, and to the primary if that is wanted; both are used before."""
    template = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "more-failures", "namespace": namespace},
        "spec": {
            "provider": {"type": "prometheus", "address": stage.world.prometheus_url},
            "query": documented_query(),
        },
    }
    canary = unchecked(namespace, 10, 20, metrics=[METRIC | {"interval": "30s"}], interval="4s", threshold=3)
    async with a_canary(stage, namespace, canary) as scene, AsyncExitStack() as users:
        await scene.apply(template)
        urls = [scene.url(), scene.url(canary=True), scene.url("status/500", canary=True)]
        for url in [*urls, scene.url("status/500")] if primary_fails else urls:
            await users.enter_async_context(Traffic(url, proxy=stage.proxy, per_second=PER_SECOND))
        await scene.release()
        return Tale(await scene.until_over(), list(scene.texts))


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """Both at the same time."""
    async with at_once(
        alike=released(stage, "baseline-alike", primary_fails=True),
        worse=released(stage, "baseline-worse", primary_fails=False),
    ) as running:
        yield running


async def test_a_release_that_is_worse_than_the_primary_is_rolled_back(stories: Stories[Tale]) -> None:
    """By as much as the check says."""
    tale = await stories.told("worse")
    assert tale.phase == "Failed"
    assert any(re.fullmatch(r"Halt podinfo\.\S+ advancement more-failures \d+\.\d\d > 20", text) for text in tale.texts)


async def test_a_release_that_fails_like_the_primary_is_promoted(stories: Stories[Tale]) -> None:
    """A success rate of one half would have ended it."""
    tale = await stories.told("alike")
    assert tale.phase == "Succeeded", tale.texts
