"""A rollout goes on whose history is gone: the status tells how far it was, the route where its traffic is."""

from typing import Any

import pytest

from tests.builders import NEW, NEWER, OLD, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import Division
from workflows.observation import Phase, Revision, Strategy


def a_forgotten_world(primary: Revision, *, routed: int = 100, shown: int = 0, **plan: Any) -> World:
    """In the middle of the promotion of NEW, after two checks."""
    world = World()
    world.plan = a_plan(**{"strategy": Strategy.BLUE_GREEN, "iterations": 2, "weights": (), **plan})
    world.status = a_status(phase=Phase.PROMOTING, applied=NEW.template, weight=shown, iterations=2)
    world.primary, world.weight, world.target_replicas = primary, routed, 1
    return world


@pytest.mark.parametrize(("strategy", "weights"), [(Strategy.BLUE_GREEN, [0, 100, 0]), (Strategy.AB_TESTING, [0])])
async def test_users_stay_on_the_canary_while_the_primary_serves_nobody(
    start: Start, strategy: Strategy, weights: list[int]
) -> None:
    """Neither strategy has a weight in its status, and no step may lead them to where no pod is."""
    world = a_forgotten_world(OLD, strategy=strategy)
    world.primary_available = False
    kept: list[int] = []

    async def pass_once() -> None:
        world.on["examine"] = recover

    async def recover() -> None:
        kept.append(world.weight)
        world.primary_available = True

    world.on["examine"] = pass_once
    ending = await (await start(world)).result()

    assert kept == [100]
    assert world.weights == weights
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_a_release_is_promoted_to_the_primary_that_only_it_can_mend(start: Start) -> None:
    """Blue/green is checked under the traffic that cannot be led back, and waits for no primary that is dead."""
    world = a_forgotten_world(OLD)
    world.primary_available = False

    ending = await (await start(world)).result()

    assert world.weights == [100, 0]
    assert world.calls.count("examine") == 3
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_what_was_not_analysed_gets_no_traffic_while_a_promotion_is_completed(start: Start) -> None:
    """The canary's pods become those of a newer revision; users go to the primary as soon as it serves."""
    world = a_forgotten_world(NEW)
    rollout = await start(world)

    async def release_another() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["await_primary"] = release_another
    ending = await rollout.result()

    assert world.calls[:4] == ["observe", "await_primary", "observe", "route"]
    assert world.weights[:2] == [0, 0]
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEWER.template)


@pytest.mark.parametrize(
    ("edited", "shown"),
    [(None, 0), (Division(), 60)],
    ids=["by the route", "by the status, when the route was deleted"],
)
async def test_a_promotion_in_steps_goes_on_from_its_last_step(
    start: Start, edited: Division | None, shown: int
) -> None:
    """With the status that it would have had: no weight in blue/green, and the checks that were done."""
    world = a_forgotten_world(NEW, routed=60, shown=shown, promotion_step=40)
    world.edited = edited
    statuses: list[tuple[int, int]] = []

    async def look() -> None:
        statuses.append((world.status.weight, world.status.iterations))

    world.when_told["Advance podinfo.test primary weight 80"] = look
    ending = await (await start(world)).result()

    assert world.weights == [20, 0]
    assert statuses == [(0, 2)]
    assert ending.phase is Phase.SUCCEEDED
