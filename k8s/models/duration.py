"""Durations as Go and Prometheus write them: `30s`, `1m`, `1m30s`."""

import re
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from k8s.models.common import cel, quoted, rules

UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "y": 31_536_000,
}
_TERM = r"[0-9]+(?:[.][0-9]+)?(?:ns|us|µs|ms|s|min|m|h|d|w|y)"
_TERMS = re.compile(rf"([0-9.]+)({'|'.join(sorted(UNIT_SECONDS, key=len, reverse=True))})")
WHOLE = f"^(?:{_TERM})+$"
FLAGGER_PATTERN = "^[0-9]+(m|s)"
REMEDY = "write minutes and seconds, such as 30s, 1m or 1m30s"
LONGEST = 64


class Duration(timedelta):
    """A timedelta that remembers how it was written, since queries repeat it to the letter."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read `text`.

        Raises:
            ValueError: it is not a duration, or longer than a timedelta can be.
        """
        if not re.fullmatch(WHOLE, text):
            raise ValueError(f"{quoted(text)} is not a duration; {REMEDY}")
        try:
            seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in _TERMS.findall(text))
            duration = super().__new__(cls, seconds=seconds)
        except OverflowError as error:
            raise ValueError(f"{quoted(text)} is too long; {REMEDY}") from error
        duration.text = text
        return duration

    @classmethod
    def of(cls, value: Any) -> Self:
        """From text or from a timedelta; raises ValueError for anything else."""
        if isinstance(value, cls):
            return value
        if isinstance(value, timedelta):
            return cls(written(value))
        if not isinstance(value, str):
            raise ValueError(f"{quoted(value)} is not a duration; {REMEDY}")  # noqa: TRY004 - pydantic wants ValueError
        return cls(value)

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.text,)


def written(value: timedelta) -> str:
    """In minutes and seconds, or in milliseconds where it has a fraction: all that the CRD's pattern allows."""
    milliseconds = round(value / timedelta(milliseconds=1))
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return "".join([f"{minutes}m" if minutes else "", f"{seconds}s" if seconds or not minutes else ""])


GoDuration = Annotated[
    Duration,
    PlainValidator(Duration.of),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": FLAGGER_PATTERN, "maxLength": LONGEST}
        | rules(cel(f"self.matches('{FLAGGER_PATTERN}') && self.matches('{WHOLE}')", REMEDY)),
    ),
]
"""Flagger's pattern is open at the end; the CEL rule closes it, and says what to write to those who miss either."""

_GO = "^(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|ms|s|m|h))+)$"
MeshDuration = Annotated[
    str,
    Field(
        max_length=LONGEST,
        json_schema_extra=rules(
            cel(f"self == '' || self.matches('{_GO}')", "write hours, minutes and seconds, such as 15s, 500ms or 1m30s")
        ),
    ),
]
"""Handed on to the mesh as it is written; the mesh may know fewer units. An empty text is the same as none."""
