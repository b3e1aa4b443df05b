"""An object of ours that makes no sense."""

from collections.abc import Sequence

SHOWN = 3


class InvalidObject(Exception):
    """Says for the first problems which field, what stands there, and what to write instead."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - SHOWN
        text = " | ".join(problems[:SHOWN])
        super().__init__(f"{text} | and {more} more" if more > 0 else text)
        self.problems = tuple(problems)


class InvalidCanary(InvalidObject):
    """Of a Canary."""


class InvalidMetricTemplate(InvalidObject):
    """Of a MetricTemplate."""


class InvalidAlertProvider(InvalidObject):
    """Of an AlertProvider."""
