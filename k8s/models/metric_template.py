"""The MetricTemplate: a query with placeholders, and the provider that answers it."""

from typing import Annotated, Literal

from pydantic import Field

from k8s.models.canary import Metadata
from k8s.models.common import API_VERSION, ApiModel, SecretRef

ProviderType = Literal[
    "prometheus",
    "influxdb",
    "datadog",
    "externalmetrics",
    "stackdriver",
    "cloudwatch",
    "newrelic",
    "graphite",
    "dynatrace",
    "keptn",
    "splunk",
]


class MetricProvider(ApiModel):
    """Where the number comes from."""

    type: ProviderType
    """The type of the provider, such as prometheus."""
    address: str | None = None
    """The base URL of the provider."""
    headers: dict[str, list[str]] = Field(default_factory=dict)
    """Headers to send, by name (prometheus)."""
    secret_ref: SecretRef | None = None
    """The Secret with the credentials, in the namespace of the template."""
    region: str | None = None
    """The region (cloudwatch)."""
    insecure_skip_verify: bool = False
    """Skips the verification of the provider's certificate (prometheus, graphite, externalmetrics)."""


class MetricTemplateSpec(ApiModel):
    """What is asked, and of whom."""

    provider: MetricProvider
    """Where the number comes from."""
    query: Annotated[str, Field(min_length=1)]
    """The query, with placeholders such as {{ target }}, {{ namespace }} and {{ interval }}."""


class MetricTemplate(ApiModel):
    """One MetricTemplate object, as read from the API server."""

    api_version: str = API_VERSION
    """The API group and version."""
    kind: str = "MetricTemplate"
    """The kind."""
    metadata: Metadata
    """The object's metadata, with its name."""
    spec: MetricTemplateSpec
    """What is asked, and of whom."""
