"""Somebody else writes the route in the middle of an analysis: it is noticed, told, and set right."""

import pytest

from tests.builders import a_check, a_plan
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import Division
from workflows.observation import Phase, Strategy

CHANGED = "Halt podinfo.test advancement the route was changed by somebody else: "


def a_world(found: Division, **plan: object) -> World:
    """The route is edited while the first step is measured."""
    world = World()
    world.plan = a_plan(**plan)

    async def edit() -> None:
        world.edited = found

    world.on["examine"] = edit
    return world


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Division(weight=70), "canary weight 70; back to canary weight 10"),
        (Division(weight=10, mirrored=True), "canary weight 10 and copies; back to canary weight 10"),
        (Division(), "it does not lead to both sides; back to canary weight 10"),
    ],
    ids=["weight", "copies", "deleted"],
)
async def test_it_is_told_and_set_right(start: Start, found: Division, sentence: str) -> None:
    """Once, as a warning, and the step is measured again before the next one."""
    world = a_world(found)

    ending = await (await start(world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.weights == [10, 10, 20, 30, 0]
    [note] = [note for note in world.notes.values() if note.text.startswith(CHANGED)]
    assert note.warning
    assert note.text == CHANGED + sentence


async def test_what_was_measured_meanwhile_does_not_count(start: Start) -> None:
    """A canary that got no requests, or too many, is not judged by them."""
    world = a_world(Division(weight=0), threshold=1)
    world.checks = [[a_check(0)]]

    ending = await (await start(world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.status.failed_checks == 0


async def test_it_is_seen_while_it_lasts(start: Start) -> None:
    """In the condition, and by whoever asks the workflow."""
    world = a_world(Division(weight=0))
    rollout = await start(world)
    told = f"{CHANGED}canary weight 0; back to canary weight 10"
    seen: list[str] = []

    async def ask() -> None:
        seen.extend(((await rollout.ask("status"))["halt"], world.status.message))

    world.when_told[told] = ask
    await rollout.result()

    assert seen == [told, f"New revision detected, progressing canary analysis. {told}"]


async def test_an_ab_test_that_was_edited_into_weights_is_not_routed_again(start: Start) -> None:
    """A hundred percent of those who match must not become a hundred percent of everybody."""
    world = a_world(Division(weight=0), strategy=Strategy.AB_TESTING, iterations=3, weights=())
    edit_route = world.on["examine"]

    async def edit_both() -> None:
        await edit_route()
        world.plan = a_plan()

    world.on["examine"] = edit_both
    await (await start(world)).result()

    assert world.weights == [100, 10, 20, 30, 0]
    assert not [text for text in world.events if text.startswith(CHANGED)]
