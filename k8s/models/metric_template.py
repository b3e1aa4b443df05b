"""The MetricTemplate: a query with placeholders, and the provider that answers it."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from k8s.models.canary import Metadata
from k8s.models.common import API_VERSION, ApiModel, HttpUrl, SecretRef, cel, rules

VARIABLES: Final = ("name", "namespace", "target", "service", "ingress", "route", "interval", "variables")
"""What a query may call without arguments; `variables` is a map."""
LONGEST_QUERY: Final = 16_384
"""Characters; the API server wants a bound to price the rules."""
ACTION: Final = r"\{\{(-\s)?\s*%s\s*(\s-)?\}\}"
NAMED: Final = ACTION % r"[A-Za-z_]\w*(\.\w+)*"
KNOWN: Final = ACTION % rf"({'|'.join(VARIABLES)}|variables(\.\w+)+|end|else|true|false|print|println|urlquery)"
QUERY_RULES: Final = rules(
    cel(
        "self.lastIndexOf('{{') <= self.lastIndexOf('}}')",
        "write }} after the last {{; PromQL's own braces are single",
    ),
    cel(
        f"self.findAll(r'{NAMED}').size() == self.findAll(r'{KNOWN}').size()",
        f"between {{{{ and }}}} write one of {', '.join(VARIABLES[:-1])}, or variables.<key of templateVariables>",
    ),
)

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


WITH_ADDRESS: Final = ("dynatrace", "graphite", "influxdb", "splunk")
"""Providers that have no address of their own."""
WITH_SECRET: Final = ("datadog", "dynatrace", "influxdb", "newrelic", "splunk")
"""Providers that answer nobody without credentials."""


class MetricProvider(ApiModel):
    """Where the number comes from."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"!(self.type in {list(WITH_ADDRESS)}) || has(self.address)",
                "write the provider's base URL, such as http://graphite.monitoring",
                field="address",
                reason="FieldValueRequired",
            ),
            cel(
                f"!(self.type in {list(WITH_SECRET)}) || has(self.secretRef)",
                "name a Secret with the provider's credentials, such as secretRef: {name: datadog}",
                field="secretRef",
                reason="FieldValueRequired",
            ),
            cel(
                "self.type != 'cloudwatch' || has(self.region)",
                "write the region, such as eu-central-1",
                field="region",
                reason="FieldValueRequired",
            ),
        ),
    )

    type: ProviderType
    """The type of the provider, such as prometheus."""
    address: HttpUrl | None = None
    """The base URL of the provider."""
    headers: dict[str, list[str]] = Field(default_factory=dict)
    """Headers to send, by name (prometheus)."""
    secret_ref: SecretRef | None = None
    """The Secret with the credentials, in the namespace of the template."""
    region: str | None = None
    """The region (cloudwatch)."""
    insecure_skip_verify: bool = False
    """Skips the verification of the provider's certificate."""


class MetricTemplateSpec(ApiModel):
    """What is asked, and of whom."""

    provider: MetricProvider
    """Where the number comes from."""
    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY, json_schema_extra=QUERY_RULES)]
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
