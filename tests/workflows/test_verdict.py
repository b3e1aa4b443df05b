"""Judging answers, and the sentences about them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CANARY, NAMES, a_check
from workflows.verdict import (
    COUNTED,
    Check,
    NoData,
    Objected,
    Passed,
    Question,
    Unreadable,
    Verdict,
    judge,
    worst,
)
from workflows.wording import halted, milliseconds

LATENCY = {"name": "request-duration", "question": Question.DURATION, "minimum": None, "maximum": 500}
CUSTOM = {"name": "404s percentage", "question": Question.QUERY, "minimum": None, "maximum": 3}
HOOK = {"name": "load-test", "question": Question.HOOK, "minimum": None}
HALT = "Halt podinfo.test advancement"


@pytest.mark.parametrize(
    ("check", "verdict", "sentence"),
    [
        pytest.param(a_check(99), Verdict.PASSED, "", id="a bound met exactly passes"),
        pytest.param(a_check(69.174), Verdict.FAILED, f"{HALT} success rate 69.17% < 99%", id="success rate"),
        pytest.param(a_check(500.9, **LATENCY), Verdict.PASSED, "", id="whole milliseconds"),
        pytest.param(
            a_check(1515.2, **LATENCY), Verdict.FAILED, f"{HALT} request duration 1.515s > 500ms", id="latency"
        ),
        pytest.param(a_check(6.2, **CUSTOM), Verdict.FAILED, f"{HALT} 404s percentage 6.20 > 3", id="custom"),
        pytest.param(
            a_check(NoData(detail="hint")),
            Verdict.NO_DATA,
            "Halt advancement no values found for gatewayapi:v1 metric request-success-rate "
            "probably podinfo.test is not receiving traffic: hint",
            id="no traffic",
        ),
        pytest.param(
            a_check(NoData(), **CUSTOM),
            Verdict.NO_DATA,
            "Halt advancement no values found for metric: 404s percentage",
            id="no values of a custom query",
        ),
        pytest.param(
            a_check(Unreadable(detail="refused")), Verdict.UNREADABLE, "Prometheus query failed: refused", id="away"
        ),
        pytest.param(a_check(Unreadable(detail="x", sentence="All of it")), Verdict.UNREADABLE, "All of it", id="own"),
        pytest.param(a_check(Passed(), **HOOK), Verdict.PASSED, "", id="hook agrees"),
        pytest.param(
            a_check(Objected(detail="500 no"), **HOOK),
            Verdict.FAILED,
            f"{HALT} external check load-test failed 500 no",
            id="hook objects",
        ),
        pytest.param(
            a_check(Unreadable(detail="refused"), **HOOK),
            Verdict.UNREADABLE,
            f"{HALT} external check load-test failed refused",
            id="hook away",
        ),
    ],
)
def test_verdict_and_sentence(check: Check, verdict: Verdict, sentence: str) -> None:
    """Each answer has one verdict, and unless it passed, one sentence."""
    assert judge(check) is verdict
    if sentence:
        assert halted(CANARY, NAMES, check) == sentence


@given(
    value=st.floats(), minimum=st.none() | st.floats(allow_nan=False), maximum=st.none() | st.floats(allow_nan=False)
)
def test_a_value_passes_only_within_its_bounds(value: float, minimum: float | None, maximum: float | None) -> None:
    """Not-a-number never passes; any other value passes exactly when it breaks no bound."""
    check = a_check(value, question=Question.QUERY, minimum=minimum, maximum=maximum)
    broken = (minimum is not None and value < minimum) or (maximum is not None and value > maximum)

    assert (judge(check) is Verdict.PASSED) == (not math.isnan(value) and not broken)


ANSWERS = st.sampled_from([Passed(), Objected(detail=""), NoData(), Unreadable(detail="")])


@given(answers=st.lists(ANSWERS, max_size=6))
def test_the_deciding_check_is_the_worst(answers: list[Passed | Objected | NoData | Unreadable]) -> None:
    """A step passes only if every check passed, and counts as failed if any check did."""
    checks = [a_check(answer) for answer in answers]
    deciding = worst(checks)

    assert (deciding is None) == all(judge(check) is Verdict.PASSED for check in checks)
    if deciding is not None and any(judge(check) in COUNTED for check in checks):
        assert judge(deciding) in COUNTED


@pytest.mark.parametrize(
    ("value", "text"), [(500, "500ms"), (1515, "1.515s"), (1200, "1.2s"), (61_500, "1m1.5s"), (3_600_000, "1h0m0s")]
)
def test_durations_read_as_go_prints_them(value: float, text: str) -> None:
    """Scripts that parse Flagger's events parse ours."""
    assert milliseconds(value) == text
