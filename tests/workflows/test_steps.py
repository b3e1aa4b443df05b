"""The next step of an analysis, by table and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_plan
from workflows.observation import Plan, Strategy
from workflows.weights import FULL, Step, descent, is_edited_away, ladder, next_step

AB = a_plan(strategy=Strategy.AB_TESTING, iterations=2, weights=())
GREEN = a_plan(strategy=Strategy.BLUE_GREEN, iterations=2, weights=())
MIRRORED = a_plan(strategy=Strategy.BLUE_GREEN, iterations=2, weights=(), mirror=True)
COPIED_FIRST = a_plan(mirror=True)


@pytest.mark.parametrize(
    ("plan", "step", "after"),
    [
        pytest.param(a_plan(), Step(), Step(weight=10), id="the first weight"),
        pytest.param(a_plan(), Step(weight=20), Step(weight=30), id="the next weight"),
        pytest.param(a_plan(), Step(weight=30), None, id="the last weight"),
        pytest.param(a_plan(), Step(weight=25), Step(weight=30), id="a weight that is none of the steps"),
        pytest.param(COPIED_FIRST, Step(), Step(mirrored=True), id="copies first"),
        pytest.param(COPIED_FIRST, Step(mirrored=True), Step(weight=10), id="then the first weight"),
        pytest.param(COPIED_FIRST, Step(weight=10), Step(weight=20), id="mirroring added in the middle"),
        pytest.param(AB, Step(), Step(weight=100, iteration=1), id="the first iteration of an A/B test"),
        pytest.param(AB, Step(weight=100, iteration=2), None, id="the last iteration of an A/B test"),
        pytest.param(AB, Step(weight=100, iteration=9), None, id="more iterations than are wanted"),
        pytest.param(a_plan(), Step(weight=100, iteration=2), Step(weight=10), id="from an A/B test in the middle"),
        pytest.param(GREEN, Step(), Step(iteration=1), id="blue/green"),
        pytest.param(GREEN, Step(weight=20), Step(iteration=1), id="to blue/green in the middle"),
        pytest.param(MIRRORED, Step(mirrored=True, iteration=1), Step(mirrored=True, iteration=2), id="copies"),
    ],
)
def test_next_step(plan: Plan, step: Step, after: Step | None) -> None:
    """One at a time."""
    assert next_step(plan, step) == after


@pytest.mark.parametrize(
    ("plan", "step", "edited_away"),
    [
        pytest.param(a_plan(), Step(), False, id="nothing taken"),
        pytest.param(a_plan(), Step(weight=10), False, id="a weight"),
        pytest.param(COPIED_FIRST, Step(mirrored=True), False, id="copies"),
        pytest.param(AB, Step(weight=100, iteration=1), False, id="an iteration"),
        pytest.param(AB, Step(weight=10), True, id="weights to iterations"),
        pytest.param(a_plan(), Step(weight=100, iteration=1), True, id="iterations to weights"),
    ],
)
def test_a_step_of_another_strategy(plan: Plan, step: Step, *, edited_away: bool) -> None:
    """Its weight means something else there, and must not be set again."""
    assert is_edited_away(plan, step) is edited_away


PLANS = st.builds(
    lambda strategy, iterations, mirror, step: a_plan(
        strategy=strategy, iterations=iterations, mirror=mirror, weights=ladder(step, FULL)
    ),
    st.sampled_from(Strategy),
    st.integers(1, 20),
    st.booleans(),
    st.integers(1, FULL),
)


@given(plan=PLANS, weight=st.integers(0, FULL), iteration=st.integers(0, 30), mirrored=st.booleans())
def test_every_analysis_ends(plan: Plan, weight: int, iteration: int, mirrored: bool) -> None:
    """From wherever an edit left it; weights stay percentages, and nobody gets copies beside a share of its own."""
    step: Step | None = Step(weight, mirrored and not weight, iteration)
    for _ in range(200):
        assert step is not None
        assert 0 <= step.weight <= FULL
        assert not (step.mirrored and step.weight)
        step = next_step(plan, step)
        if step is None:
            return
    raise AssertionError(f"does not end: {plan}")


@pytest.mark.parametrize(
    ("weight", "step", "weights"),
    [(100, 0, (0,)), (50, 20, (30, 10, 0)), (40, 20, (20, 0)), (10, 50, (0,)), (0, 10, (0,))],
)
def test_descent(weight: int, step: int, weights: tuple[int, ...]) -> None:
    """Down to nothing."""
    assert descent(weight, step) == weights
