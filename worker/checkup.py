"""What one check of an installation found."""

from enum import StrEnum

from worker.command import Printed


class Outcome(StrEnum):
    """Of one check."""

    OK = "ok"
    WRONG = "wrong"
    AWAY = "away"
    """Without it nothing goes on: the API server, or Temporal."""


class Finding(Printed):
    """What one check found."""

    what: str
    outcome: Outcome
    says: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:5}  {self.what}: {self.says}" + (f"; {self.remedy}" if self.remedy else "")


def fine(what: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(what=what, outcome=Outcome.OK, says=says)


def wrong(what: str, says: str, remedy: str) -> Finding:
    """Something to do."""
    return Finding(what=what, outcome=Outcome.WRONG, says=says, remedy=remedy)


def away(what: str, says: str, remedy: str) -> Finding:
    """Nobody answers."""
    return Finding(what=what, outcome=Outcome.AWAY, says=says, remedy=remedy)
