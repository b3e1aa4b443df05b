"""Prometheus and a webhook's receiver lie, or are away: a rollout holds, says why once, and goes on with the truth."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from k8s.client import Json
from playground.stage import Stage
from tests.activities.stranger import Bytes
from tests.chaos.liar import ABOUT_A_GATE, ABOUT_A_METRIC, Liar
from tests.chaos.observer import releasing
from tests.integration.scenario import Scene, a_canary, unchecked
from tests.measuring import Measured

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

Lie = tuple[str, str]
"""Who, and what."""

METRIC, GATE, AWAY = "Prometheus", "a webhook's receiver", "away"
WHAT = {METRIC: ABOUT_A_METRIC, GATE: ABOUT_A_GATE}
SOME: list[Lie] = [
    *((METRIC, lie) for lie in ("html", "endless body", AWAY)),
    *((METRIC, lie) for lie in ("several series", "a number, and 500")),
    *((GATE, lie) for lie in ("nothing", AWAY)),
]
INTERVALS = 3
"""In which a rollout that is lied to may not move."""
METRIC_FAILED = "Prometheus query failed for one: "
GATE_FAILED = "Halt podinfo.{} advancement external check gate failed "


def a_canary_that_asks(namespace: str, prometheus: Liar, gate: Liar, steps: Sequence[int]) -> Json:
    """At every step, both; the first failed check would roll it back."""
    metric = {"name": "one", "interval": "1m", "query": "vector(1)", "thresholdRange": {"min": 1, "max": 1}}
    hook = {"name": "gate", "type": "rollout", "url": f"{gate.address}/gate/approve", "timeout": "5s"}
    canary = unchecked(namespace, *steps, metrics=[metric], webhooks=[hook], threshold=1)
    canary["spec"]["metricsServer"] = prometheus.address
    return canary


async def lied_to(stage: Stage, number: int, lies: Sequence[Lie]) -> None:
    """One rollout, in which each of these lies is told for some intervals."""
    namespace, steps = f"liars-{number}", range(1, 3 + 2 * len(lies))
    halts = (METRIC_FAILED, GATE_FAILED.format(namespace))
    async with (
        Liar(stage.world.prometheus_url).listening() as prometheus,
        Liar(stage.loadtester_url).listening() as gate,
        a_canary(stage, namespace, a_canary_that_asks(namespace, prometheus, gate, steps)) as scene,
        releasing(scene, "6.0.1", seconds=240, steps=steps, besides=halts),
    ):
        await scene.until(lambda: scene.watcher.weight > 0, "the first weight")
        for who, lie in lies:
            liar, halt = (prometheus, METRIC_FAILED) if who is METRIC else (gate, GATE_FAILED.format(namespace))
            await holds(scene, liar, halt, lie, WHAT[who].get(lie))


async def holds(scene: Scene, liar: Liar, halt: str, lie: str, said: Bytes | None) -> None:
    """The weight stays while this is said, or nobody is there; it is told once; then the rollout goes on."""
    before = halts_of(scene)
    telling: AbstractAsyncContextManager[None] = liar.lying(said) if said else liar.away()
    async with telling:
        await scene.until(lambda: len(halts_of(scene)) > len(before), f"a halt for {lie}")
        held = scene.watcher.weight
        # Who is away cannot tell how often it was asked.
        await (liar.until_told(INTERVALS) if said else asyncio.sleep(INTERVALS))
        [told] = halts_of(scene)[len(before) :]
        assert told.startswith(halt)
        assert scene.watcher.weight == held
        assert scene.watcher.status["failedChecks"] == 0
        assert scene.watcher.status["haltReason"] == told
    await scene.until(lambda: scene.watcher.weight > held, "the next weight")


def halts_of(scene: Scene) -> list[str]:
    """Why it did not advance, each time that it was told."""
    return [text for text in scene.texts if text.startswith((METRIC_FAILED, GATE_FAILED.format(scene.namespace)))]


async def test_a_lie_says_nothing_about_a_release(stage: Stage, thorough: bool, measured: Measured) -> None:
    """Nor does silence: the weight is held, it is said once and not counted, and the truth lets it go on."""
    lies = [(who, lie) for who, what in WHAT.items() for lie in (*what, AWAY)] if thorough else SOME
    rollouts = 6 if thorough else 2
    async with asyncio.TaskGroup() as group:
        for number in range(rollouts):
            group.create_task(lied_to(stage, number, lies[number::rollouts]))
    for who in WHAT:
        struck = Counter("away" if lie == AWAY else "lied" for whose, lie in lies if whose == who)
        measured(f"{who}: lied {struck['lied']} times and away {struck['away']} times, lost: nothing")
