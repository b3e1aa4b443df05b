"""Every sentence of an alert, made from values. Chats show the canary's name beside it, so the texts do not hold it."""

from workflows import wording
from workflows.observation import CanaryRef, Gate, Names

WAITING = {
    Gate.ROLLOUT: "Canary is waiting for approval.",
    Gate.TRAFFIC_INCREASE: "Canary traffic increase is waiting for approval.",
    Gate.PROMOTION: "Canary promotion is waiting for approval.",
}


def initialized(names: Names) -> str:
    """The primary serves."""
    return f"New {names.kind} detected, initialization completed."


def progressing() -> str:
    """A rollout begins."""
    return "New revision detected, progressing canary analysis."


def waiting(gate: Gate) -> str:
    """A gate is closed."""
    return WAITING[gate]


def answers(canary: CanaryRef) -> str:
    """The commands that open a gate, or end the wait."""
    where = f"{canary.name} -n {canary.namespace}"
    return f"serinus promote {where} | serinus abort {where}"


def promoted(*, skipped: bool) -> str:
    """The end of a good release."""
    done = "was skipped" if skipped else "completed successfully"
    return f"Canary analysis {done}, promotion finished."


def undone() -> str:
    """A person brought back what was promoted before."""
    return "Promotion undone, the primary runs what it ran before."


def rolled_back(canary: CanaryRef, names: Names, sentence: str) -> str:
    """The event that says why a release failed, without the canary's name: `Failed checks threshold reached 5`."""
    if sentence == wording.rollback_hook_invoked(canary):
        return "Rolling back manual webhook invoked"
    target = f"{names.target}.{names.namespace}"
    text = sentence.removeprefix(f"Rolling back {canary} ").replace(f"Promotion of {target} failed", "Promotion failed")
    return text[:1].upper() + text[1:]
