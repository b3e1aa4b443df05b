"""What people may do to a running rollout, and when they are refused. Pure.

Each message is one `Command`; `refusal` says why it cannot be followed, in a sentence with a remedy.
"""

from enum import StrEnum

from pydantic import BaseModel

from workflows.observation import PROMOTED, Gate, Phase, Record


class Verb(StrEnum):
    """The four messages, as updates and as signals."""

    PROMOTE = "promote"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"


class Command(Record):
    """What a person sends along; all of it optional, so `temporal workflow signal` works without an input."""

    by: str = ""
    """Who, for the events."""
    reason: str = ""
    revision: str = ""
    """Template hash (or its beginning) that the person means; empty: whatever is being rolled out."""


class Reply(Record):
    """What became of a command."""

    message: str
    phase: Phase
    weight: int


class Steering(BaseModel):
    """The commands in force for the present revision."""

    promote: Command | None = None
    abort: Command | None = None
    pause: Command | None = None
    approval: Command | None = None
    """For the gate at which the rollout waits."""
    undo: Command | None = None
    """For a canary at rest: back to what was promoted before."""


STEERABLE = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING})


def refusal(  # noqa: PLR0917 - a table of these
    verb: Verb, command: Command, steering: Steering, phase: Phase, revision: str, gate: Gate | None = None
) -> str:
    """Why the command cannot be followed now; empty when it can.

    While the rollout waits at a gate, `promote` opens that gate.
    """
    if phase not in STEERABLE:
        return f"cannot {verb}: no rollout is under way (phase {phase or 'New'}); change the target to start one"
    if command.revision and not revision.startswith(command.revision):
        return f"cannot {verb}: revision {command.revision} is not the one under way, which is {revision}"
    if steering.abort:
        return f"cannot {verb}: the rollout is being aborted already"
    match verb:
        case Verb.ABORT:
            return ""
        case Verb.PROMOTE if gate:
            return f"cannot promote: {gate} is approved already" if steering.approval else ""
        case Verb.PROMOTE:
            return "cannot promote: the promotion is under way already" if _promoting(steering, phase) else ""
        case Verb.PAUSE if _promoting(steering, phase):
            return "cannot pause: the promotion is under way; abort brings the traffic back to the primary"
        case Verb.PAUSE:
            return "cannot pause: the rollout is paused already; resume lets it go on" if steering.pause else ""
        case Verb.RESUME:
            return "" if steering.pause else "cannot resume: the rollout is not paused"


def _promoting(steering: Steering, phase: Phase) -> bool:
    return phase in PROMOTED or steering.promote is not None


def follow(verb: Verb, command: Command, steering: Steering, gate: Gate | None = None) -> str:
    """Put the command in force; returns what will happen, for the person who sent it."""
    match verb:
        case Verb.ABORT:
            steering.abort = command
            return "aborting: all traffic goes back to the primary"
        case Verb.PROMOTE if gate:
            steering.approval, steering.pause = command, None
            return f"approved: the rollout passes {gate}"
        case Verb.PROMOTE:
            steering.promote, steering.pause = command, None
            return "promoting: the canary goes to the primary without further analysis"
        case Verb.PAUSE:
            steering.pause = command
            return "paused: the weight stays as it is, checks go on; resume lets it advance"
        case Verb.RESUME:
            steering.pause = None
            return "resumed: the rollout advances at its next passed check"
