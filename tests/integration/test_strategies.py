"""Strategies and gates on real servers: who is served by what, and whom a release waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from k8s.client import Json
from k8s.resources import HTTP_ROUTES_V1
from playground.stage import Stage
from tests.integration.scenario import (
    NAME,
    Eye,
    Scene,
    Stories,
    a_canary,
    assert_in_order,
    at_once,
    unchecked,
)
from worker.steer import send_to
from workflows.steering import Command, Verb

pytestmark = pytest.mark.integration

INSIDER = {"x-canary": "insider"}
OLD, NEW = "6.0.0", "6.0.1"


def iterating(namespace: str, iterations: int, **analysis: Any) -> Json:
    """A Canary with that many checks and no weights."""
    return unchecked(namespace, **({"stepWeights": None, "iterations": iterations} | analysis))


def copying(canary: Json) -> Json:
    """Attached as any mesh but Linkerd wants it, which copies no requests."""
    canary["spec"]["service"]["gatewayRefs"] = [{"group": "", "kind": "Service", "name": NAME, "port": 9898}]
    return canary


def gate(namespace: str, type_: str, file: Path) -> Json:
    """A webhook that agrees once the file exists."""
    return {
        "name": "gate",
        "type": type_,
        "url": f"http://flagger-loadtester.{namespace}/",
        "metadata": {"type": "bash", "cmd": f"test -e {file}"},
    }


@dataclass
class Tale:
    """What a release looked like from outside."""

    texts: list[str] = field(default_factory=list)
    phase: str = ""
    iterations: int = 0
    served: dict[str, set[str]] = field(default_factory=dict)
    """Versions that answered, by who asked and when."""
    weights: list[int] = field(default_factory=list)
    """Of the canary, as the route said, without repetitions."""
    mirrored: list[bool] = field(default_factory=list)


async def versions(scene: Scene, headers: dict[str, str] | None = None, times: int = 10) -> set[str]:
    """Which versions answer a user with those headers."""
    async with httpx.AsyncClient(proxy=scene.stage.proxy, trust_env=False, timeout=5) as user:
        answers = await asyncio.gather(*(user.get(scene.url("version"), headers=headers or {}) for _ in range(times)))
    return {answer.json()["version"] for answer in answers}


@asynccontextmanager
async def held(scene: Scene) -> AsyncIterator[None]:
    """The rollout stays where it is while somebody looks."""
    await send_to(scene.stage.world.temporal_address, Verb.PAUSE, scene.ref, Command(by="ann"))
    yield
    await send_to(scene.stage.world.temporal_address, Verb.RESUME, scene.ref, Command(by="ann"))


async def ended(scene: Scene, tale: Tale) -> Tale:
    """Wait for it and look."""
    tale.phase = await scene.until_over()
    tale.texts, tale.iterations = list(scene.texts), scene.watcher.status.get("iterations", 0)
    return tale


async def ab_test(stage: Stage) -> Tale:
    """Insiders meet the canary, all others the primary."""
    namespace = "strategy-ab"
    match = [{"headers": {"x-canary": {"exact": "insider"}}}]
    async with a_canary(stage, namespace, iterating(namespace, 4, match=match)) as scene:
        tale = Tale()
        await scene.release(NEW)
        await scene.until_event(f"Advance {NAME}.{namespace} canary iteration 1/4")
        async with held(scene):
            tale.served = {"insiders": await versions(scene, INSIDER), "others": await versions(scene)}
        await ended(scene, tale)
        tale.served["afterwards"] = await versions(scene) | await versions(scene, INSIDER)
        return tale


async def blue_green(stage: Stage) -> Tale:
    """Nobody meets the canary while it is checked, but it gets copies of the requests."""
    namespace = "strategy-bg"
    async with (
        a_canary(stage, namespace, copying(iterating(namespace, 3, mirror=True))) as scene,
        Eye(scene.cluster, HTTP_ROUTES_V1, namespace) as routes,
    ):
        tale = Tale()
        routes.objects.on_change(lambda _, route: note_route(tale, route))
        await scene.release(NEW)
        await scene.until_event(f"Advance {NAME}.{namespace} canary iteration 1/3")
        async with held(scene):
            tale.served = {"in the middle": await versions(scene)}
        await ended(scene, tale)
        tale.served["afterwards"] = await versions(scene)
        return tale


async def without_mesh(stage: Stage) -> Tale:
    """Provider kubernetes: blue/green by the Services alone."""
    namespace = "strategy-plain"
    canary = iterating(namespace, 2)
    canary["spec"]["provider"] = "kubernetes"
    async with a_canary(stage, namespace, canary) as scene:
        tale = Tale()
        await scene.release(NEW)
        await scene.until_event(f"Advance {NAME}.{namespace} canary iteration 1/2")
        async with held(scene):
            tale.served = {"in the middle": await versions(scene)}
        await ended(scene, tale)
        tale.served["afterwards"] = await versions(scene)
        return tale


async def in_steps(stage: Stage) -> Tale:
    """Copies before the first weight, and traffic back in steps."""
    namespace = "strategy-steps"
    canary = copying(unchecked(namespace, 50, 100, mirror=True, stepWeightPromotion=40))
    async with (
        a_canary(stage, namespace, canary) as scene,
        Eye(scene.cluster, HTTP_ROUTES_V1, namespace) as routes,
    ):
        tale = Tale()
        routes.objects.on_change(lambda _, route: note_route(tale, route))
        await scene.release(NEW)
        return await ended(scene, tale)


async def guarded(stage: Stage) -> Tale:
    """A webhook stands before the rollout, a person before the promotion."""
    namespace = "strategy-gates"
    file = stage.world.folder / "gate"
    canary = unchecked(
        namespace, 50, webhooks=[gate(namespace, "confirm-rollout", file)], approvals=["confirm-promotion"]
    )
    async with a_canary(stage, namespace, canary) as scene:
        tale = Tale()
        await scene.release(NEW)
        await scene.until_phase("Waiting")
        tale.served = {"closed": await versions(scene), "pods": {str(scene.watcher.replicas(NAME))}}
        file.touch()
        await scene.until_phase("WaitingPromotion")
        tale.weights.append(scene.watcher.weight)
        await send_to(stage.world.temporal_address, Verb.PROMOTE, scene.ref, Command(by="ann"))
        return await ended(scene, tale)


async def called_off(stage: Stage) -> Tale:
    """A rollback hook agrees while the release waits for a person."""
    namespace = "strategy-off"
    file = stage.world.folder / "panic"
    canary = unchecked(namespace, 50, webhooks=[gate(namespace, "rollback", file)], approvals=["confirm-promotion"])
    async with a_canary(stage, namespace, canary) as scene:
        await scene.release(NEW)
        await scene.until_phase("WaitingPromotion")
        file.touch()
        return await ended(scene, Tale())


def note_route(tale: Tale, route: Json) -> None:
    """Keep what changed."""
    rule = route["spec"]["rules"][0]
    weight = sum(ref["weight"] for ref in rule["backendRefs"] if ref["name"].endswith("-canary"))
    mirrored = any(each["type"] == "RequestMirror" for each in rule.get("filters") or [])
    if [weight] != tale.weights[-1:]:
        tale.weights.append(weight)
    if [mirrored] != tale.mirrored[-1:]:
        tale.mirrored.append(mirrored)


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time."""
    told = (ab_test, blue_green, without_mesh, in_steps, guarded, called_off)
    async with at_once(**{story.__name__: story(stage) for story in told}) as running:
        yield running


async def test_an_ab_test_serves_those_who_match(stories: Stories[Tale]) -> None:
    """And nobody else, for as many checks as were asked for."""
    tale = await stories.told("ab_test")
    assert tale.served == {"insiders": {NEW}, "others": {OLD}, "afterwards": {NEW}}
    assert (tale.phase, tale.iterations) == ("Succeeded", 4)
    assert_in_order(tale.texts, [rf"Advance .* canary iteration {number}/4" for number in range(1, 5)])
    assert not any("iteration 5" in text for text in tale.texts)


async def test_blue_green_serves_nobody_before_it_is_checked(stories: Stories[Tale]) -> None:
    """Then all at once; the copies end when the canary serves."""
    tale = await stories.told("blue_green")
    assert tale.served == {"in the middle": {OLD}, "afterwards": {NEW}}
    assert tale.weights == [0, 100, 0]
    assert tale.mirrored == [True, False]
    assert_in_order(
        tale.texts,
        [r"Advance .* iteration 3/3", "Stop traffic mirroring and route all traffic to canary", r"Copying .*"],
    )


async def test_blue_green_needs_no_mesh(stories: Stories[Tale]) -> None:
    """The Services do."""
    tale = await stories.told("without_mesh")
    assert tale.served == {"in the middle": {OLD}, "afterwards": {NEW}}
    assert tale.phase == "Succeeded"
    assert not any(text.startswith("Routing") for text in tale.texts)


async def test_traffic_comes_and_goes_in_steps(stories: Stories[Tale]) -> None:
    """Copies first; the weights of the promotion are the primary's."""
    tale = await stories.told("in_steps")
    assert tale.weights == [0, 50, 100, 60, 20, 0]
    assert tale.mirrored == [True, False]
    assert_in_order(tale.texts, [rf"Advance .* primary weight {weight}" for weight in (40, 80, 100)])


async def test_gates_hold_a_release(stories: Stories[Tale]) -> None:
    """Nothing starts before the first, nothing is promoted before the last."""
    tale = await stories.told("guarded")
    assert tale.served == {"closed": {OLD}, "pods": {"0"}}
    assert tale.weights == [50]
    assert tale.phase == "Succeeded"
    assert_in_order(
        tale.texts,
        [
            r"Halt .* advancement waiting for approval gate",
            r"Confirm-rollout check gate passed",
            r"New revision detected! .*",
            r"Halt .* advancement waiting for promotion approval by a person",
            r"Approve .* confirm-promotion by ann",
            r"Copying .*",
        ],
    )


async def test_a_rollback_hook_calls_a_waiting_release_off(stories: Stories[Tale]) -> None:
    """Told once that it was asked, and then what it did."""
    tale = await stories.told("called_off")
    assert tale.phase == "Failed"
    assert sum(text.startswith("Rollback hook gate not signaling") for text in tale.texts) == 1
    assert_in_order(
        tale.texts, [r"Rollback check gate passed", r"Rolling back .* manual webhook invoked", r"Canary failed! .*"]
    )
