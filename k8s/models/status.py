"""`status` of a Canary: Flagger's fields, and below them those that Serinus adds."""

from typing import Annotated, Any, Literal

from pydantic import Field

from k8s.models.common import ApiModel

Phase = Literal[
    "",
    "Initializing",
    "Initialized",
    "Waiting",
    "Progressing",
    "WaitingPromotion",
    "Promoting",
    "Finalising",
    "Succeeded",
    "Failed",
    "Terminating",
    "Terminated",
]
_DATE_TIME: dict[str, Any] = {"format": "date-time"}
Timestamp = Annotated[str, Field(json_schema_extra=_DATE_TIME)]
"""RFC 3339. Kept as text: no decision hangs on it, and a load must not either."""


class Condition(ApiModel):
    """One condition; there is only `Promoted`."""

    type: str
    """The type of the condition."""
    status: str
    """True, False or Unknown."""
    reason: str
    """The phase that set the condition."""
    message: str = ""
    """The sentence for a reader."""
    last_update_time: Timestamp | None = None
    """When anything of the condition changed."""
    last_transition_time: Timestamp | None = None
    """When the status of the condition changed."""


class Status(ApiModel):
    """What was observed last."""

    phase: Phase = ""
    """Where the rollout stands."""
    canary_weight: int = 0
    """The canary's share of traffic, percent."""
    failed_checks: int = 0
    """The number of failed checks of the current or the last analysis."""
    iterations: int = 0
    """The progress of an A/B test or of blue/green."""
    tracked_configs: dict[str, str] | None = None
    """The checksum of each tracked config, by configmap/{name} or secret/{name}; absent when none is tracked."""
    last_applied_spec: str = ""
    """The hash of the revision taken up last."""
    last_promoted_spec: str = ""
    """The hash of the revision that the primary runs."""
    last_tracked_revision: str = ""
    """The change fence of the target, as newer versions of Flagger write it; kept, not used."""
    last_transition_time: Timestamp | None = None
    """When the status was written last."""
    session_affinity_cookie: str = ""
    """The cookie of users on the canary, name=value."""
    primary_session_affinity_cookie: str = ""
    """The cookie of users on the primary, name=value."""
    previous_session_affinity_cookie: str = ""
    """The canary's cookie of the rollout before, name=value."""
    conditions: list[Condition] = Field(default_factory=list)
    """The condition Promoted."""

    config_versions: dict[str, str] = Field(default_factory=dict)
    """Serinus only: the resourceVersion of each tracked config when its checksum was taken, by the same keys."""
    observed_generation: int = 0
    """Serinus only: the generation of the Canary whose objects were reconciled last."""
    halt_reason: str = ""
    """Serinus only: why the last step did not advance; empty when it did."""

    @property
    def promoted(self) -> Condition | None:
        """The condition Promoted."""
        return next((condition for condition in self.conditions if condition.type == "Promoted"), None)
