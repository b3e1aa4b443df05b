"""What a sink, the knowledge of one kind of chat, must do."""

from dataclasses import dataclass
from typing import Protocol

from activities.http import Reply
from k8s.client import Json
from workflows.observation import Severity

EXCERPT = 300


@dataclass(frozen=True)
class Message:
    """One alert, ready to be written for any chat."""

    canary: str
    """`{name}.{namespace}`."""
    text: str
    severity: Severity
    fields: dict[str, str]
    """Title to value, in order."""
    channel: str
    username: str


class Sink(Protocol):
    """Pure: nothing is sent here."""

    takes_token: bool
    """A token from the Secret is sent as bearer token."""

    def url(self, address: str) -> str:
        """Where to POST, given the address that the user wrote."""
        ...

    def payload(self, message: Message) -> Json:
        """The body, as JSON."""
        ...

    def refusal(self, reply: Reply) -> str:
        """Why the chat did not take the message; empty when it did."""
        ...


class Webhook:
    """What most chats share: one secret URL, and any 2xx means taken. Not a sink by itself."""

    takes_token = False

    def url(self, address: str) -> str:
        """As the user wrote it."""
        return address

    def refusal(self, reply: Reply) -> str:
        """The status and the first bytes of the body."""
        return reply.refusal(EXCERPT)
