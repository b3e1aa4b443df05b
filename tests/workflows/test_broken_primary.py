"""A primary that serves nobody when a release comes: the release may be its cure, and gets no traffic taken away."""

from tests.builders import NEW, NEWER, OLD, a_check, a_plan
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.observation import Phase


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
