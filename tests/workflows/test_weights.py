"""The ladder, by table and by property."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.weights import ladder, next_weight


@pytest.mark.parametrize(
    ("step", "top", "steps", "expected"),
    [
        pytest.param(5, 50, (), tuple(range(5, 55, 5)), id="the guide's"),
        pytest.param(20, 50, (), (20, 40, 60), id="a step may overshoot maxWeight once"),
        pytest.param(30, 100, (), (30, 60, 90, 100), id="never beyond 100"),
        pytest.param(40, 0, (), (40, 80, 100), id="maxWeight left out means 100"),
        pytest.param(100, 100, (), (100,), id="one step"),
        pytest.param(0, 50, (), (), id="no step"),
        pytest.param(5, 50, (1, 10, 80), (1, 10, 80), id="stepWeights win"),
        pytest.param(0, 0, (10, 120), (10, 100), id="stepWeights are cut at 100"),
    ],
)
def test_ladder(step: int, top: int, steps: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Each spec gives exactly these weights."""
    assert ladder(step, top, steps) == expected


PERCENT = st.integers(min_value=0, max_value=100)


@given(step=PERCENT, top=PERCENT, steps=st.lists(st.integers(min_value=-10, max_value=200), max_size=20))
def test_weights_ascend_within_0_and_100(step: int, top: int, steps: list[int]) -> None:
    """Whatever the spec says, weights are in 1-100 and strictly ascending."""
    weights = ladder(step, top, steps)

    assert all(1 <= weight <= 100 for weight in weights)
    assert all(low < high for low, high in pairwise(weights))


@given(step=st.integers(min_value=1, max_value=100), top=PERCENT, weight=PERCENT)
def test_next_weight_always_leads_up(step: int, top: int, weight: int) -> None:
    """From any present weight, even one the ladder does not know, the next step is higher or there is none."""
    following = next_weight(ladder(step, top), weight)

    assert following is None or weight < following <= 100
