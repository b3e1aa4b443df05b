"""Durations are read as Go and Prometheus write them, and written as they were read."""

import pickle
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.models.duration import Duration, written

READ = {
    "30s": 30,
    "1m": 60,
    "1m30s": 90,
    "90s": 90,
    "500ms": 0.5,
    "0.5s": 0.5,
    "1h": 3600,
    "1.5h": 5400,
    "1min": 60,
    "2d": 172_800,
    "0s": 0,
}


@pytest.mark.parametrize(("text", "seconds"), READ.items())
def test_seconds(text: str, seconds: float) -> None:
    """Each text means so many seconds."""
    assert Duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1x", "1m 30s", "-1m", "1m30", "ten seconds", "1e3s", "٣s", "1.s", " 1s"]
)
def test_no_duration(text: str) -> None:
    """A text that is no duration is refused with the remedy."""
    with pytest.raises(ValueError, match="is not a duration; write minutes and seconds, such as 30s, 1m or 1m30s"):
        Duration(text)


@pytest.mark.parametrize("text", ["9" * 30 + "s", "9" * 400 + "m"])
def test_too_long(text: str) -> None:
    """A duration beyond what a timedelta can hold is refused as too long."""
    with pytest.raises(ValueError, match="is too long"):
        Duration(text)


@pytest.mark.parametrize("value", [None, 30, 1.5, True, [], {}])
def test_not_text(value: Any) -> None:
    """A value that is neither text nor timedelta is refused."""
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.of(value)


@pytest.mark.parametrize("text", ["60s", "1m0s", "1m"])
def test_remembered_text(text: str) -> None:
    """A duration is written to the letter as it was read."""
    assert str(Duration(text)) == text


def test_pickled() -> None:
    """A copy remembers the text as well."""
    assert str(pickle.loads(pickle.dumps(Duration("60s")))) == "60s"  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(seconds=30), "30s"),
        (timedelta(minutes=1), "1m"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=2), "120m"),
        (timedelta(0), "0s"),
        (timedelta(milliseconds=1500), "1500ms"),
    ],
)
def test_written(value: timedelta, text: str) -> None:
    """A timedelta is written in the units that the definition of a Canary allows."""
    assert written(value) == text


@given(st.integers(min_value=0, max_value=10**12))
def test_written_reads_back(milliseconds: int) -> None:
    """What is written reads back as the same time."""
    value = timedelta(milliseconds=milliseconds)
    assert Duration.of(value) == value


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text is read, or refused with a ValueError and nothing else."""
    try:
        duration = Duration(text)
    except ValueError:
        return
    assert duration >= timedelta(0)
