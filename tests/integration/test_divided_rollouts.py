"""Whole rollouts by routers that write no HTTPRoute.

Nobody but the users sends requests: the built-in checks have something to judge only if the traffic is divided as the
router wrote it, and counted as its data plane does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from playground.plots import manifest
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import Scene, Stories, a_canary, at_once, unchecked

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

METRICS = [
    {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
    {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}},
]
INGRESS = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"}


@dataclass(frozen=True)
class Tale:
    """What was seen of a rollout."""

    phase: str
    steps: list[str]
    """Events of the weights that were set."""
    answers: set[str]
    """What users got, by status."""


async def told(stage: Stage, namespace: str, url: str, **spec: Any) -> Tale:
    """Release once, with users who call the URL."""
    canary = unchecked(namespace, interval="3s", threshold=10, metrics=METRICS)
    canary["spec"] |= spec

    async def lead_in(scene: Scene) -> None:
        ingress = yaml.safe_load(manifest("podinfo-ingress", namespace))
        ingress["spec"]["rules"][0]["host"] = host_of(namespace)
        await scene.apply(ingress)

    async with a_canary(stage, namespace, canary, lead_in) as scene:
        async with Traffic(url, proxy=stage.proxy, per_second=20) as users:
            await scene.release()
            phase = await scene.until_over()
        return Tale(phase, [text for text in scene.texts if text.startswith("Advance")], set(users.answers))


def host_of(namespace: str) -> str:
    """Of the Ingress there."""
    return f"{namespace}.example.com"


@pytest.fixture(scope="module")
async def tales(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All at once."""
    await stage.world.define(stage.world.binaries.definitions["smi"])
    async with at_once(
        smi=told(stage, "divided-smi", "http://podinfo.divided-smi:9898/", provider="smi:v1alpha2"),
        nginx=told(stage, "divided-nginx", f"http://{host_of('divided-nginx')}/", provider="nginx", ingressRef=INGRESS),
    ) as stories:
        yield stories


@pytest.mark.parametrize("story", ["smi", "nginx"])
async def test_weights(tales: Stories[Tale], story: str) -> None:
    """The canary gets its share, its answers are judged, and no user notices."""
    tale = await tales.told(story)
    steps = [f"Advance podinfo.divided-{story} canary weight {weight}" for weight in (20, 40)]
    assert tale == Tale("Succeeded", steps, answers={"200"})
