"""A rollout outlives the loss of any server: it goes on where it was, and nothing is done or said twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest

from k8s.client import Json
from k8s.resources import HTTP_ROUTES_V1
from playground.binaries import Binaries
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import NAME, Eye, Scene, a_canary, temporal_of, unchecked
from tests.measuring import Measured

pytestmark = [pytest.mark.integration, pytest.mark.long]

NAMESPACE = "crash"
STEPS = (10, 20, 30, 40, 50)
EXPECTED = [
    "New revision detected! Scaling up podinfo.crash",
    "Starting canary analysis for podinfo.crash",
    "Pre-rollout check marks passed",
    *(f"Advance podinfo.crash canary weight {weight}" for weight in STEPS),
    "Copying podinfo.crash template spec to podinfo-primary.crash",
    "Routing all traffic to primary",
    "Promotion completed! Scaling down podinfo.crash",
]


@pytest.fixture(scope="module")
async def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A canary on a stage of its own, whose servers may be killed without disturbing anybody."""
    folder = tmp_path_factory.mktemp("crash")
    marks = {"type": "bash", "cmd": f"echo called >> {folder / 'marks'}"}
    hook = {"name": "marks", "type": "pre-rollout", "url": f"http://flagger-loadtester.{NAMESPACE}/", "metadata": marks}
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(Stage(folder, binaries))
        canary = unchecked(NAMESPACE, *STEPS, interval="2s", webhooks=[hook])
        yield await stack.enter_async_context(a_canary(stage, NAMESPACE, canary))
        assert stage.world.faults == []


def split_of(route: Json) -> int:
    """The canary's share of traffic in an HTTPRoute, percent."""
    return next(
        int(ref["weight"]) for ref in route["spec"]["rules"][0]["backendRefs"] if ref["name"].endswith("-canary")
    )


@asynccontextmanager
async def releasing(scene: Scene, version: str) -> AsyncIterator[None]:
    """Release around the block, and then hold the whole rollout to what it would have been without a crash."""
    weights = [0]
    marks = scene.stage.world.folder / "marks"
    marks.unlink(missing_ok=True)

    def note(_: str, route: Json) -> None:
        if split_of(route) != weights[-1]:
            weights.append(split_of(route))

    async with (
        Eye(scene.cluster, HTTP_ROUTES_V1, NAMESPACE) as routes,
        Traffic(scene.url(), proxy=scene.stage.proxy, per_second=5) as users,
    ):
        routes.objects.on_change(note)
        image = await scene.release(version)
        yield
        assert await scene.until_over() == "Succeeded"
        await routes.until(lambda: weights[-1] == 0, "all traffic on the primary")
    assert weights == [0, *STEPS, 0], "no step is repeated"
    assert [text for text in scene.texts if not text.startswith("Waiting for")] == EXPECTED
    assert {text: count for text, count in Counter(scene.texts).items() if count > 1} == {}
    assert scene.watcher.image(f"{NAME}-primary") == image
    assert marks.read_text() == "called\n", "the hook was asked once"
    assert set(users.answers) == {"200"}


async def until_weight(scene: Scene, weight: int) -> None:
    """The event tells of a step whose activity is under way still."""
    await scene.until_event(f"Advance podinfo.crash canary weight {weight}")


async def until_a_timer_runs(scene: Scene) -> None:
    """The activities of the step are done; what is left of it is waiting."""
    since = datetime.now(UTC)
    handle = (await temporal_of(scene.stage)).get_workflow_handle(scene.workflow_id)
    async with asyncio.timeout(60):
        async for event in handle.fetch_history_events(wait_new_event=True):
            started = event.HasField("timer_started_event_attributes")
            if started and event.event_time.ToDatetime(UTC) > since:
                return


async def test_killed_workers(scene: Scene, measured: Measured) -> None:
    """The worker is killed in the middle of an activity, and its successor while a step waits for its time."""
    worker = scene.stage.worker
    async with releasing(scene, "6.0.1"):
        await until_weight(scene, 20)
        await worker.kill()
        await worker.start()
        await until_weight(scene, 30)
        await until_a_timer_runs(scene)
        await worker.kill()
        await worker.start()
    took = scene.watcher.when("Promotion completed") - scene.watcher.when("New revision")
    measured(f"promotion with two kills of the worker: {took:.1f} s, {len(STEPS) * 2} s of it steps")


async def test_lost_temporal(scene: Scene) -> None:
    """Temporal is killed in the middle of a step, and in good order restarted later."""
    temporal = scene.stage.world.temporal
    async with releasing(scene, "6.0.2"):
        await until_weight(scene, 20)
        await temporal.kill()
        await temporal.start()
        await until_weight(scene, 40)
        await temporal.restart()


async def test_killed_api_server(scene: Scene) -> None:
    """The API server is killed in the middle of a step."""
    apiserver = scene.stage.world.apiserver
    async with releasing(scene, "6.0.3"):
        await until_weight(scene, 20)
        await apiserver.kill()
        await apiserver.start()
