"""What may cut a rollout short. Each is caught in `rollout.py`; none ever leaves the workflow."""

from workflows.observation import Revision, Severity


class Interruption(Exception):
    """The rollout cannot simply go on."""


class Superseded(Interruption):
    """The target has a newer revision: analyse that one instead."""

    def __init__(self, revision: Revision) -> None:
        super().__init__(revision.template)
        self.revision = revision


class Ended(Interruption):
    """The Canary is gone or being deleted."""


class RollBack(Interruption):
    """All traffic back to the primary; the text is the event that says why."""

    def __init__(self, text: str, severity: Severity = Severity.ERROR) -> None:
        super().__init__(text)
        self.severity = severity


class NotReady(Interruption):
    """Pods were not ready in time, or the cluster gave up on them; the text says what was lacking."""
