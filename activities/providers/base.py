"""What a metric provider must do."""

from typing import Protocol

from workflows.verdict import NoData, Unreadable, Value

Reading = Value | NoData | Unreadable


class Provider(Protocol):
    """Answers one query with one number. Never raises: not to be had is an answer with a name."""

    async def query(self, text: str) -> Reading:
        """The value, or that there is none, or why it cannot be read. Harmless when repeated."""
        ...
