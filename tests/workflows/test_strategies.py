"""The strategies beside plain steps of weight: A/B tests, blue/green, mirroring, promotion in steps."""

import pytest

from tests.builders import OLD, a_check, a_plan
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.observation import Phase, Plan, Strategy

COPYING = "Copying podinfo.test template spec to podinfo-primary.test"
BACK = "Routing all traffic to primary"
COMPLETED = "Promotion completed! Scaling down podinfo.test"


def a_world(**plan: object) -> World:
    """With that plan."""
    world = World()
    world.plan = a_plan(**plan)
    return world


def an_iterating_world(strategy: Strategy, iterations: int, **plan: object) -> World:
    """With that many checks and no weights."""
    return a_world(strategy=strategy, iterations=iterations, weights=(), **plan)


def iterated(count: int) -> list[str]:
    """The sentence for each check."""
    return [f"Advance podinfo.test canary iteration {number}/{count}" for number in range(1, count + 1)]


async def test_an_ab_test_routes_once_and_checks_n_times(start: Start) -> None:
    """What matches goes to the canary for exactly N checks; the status counts them and shows no weight."""
    world = an_iterating_world(Strategy.AB_TESTING, 3)

    ending = await (await start(world)).result()

    assert world.events[2:] == [*iterated(3), COPYING, BACK, COMPLETED]
    assert world.weights == [100, 0]
    assert world.calls.count("examine") == 3
    assert (world.status.weight, world.status.iterations) == (0, 3)
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_a_failing_ab_test_is_rolled_back(start: Start) -> None:
    """A failed check is counted and holds the iteration."""
    world = an_iterating_world(Strategy.AB_TESTING, 3, threshold=2)
    world.checks = [[a_check(100)], [a_check(69)], [a_check(69)]]

    ending = await (await start(world)).result()

    assert [event for event in world.events if "iteration" in event] == iterated(3)[:2]
    assert world.weights == [100, 0]
    assert ending.phase is Phase.FAILED
    world.assert_safe_at_rest()


async def test_blue_green_checks_n_times_without_live_traffic(start: Start) -> None:
    """Not N+1 times; the canary takes the traffic only while the primary is brought to the new revision."""
    world = an_iterating_world(Strategy.BLUE_GREEN, 2)

    ending = await (await start(world)).result()

    assert world.events[2:] == [*iterated(2), "Routing all traffic to canary", COPYING, BACK, COMPLETED]
    assert world.weights == [100, 0]
    assert world.calls.count("examine") == 2
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_blue_green_with_copies_of_the_traffic(start: Start) -> None:
    """Requests are copied during the checks, and not any more once the canary serves."""
    world = an_iterating_world(Strategy.BLUE_GREEN, 2, mirror=True)

    await (await start(world)).result()

    assert list(zip(world.weights, world.mirroring, strict=True)) == [(0, True), (100, False), (0, False)]
    assert "Stop traffic mirroring and route all traffic to canary" in world.events
    world.assert_safe_at_rest()


async def test_blue_green_without_a_router_routes_nothing(start: Start) -> None:
    """Provider `kubernetes`: the Service leads to the primary all along, and no event says otherwise."""
    world = an_iterating_world(Strategy.BLUE_GREEN, 2, routed=False)

    ending = await (await start(world)).result()

    assert world.events[2:] == [*iterated(2), COPYING, COMPLETED]
    assert set(world.weights) == {0}
    assert ending.phase is Phase.SUCCEEDED


async def test_mirroring_before_the_first_weight(start: Start) -> None:
    """One interval of copies, checked like any step, and then the weights."""
    world = a_world(mirror=True, weights=(10, 20, 30), pre_rollout=("acceptance-test",))

    await (await start(world)).result()

    assert world.weights == [0, 10, 20, 30, 0]
    assert world.mirroring == [True, False, False, False, False]
    assert world.calls.count("examine") == 4
    assert world.hooks.count("pre-rollout/acceptance-test/Progressing") == 1
    world.assert_safe_at_rest()


async def test_a_mirrored_canary_that_fails_gets_no_traffic(start: Start) -> None:
    """Copies showed it."""
    world = a_world(mirror=True, threshold=1)
    world.checks = [[a_check(69)]]

    ending = await (await start(world)).result()

    assert set(world.weights) == {0}
    assert world.mirroring[-1] is False
    assert ending.phase is Phase.FAILED


async def test_a_promotion_in_steps(start: Start) -> None:
    """`stepWeightPromotion`: an interval for each step, and the primary is ready at each."""
    world = a_world(weights=(50, 100), promotion_step=40)

    ending = await (await start(world)).result()

    assert world.weights == [50, 100, 60, 20, 0]
    assert [event for event in world.events if "primary weight" in event] == [
        f"Advance podinfo.test primary weight {weight}" for weight in (40, 80, 100)
    ]
    assert BACK not in world.events
    assert world.calls.count("await_primary") == 3
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_a_promotion_in_steps_does_not_get_stuck(start: Start) -> None:
    """A primary that fails on the way has its deadline, as at the beginning; then it runs again what it ran before."""
    world = a_world(weights=(100,), promotion_step=50, deadline_seconds=1)

    async def fail() -> None:
        world.primary_available = False

    world.when_told["Advance podinfo.test primary weight 50"] = fail
    ending = await (await start(world)).result()

    assert world.weights == [100, 50, 0]
    assert "Promotion of podinfo.test failed, primary not ready: 0 of 1 updated replicas are available" in world.events
    assert ending.phase is Phase.FAILED
    assert world.primary == OLD
    world.assert_safe_at_rest()


@pytest.mark.parametrize(
    ("edited", "weights"),
    [
        pytest.param(a_plan(weights=(5, 80)), [10, 80, 0], id="other weights"),
        pytest.param(a_plan(strategy=Strategy.AB_TESTING, iterations=1, weights=()), [10, 100, 0], id="to an A/B test"),
        pytest.param(
            a_plan(strategy=Strategy.BLUE_GREEN, iterations=1, weights=()), [10, 0, 100, 0], id="to blue/green"
        ),
    ],
)
async def test_a_plan_edited_in_the_middle_is_followed_from_the_next_step(
    start: Start, edited: Plan, weights: list[int]
) -> None:
    """Without a restart, whatever the edit was."""
    world = World()

    async def edit() -> None:
        world.plan = edited

    world.on["examine"] = edit

    ending = await (await start(world)).result()

    assert world.weights == weights
    assert ending.phase is Phase.SUCCEEDED


async def test_fewer_iterations_than_were_done_complete_the_analysis(start: Start) -> None:
    """It does not hang at a number that is never reached."""
    world = an_iterating_world(Strategy.AB_TESTING, 9)

    async def lower() -> None:
        world.plan = a_plan(strategy=Strategy.AB_TESTING, iterations=1, weights=())

    world.when_told["Advance podinfo.test canary iteration 3/9"] = lower

    assert (await (await start(world)).result()).phase is Phase.SUCCEEDED
    assert world.calls.count("examine") == 3


async def test_a_share_that_outlives_its_strategy_stays_in_the_status(start: Start) -> None:
    """Users still get it, and a rollout whose history is lost learns from the status alone that it must be led back."""
    world, shown = World(), []

    async def edit() -> None:
        world.plan = a_plan(strategy=Strategy.BLUE_GREEN, iterations=1, weights=())

    async def look() -> None:
        shown.append((world.weight, world.status.weight))

    world.checks = [[a_check(69)]]
    world.on["examine"], world.when_told["Halt podinfo.test advancement success rate 69.00% < 99%"] = edit, look
    await (await start(world)).result()

    assert shown == [(10, 10)]
    assert world.status.weight == 0
