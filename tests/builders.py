"""Valid defaults, so that a test shows only what it is about."""

from typing import Any

from workflows.observation import CanaryRef, Names, Observation, Phase, Plan, Revision, Status
from workflows.verdict import Answer, Check, Question, Value

CANARY = CanaryRef(namespace="test", name="podinfo")
NAMES = Names(canary="podinfo", namespace="test", target="podinfo")
OLD = Revision(template="s1-old")
NEW = Revision(template="s1-new")
NEWER = Revision(template="s1-newer")


def a_plan(**changes: Any) -> Plan:
    """Three steps, a minute apart, five failures allowed."""
    defaults: dict[str, Any] = {"interval_seconds": 60, "threshold": 5, "weights": (10, 20, 30), "deadline_seconds": 60}
    return Plan(**(defaults | changes))


def a_status(**changes: Any) -> Status:
    """At rest after a release of OLD."""
    defaults: dict[str, Any] = {
        "phase": Phase.SUCCEEDED,
        "applied": OLD.template,
        "promoted": OLD.template,
        "configs": {},
        "generation": 1,
    }
    return Status(**(defaults | changes))


def an_observation(**changes: Any) -> Observation:
    """A healthy canary at rest, target and primary running OLD."""
    defaults: dict[str, Any] = {
        "names": NAMES,
        "plan": a_plan(),
        "revision": OLD,
        "generation": 1,
        "status": a_status(),
        "primary_serving": True,
        "primary_is_target": True,
    }
    return Observation(**(defaults | changes))


def a_check(answer: Answer | float = 100.0, **changes: Any) -> Check:
    """A success rate that must reach 99 %."""
    given = Value(value=answer) if isinstance(answer, int | float) else answer
    defaults: dict[str, Any] = {
        "name": "request-success-rate",
        "question": Question.SUCCESS_RATE,
        "provider": "gatewayapi:v1",
        "minimum": 99,
    }
    return Check(answer=given, **(defaults | changes))
