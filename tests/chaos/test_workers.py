"""Several workers on one task queue share the work of many rollouts, and may be replaced one by one in the middle."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from k8s.client import Json
from k8s.resources import CANARIES, EVENTS, HTTP_ROUTES_V1BETA1
from playground.stage import Stage
from tests.chaos.observer import ENDINGS, expected, releasing
from tests.chaos.workers import Workers
from tests.integration.scenario import Eye, Scene, a_canary, temporal_of, unchecked
from tests.measuring import Measured
from tests.scale.herd import NAMESPACE, Pace, create, name_of, release

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]

FEW, MANY = range(12), range(20)
"""Whoever takes the first task of a rollout does most of it: with fewer, one of two, or of three, may come away without
any."""
PACE = Pace(interval_seconds=3, steps=(10, 20, 30, 40, 50))
"""Long enough for workers to be replaced."""
UPGRADED = "upgraded"


@dataclass(frozen=True)
class Herd:
    """Many canaries, beside the one that users watch."""

    scene: Scene
    numbers: range


class Notes:
    """What the API server shows of each canary: the weights of its route, and its events without waiting."""

    def __init__(self, numbers: range) -> None:
        self.weights: dict[str, list[int]] = {name_of(number): [0] for number in numbers}
        self.texts: dict[str, list[str]] = {name_of(number): [] for number in numbers}

    def on_route(self, _: str, route: Json) -> None:
        """A listener."""
        split = {ref["name"]: ref["weight"] for ref in route["spec"]["rules"][0]["backendRefs"]}
        weights = self.weights[name := route["metadata"]["name"]]
        if split[f"{name}-canary"] != weights[-1]:
            weights.append(split[f"{name}-canary"])

    def on_event(self, _: str, event: Json) -> None:
        """A listener."""
        about = event["involvedObject"]
        if about["kind"] == CANARIES.kind and not event["message"].startswith("Waiting for"):
            self.texts[about["name"]].append(event["message"])

    def are_complete(self) -> bool:
        """Whether every rollout was told to have ended."""
        return all(texts and texts[-1].startswith(ENDINGS) for texts in self.texts.values())


@asynccontextmanager
async def all_releasing(herd: Herd, version: int) -> AsyncIterator[None]:
    """Release the whole herd around the block; after it each must end as if it were alone with one worker."""
    cluster = herd.scene.cluster
    async with Eye(cluster, HTTP_ROUTES_V1BETA1, NAMESPACE) as routes, Eye(cluster, EVENTS, NAMESPACE) as events:
        notes = Notes(herd.numbers)
        routes.objects.on_change(notes.on_route)
        events.objects.on_change(notes.on_event)
        await release(cluster, herd.numbers, version, lambda _: None)
        yield
        await events.until(notes.are_complete, "the end of all rollouts", seconds=240)
        await routes.until(lambda: all(weights[-1] == 0 for weights in notes.weights.values()), "no canary's traffic")
    assert notes.weights == {name: [0, *PACE.steps, 0] for name in notes.weights}, "a step was repeated or skipped"
    assert notes.texts == {name: expected(NAMESPACE, PACE.steps, name=name) for name in notes.texts}


async def shares_of(stage: Stage, since: datetime) -> Counter[str]:
    """Identities of workers to how many activities of the herd each began since then."""
    client, shares = await temporal_of(stage), Counter[str]()
    async for run in client.list_workflows(f"WorkflowId STARTS_WITH 'canary/{NAMESPACE}/'"):
        if run.start_time >= since:
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            begun = [event for event in history.events if event.HasField("activity_task_started_event_attributes")]
            shares.update(event.activity_task_started_event_attributes.identity for event in begun)
    return shares


@pytest.fixture(scope="module")
async def herd(scene: Scene, thorough: bool) -> Herd:
    """All bootstrapped."""
    numbers = MANY if thorough else FEW
    await scene.stage.kubectl("create", "namespace", NAMESPACE)
    async with Eye(scene.cluster, CANARIES, NAMESPACE) as canaries:
        await create(scene.cluster, numbers, PACE)
        await canaries.until(
            lambda: [*map(phase_of, canaries.objects)] == ["Initialized"] * len(numbers), "all initialized", seconds=120
        )
    return Herd(scene, numbers)


def phase_of(canary: Json) -> str:
    """As its status says."""
    return str((canary.get("status") or {}).get("phase", ""))


async def test_every_worker_does_a_share(herd: Herd, thorough: bool, measured: Measured) -> None:
    """Two, thoroughly also three, serve many rollouts at once; none of them does what another did."""
    stage = herd.scene.stage
    async with Workers(stage).serving() as workers:
        for version in (1, 2) if thorough else (1,):
            await workers.add()
            since = datetime.now(UTC)
            async with all_releasing(herd, version):
                pass
            shares = await shares_of(stage, since)
            assert shares.keys() == workers.identities
            told = " and ".join(str(share) for share in sorted(shares.values()))
            measured(f"{len(herd.numbers)} rollouts on {len(shares)} workers: {told} activities")


async def test_workers_are_replaced_in_the_middle_of_rollouts(herd: Herd, measured: Measured) -> None:
    """One by one: a new one starts, an old one is asked to end; nobody who is served notices."""
    canary = unchecked(UPGRADED, *PACE.steps, interval=f"{PACE.interval_seconds}s")
    stage = herd.scene.stage
    async with a_canary(stage, UPGRADED, canary) as watched, Workers(stage).serving() as workers:
        await workers.add()
        async with all_releasing(herd, 3), releasing(watched, "6.0.1", seconds=240, steps=PACE.steps):
            await watched.until_event(f"Advance podinfo.{UPGRADED} canary weight {PACE.steps[0]}")
            replaced = 0
            while watched.watcher.phase == "Progressing":
                await workers.add()
                await workers.retire()
                replaced += watched.watcher.phase == "Progressing"
        assert replaced, "it was over too early to show anything"
    measured(f"{len(herd.numbers) + 1} rollouts while {replaced} workers were replaced, two at a time: lost: nothing")
