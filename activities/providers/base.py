"""What a metric provider must do, and what it is given for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from activities.http import Http
from activities.providers.errors import UnfitProvider
from activities.providers.secret import Secret
from k8s.client import Cluster
from workflows.verdict import NoData, Unreadable, Value

Reading = Value | NoData | Unreadable
DEFAULT_WINDOW_SECONDS = 60.0
"""A metric without interval looks back one minute."""


@dataclass(frozen=True)
class Source:
    """Where one query goes and as whom: `spec.provider` of a template, its Secret, and the metric's interval."""

    http: Http
    cluster: Cluster
    address: str = ""
    """Base URL; empty when the template names none."""
    secret: Secret = field(default_factory=Secret)
    window_seconds: float = DEFAULT_WINDOW_SECONDS
    """How far a query looks back."""
    region: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    insecure: bool = False
    """The server's certificate is not verified."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may tell: the Secret's values, and those of headers that the template adds."""
        headers = (word for value in self.headers.values() for word in value.split())
        return (*self.secret.values, *headers)

    def url(self, path: str, *, default: str = "", example: str = "") -> str:
        """A path below the address.

        Raises:
            UnfitProvider: there is no address, and no default; the text shows `example`.
        """
        base = self.address or default
        if not base:
            raise UnfitProvider(f"spec.provider.address: required; write the base URL, such as {example}")
        return f"{base.rstrip('/')}/{path}"


class Provider(Protocol):
    """Answers one query with one number. Never raises: not to be had is an answer with a name."""

    async def query(self, text: str) -> Reading:
        """The value, or that there is none, or why it cannot be read. Harmless when repeated."""
        ...

    async def probe(self) -> str:
        """Why the provider cannot be asked at all; empty when it can. Harmless when repeated."""
        ...
