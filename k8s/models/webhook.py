"""`spec.analysis.webhooks[]`: what is asked or told over HTTP during a rollout."""

from typing import Annotated, Literal

from pydantic import Field

from k8s.models.common import ApiModel, HttpUrl
from k8s.models.duration import GoDuration

HookType = Literal[
    "",
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-promotion",
    "post-rollout",
    "event",
    "rollback",
    "confirm-traffic-increase",
]
Gate = Literal["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"]
"""The types that hold a release until they agree."""


class Webhook(ApiModel):
    """A receiver and when it is called."""

    name: str
    """The name of the webhook, as events and the payload show it."""
    url: Annotated[HttpUrl, Field(min_length=1)]
    """The URL that receives the POST."""
    type: HookType = ""
    """When the webhook is called; rollout when absent or empty."""
    mute_alert: bool = False
    """Sends no chat alert while this confirm-* webhook says no."""
    timeout: GoDuration | None = None
    """The time that one attempt may take; 10s when absent."""
    retries: Annotated[int, Field(ge=0)] | None = None
    """The number of further attempts when the receiver is not reached or busy; 0 when absent."""
    disable_tls: bool = Field(default=False, alias="disableTLS")
    """Skips the verification of the receiver's certificate."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """What is sent along, key by key, as strings."""

    @property
    def moment(self) -> str:
        """The type with its default filled in."""
        return self.type or "rollout"
