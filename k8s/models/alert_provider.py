"""The AlertProvider: a chat that is told of what happens."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from k8s.models.canary import Metadata
from k8s.models.common import API_VERSION, ApiModel, HttpUrl, ProxyUrl, SecretRef, cel, rules


class AlertProviderSpec(ApiModel):
    """Which chat, and how it is reached."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.address) != has(self.secretRef)",
                "write either address (the hook's URL) or secretRef (a Secret with key address)",
            ),
        ),
    )

    type: Literal["slack", "msteams", "discord", "rocket", "gchat"]
    """The type of the chat, such as slack."""
    channel: str | None = None
    """The channel to write to; general when absent."""
    username: str | None = None
    """The name to write under; flagger when absent."""
    address: Annotated[HttpUrl, Field(min_length=1)] | None = None
    """The URL of the chat's hook; excludes secretRef."""
    proxy: ProxyUrl | None = None
    """The URL of an HTTP proxy."""
    secret_ref: SecretRef | None = None
    """The Secret, in the provider's namespace, with keys address and, for slack, token; excludes address."""


class AlertProvider(ApiModel):
    """One AlertProvider object, as read from the API server."""

    api_version: str = API_VERSION
    """The API group and version."""
    kind: str = "AlertProvider"
    """The kind."""
    metadata: Metadata
    """The object's metadata, with its name."""
    spec: AlertProviderSpec
    """Which chat, and how it is reached."""
