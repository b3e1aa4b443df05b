"""From what the checks of a step answered to what that means for the rollout. Pure."""

import math
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from workflows.observation import Record


class Value(Record):
    """The provider gave one number."""

    kind: Literal["value"] = "value"
    value: float


class NoData(Record):
    """The provider answered, and had nothing: usually nobody sent a request."""

    kind: Literal["no_data"] = "no_data"
    detail: str = "no values found"


class Unreadable(Record):
    """No usable answer: refused, timed out, 5xx, not a number. Says nothing about the release."""

    kind: Literal["unreadable"] = "unreadable"
    detail: str
    sentence: str = ""
    """The whole event text, where the usual one would not fit the cause."""


class Passed(Record):
    """A hook agreed."""

    kind: Literal["passed"] = "passed"


class Objected(Record):
    """A hook said no."""

    kind: Literal["objected"] = "objected"
    detail: str


Answer = Annotated[Value | NoData | Unreadable | Passed | Objected, Field(discriminator="kind")]


class Question(StrEnum):
    """What sort of check asks; it decides how the sentence about it reads."""

    SUCCESS_RATE = "request-success-rate"
    DURATION = "request-duration"
    QUERY = "query"
    TEMPLATE = "template"
    HOOK = "hook"
    ROUTE = "route"


class Check(Record):
    """One question of a step, with its bounds and the answer it got."""

    name: str
    question: Question
    answer: Answer
    provider: str = ""
    """Dialect of a built-in metric, as events name it."""
    minimum: float | None = None
    maximum: float | None = None
    """Bounds in the metric's own unit: percent, or milliseconds for durations."""
    query: str = ""
    """The beginning of the text that the provider was sent; empty when nothing was sent."""


class Verdict(StrEnum):
    """What one check, or a whole step, means for the rollout."""

    PASSED = "passed"
    FAILED = "failed"
    NO_DATA = "no data"
    UNREADABLE = "unreadable"


COUNTED = frozenset({Verdict.FAILED, Verdict.NO_DATA})
"""What counts towards `analysis.threshold`."""


def judge(check: Check) -> Verdict:
    """Hold an answer against its bounds; a bound that is met exactly passes."""
    match check.answer:
        case Passed():
            return Verdict.PASSED
        case Objected():
            return Verdict.FAILED
        case NoData():
            return Verdict.NO_DATA
        case Unreadable():
            return Verdict.UNREADABLE
        case Value(value=value):
            return Verdict.PASSED if is_within(measured(check.question, value), check) else Verdict.FAILED


def measured(question: Question, value: float) -> float:
    """Durations are compared in whole milliseconds (Flagger 1.44); everything else as it is."""
    return float(math.trunc(value)) if question is Question.DURATION else value


def is_within(value: float, check: Check) -> bool:
    """Whether a number respects both bounds; not-a-number respects none."""
    if math.isnan(value):
        return False
    above = check.minimum is None or value >= check.minimum
    below = check.maximum is None or value <= check.maximum
    return above and below


def worst(checks: list[Check]) -> Check | None:
    """The check that decides a step: the first failed one, else the first without data, else the first unreadable."""
    verdicts = [(judge(check), check) for check in checks]
    for verdict in (Verdict.FAILED, Verdict.NO_DATA, Verdict.UNREADABLE):
        for found, check in verdicts:
            if found is verdict:
                return check
    return None
