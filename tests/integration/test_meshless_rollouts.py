"""Whole rollouts by routers whose data plane is not here: what they write at each step, by the real definitions.

Nothing is asked of metrics, which nobody would count.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest

from k8s.client import Json
from k8s.models.loading import load_canary
from k8s.resources import HTTP_PROXIES, VIRTUAL_SERVICES, Resource
from k8s.routers.contour import HttpProxyRules
from k8s.routers.istio.present import VirtualServiceRules
from k8s.routers.rules import Rules
from playground.stage import Stage
from tests.integration.scenario import NAME, Eye, Scene, Stories, a_canary, at_once, unchecked

pytestmark = pytest.mark.integration


@dataclass
class Tale:
    """What was seen of a rollout, from the bootstrap to the deletion of the Canary."""

    phase: str = ""
    weights: list[int] = field(default_factory=list)
    """Of the canary, without repetitions."""
    left: Json | None = None
    """What the Canary left of the object."""


def weights_of(rules: Rules, listed: str, canary: Json) -> Callable[[Json], int | None]:
    """How to read the canary's weight in an object."""
    model = load_canary(canary)

    def read(obj: Json) -> int | None:
        split = rules.split_in(obj["spec"].get(listed) or [], model)
        return split.canary if split else None

    return read


async def told(
    stage: Stage, canary: Json, resource: Resource, read: Callable[[Json], int | None], before: Json
) -> Tale:
    """Release once, and delete the Canary; `before` is the object's spec as its users have it, empty for none."""
    namespace, tale, seen = canary["metadata"]["namespace"], Tale(), []

    async def lead_in(scene: Scene) -> None:
        if before:
            await scene.apply({**resource.header(namespace, NAME), "spec": before})

    async with a_canary(stage, namespace, canary, lead_in) as scene, Eye(scene.cluster, resource, namespace) as eye:
        eye.objects.on_change(lambda _, obj: seen.append(read(obj)))
        await scene.release()
        tale.phase = await scene.until_over()
        tale.weights = [weight for weight, _ in groupby(seen) if weight is not None]
        await scene.kubectl("delete", "canary", NAME, "--timeout=40s")
        await eye.until(lambda: not (obj := eye.get(NAME)) or read(obj) is None, "the route handed back")
        tale.left = eye.get(NAME)
    return tale


def by(provider: str, **service: Any) -> Json:
    """A Canary of two steps of weight."""
    canary = unchecked(f"by-{provider}", 20, 40)
    canary["spec"]["provider"] = provider
    canary["spec"]["service"] |= service
    return canary


THEIRS: Json = {
    "hosts": ["app.example.com"],
    "gateways": ["public"],
    "http": [
        {"match": [{"uri": {"prefix": "/static"}}], "route": [{"destination": {"host": "cdn"}}]},
        {"route": [{"destination": {"host": NAME}}]},
    ],
}


@pytest.fixture(scope="module")
async def tales(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """Both at once; a VirtualService was there before its Canary."""
    definitions = stage.world.binaries.definitions
    await stage.world.define(definitions["istio"], definitions["contour"])
    istio, contour = by("istio"), by("contour", match=[{"uri": {"prefix": "/api"}}])
    async with at_once(
        istio=told(stage, istio, VIRTUAL_SERVICES, weights_of(VirtualServiceRules(), "http", istio), THEIRS),
        contour=told(stage, contour, HTTP_PROXIES, weights_of(HttpProxyRules(), "routes", contour), {}),
    ) as stories:
        yield stories


@pytest.mark.parametrize("provider", ["istio", "contour"])
async def test_a_release_is_promoted_by_weights(tales: Stories[Tale], provider: str) -> None:
    """Step by step, and back to the primary."""
    tale = await tales.told(provider)
    assert (tale.phase, tale.weights) == ("Succeeded", [20, 40, 0])


@pytest.mark.parametrize(("provider", "left"), [("istio", THEIRS), ("contour", None)])
async def test_what_a_deleted_canary_leaves(tales: Stories[Tale], provider: str, left: Json | None) -> None:
    """Somebody else's VirtualService as it was, and nothing of its own."""
    tale = await tales.told(provider)
    assert (tale.left["spec"] if tale.left else None) == left
