"""A primary that serves nobody when a release comes: the release may be its cure, and gets no traffic taken away."""

import pytest

from tests.builders import NEW, NEWER, OLD, a_check, a_plan
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.observation import Phase

WAITING = "Waiting for podinfo-primary.test rollout to finish: 0 of 1 updated replicas are available"
LACKING = "0 of 1 updated replicas are available"
REASONS = {"deadline": f"progress deadline exceeded {LACKING}", "aborted": "aborted"}


def a_broken_world() -> World:
    """No pod of the primary is available."""
    world = World()
    world.primary_available = False
    return world


async def test_the_cure_can_be_rolled_out(start: Start) -> None:
    """Flagger waits for the broken primary first, for ever."""
    world = a_broken_world()

    ending = await (await start(world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.primary == NEW
    assert world.weights == [10, 20, 30, 0]
    world.assert_safe_at_rest()


async def test_a_failing_canary_keeps_its_traffic_until_the_primary_serves(start: Start) -> None:
    """Half a service is better than none."""
    world = a_broken_world()
    world.plan = a_plan(threshold=1)
    world.checks = [[a_check(100)], [a_check(69)]]
    seen: list[int] = []

    async def serve() -> None:
        seen.append(world.weight)
        world.primary_available = True

    world.on["await_primary"] = serve
    ending = await (await start(world)).result()

    assert seen == [20]
    assert world.weights == [10, 20, 0]
    assert ending.phase is Phase.FAILED
    assert world.primary == OLD
    world.assert_safe_at_rest()


async def test_a_newer_revision_ends_the_wait_for_the_primary(start: Start) -> None:
    """It may be the cure that the failing one was not."""
    world = a_broken_world()
    world.plan = a_plan(threshold=1, weights=(50,))
    world.checks = [[a_check(69)]]
    rollout = await start(world)

    async def change() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["await_primary"] = change
    world.lingers.add("await_primary")
    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.primary == NEWER
    assert world.weights == [50, 0]


@pytest.mark.parametrize("what", ["deadline", "aborted"])
async def test_a_primary_that_went_down_gets_no_traffic_back(start: Start, what: str) -> None:
    """It served when the rollout began; the canary, which is well, keeps its share until it does again."""
    world = World()
    world.plan = a_plan(deadline_seconds=1, weights=(50,))
    rollout = await start(world)
    seen: list[int] = []

    async def go_down() -> None:
        world.primary_available = False
        world.when_told[WAITING] = wait_in_vain

    async def wait_in_vain() -> None:
        world.when_told[f"Rolling back podinfo.test {REASONS[what]}"] = serve
        if what == "aborted":
            await rollout.signal("abort")

    async def serve() -> None:
        seen.append(world.weight)
        world.primary_available = True
        world.wake.set()

    world.on["examine"] = go_down
    ending = await rollout.result()

    assert seen == [50]
    assert world.weights == [50, 0]
    assert ending.phase is Phase.FAILED


@pytest.mark.parametrize("what", ["aborted", "target deleted", "cancelled"])
async def test_a_rollback_that_waits_for_the_primary_is_not_begun_again(start: Start, what: str) -> None:
    """It is under way already; whatever would cause another one changes nothing."""
    world = a_broken_world()
    world.plan = a_plan(threshold=1, weights=(50,))
    world.checks = [[a_check(69)]]
    rollout = await start(world)

    async def interfere() -> None:
        world.on["await_primary"] = serve
        if what == "aborted":
            await rollout.signal("abort")
        elif what == "cancelled":
            await rollout.handle.cancel()
            await serve()
        else:
            world.target = None
            await rollout.changed()

    async def serve() -> None:
        world.primary_available = True

    world.on["await_primary"] = interfere
    if what != "cancelled":  # which stops nothing
        world.lingers.add("await_primary")
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert len([text for text in world.events if text.startswith("Rolling back")]) == 1
    assert world.weights == [50, 0]
    assert world.primary == OLD


@pytest.mark.parametrize("when", ["promoted", "rolled back"])
async def test_a_look_overtakes_the_answer_that_the_primary_is_ready(start: Start, when: str) -> None:
    """Both are on their way at once; the look is the later one, and found no pod any more."""
    world = World() if when == "promoted" else a_broken_world()
    world.plan = a_plan(threshold=1, weights=(50,))
    if when == "rolled back":
        world.checks = [[a_check(69)]]
    rollout = await start(world)

    async def look() -> None:
        world.primary_available = True
        world.on["observe"] = go_down
        await rollout.changed()

    async def go_down() -> None:
        world.primary_available = False
        world.on["await_primary"] = recover

    async def recover() -> None:
        world.primary_available = True

    world.on["await_primary"] = look
    ending = await rollout.result()

    assert world.calls.count("await_primary") == 2
    assert world.weights == [50, 0]
    assert ending.phase is (Phase.SUCCEEDED if when == "promoted" else Phase.FAILED)
