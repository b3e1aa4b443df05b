"""`spec.analysis`: how a release is stepped, what it is measured by, who is asked and told."""

from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from k8s.models.common import MANY, ApiModel, NamespacedRef, Percent, cel, rules
from k8s.models.duration import GoDuration
from k8s.models.webhook import Gate, Webhook

WAYS = "[has(self.iterations), has(self.stepWeight), has(self.stepWeights)]"
HEADER_WAYS = "[has(self.exact), has(self.prefix), has(self.suffix), has(self.regex)]"
QUERY_WAYS = "[has(self.exact), has(self.prefix), has(self.regex)]"
BUILT_IN = "(self.name in ['request-success-rate', 'request-duration'])"
DAY_SECONDS = 86_400


Ladder = Annotated[
    list[Percent],
    Field(
        max_length=100,
        json_schema_extra=rules(
            cel(
                "self.all(weight, weight > 0 && self.exists_one(other, other == weight)) && self.isSorted()",
                "write ascending weights from 1 to 100, each once, such as [5, 20, 50]",
            ),
        ),
    ),
]
"""A step that adds nothing, or takes away, would have to be waited for without end."""


class ThresholdRange(ApiModel):
    """The values that pass, bounds included."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("has(self.min) || has(self.max)", "without a bound every value passes; write min, max or both"),
            cel("!has(self.min) || !has(self.max) || self.min <= self.max", "no value passes; write min not above max"),
        ),
    )

    min: float | None = None
    """The smallest value that passes."""
    max: float | None = None
    """The largest value that passes."""


class Metric(ApiModel):
    """A check: a built-in one by its name, an inline query, or a MetricTemplate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"{BUILT_IN} || has(self.templateRef) || (has(self.query) && self.query != '')",
                "write templateRef (the name of a MetricTemplate), or name one of the built-in metrics "
                "request-success-rate and request-duration",
                reason="FieldValueRequired",
            ),
            cel(
                f"!{BUILT_IN} || has(self.thresholdRange) || has(self.threshold)",
                "write thresholdRange, such as {min: 99} for request-success-rate (percent) "
                "or {max: 500} for request-duration (ms)",
                reason="FieldValueRequired",
            ),
        ),
    )

    name: str
    """The name of the check; request-success-rate (percent) and request-duration (ms) are built in."""
    interval: GoDuration | None = None
    """The window of time that the query looks back over; 1m when absent."""
    threshold: float | None = None
    """Deprecated, use thresholdRange: the largest value that passes, for request-success-rate the smallest."""
    threshold_range: ThresholdRange | None = None
    """The values that pass."""
    query: str | None = None
    """Deprecated, use templateRef: a Prometheus query."""
    template_ref: NamespacedRef | None = None
    """The MetricTemplate to measure with."""
    template_variables: dict[str, str] = Field(default_factory=dict)
    """The variables of the template's query, key by key."""


class Alert(ApiModel):
    """Who is told."""

    name: str
    """The name of the alert."""
    severity: Literal["", "info", "warn", "error"] = ""
    """The least severity that is told: info, warn or error; info when absent."""
    provider_ref: NamespacedRef
    """The AlertProvider that tells."""


class HeaderMatch(ApiModel):
    """A condition on the value of a header."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"{HEADER_WAYS}.filter(given, given).size() == 1",
                "write exactly one of exact, prefix, suffix and regex",
            ),
        ),
    )

    exact: str | None = None
    """The whole value."""
    prefix: str | None = None
    """The beginning of the value."""
    suffix: str | None = None
    """The end of the value."""
    regex: str | None = None
    """An RE2 expression for the whole value."""


class QueryParamMatch(ApiModel):
    """A condition on the value of a query parameter."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"{QUERY_WAYS}.filter(given, given).size() <= 1",
                "write only one of exact, prefix and regex",
            ),
        ),
    )

    exact: str | None = None
    """The whole value."""
    prefix: str | None = None
    """The beginning of the value."""
    regex: str | None = None
    """An RE2 expression for the whole value."""


class RequestMatch(ApiModel):
    """Which requests an A/B test sends to the canary; all conditions must hold."""

    headers: Annotated[dict[str, HeaderMatch], Field(max_length=MANY)] = Field(default_factory=dict)
    """Conditions on headers, by lower-case name."""
    query_params: Annotated[dict[str, QueryParamMatch], Field(max_length=MANY)] = Field(default_factory=dict)
    """Conditions on query parameters, by name."""
    source_labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the pods that the request comes from (Istio, gateway mesh)."""


class SessionAffinity(ApiModel):
    """Keeps a user on the side that served the first request, by a cookie."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.primaryCookieName) || self.primaryCookieName != self.cookieName",
                "write a name other than that of cookieName",
                field="primaryCookieName",
            ),
        ),
    )

    cookie_name: str
    """The name of the cookie of users on the canary."""
    primary_cookie_name: str | None = None
    """The name of the cookie of users on the primary; that of cookieName with -primary when absent."""
    max_age: int = DAY_SECONDS
    """How long the canary's cookie lives, seconds; a day when 0."""
    domain: str | None = None
    """The Domain attribute of the cookie."""
    http_only: bool = False
    """Whether scripts are kept from reading the cookie."""
    partitioned: bool = False
    """Whether the cookie is stored by top-level site."""
    path: str | None = None
    """The Path attribute of the cookie."""
    same_site: Literal["Strict", "Lax", "None"] | None = None
    """The SameSite attribute of the cookie."""
    secure: bool = False
    """Whether the cookie is sent over https only."""

    @property
    def lifetime_seconds(self) -> int:
        """Of the canary's cookie; 0 is the same as absent."""
        return self.max_age or DAY_SECONDS

    @property
    def primary_cookie(self) -> str:
        """The name of the cookie of users on the primary."""
        return self.primary_cookie_name or f"{self.cookie_name}-primary"


class Analysis(ApiModel):
    """How a release is analysed."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.interval)",
                "write how long to wait between two checks, such as 30s",
                field="interval",
                reason="FieldValueRequired",
            ),
            cel(
                "has(self.threshold)",
                "write the number of failed checks that means rollback, such as 5",
                field="threshold",
                reason="FieldValueRequired",
            ),
            cel(
                f"{WAYS}.exists(given, given)",
                "write stepWeight (such as 5) or stepWeights (such as [5, 20, 50]) to shift traffic step by step, "
                "or iterations for A/B testing and blue/green",
                reason="FieldValueRequired",
            ),
            cel(
                f"{WAYS}.filter(given, given).size() <= 1",
                "iterations, stepWeight and stepWeights exclude each other: keep stepWeight or stepWeights to shift "
                "traffic step by step, or iterations for A/B testing and blue/green",
            ),
        ),
    )

    interval: GoDuration | None = None
    """The time between two checks."""
    threshold: int | None = None
    """The number of failed checks that means rollback; at least 1."""
    iterations: Annotated[int, Field(ge=0)] | None = None
    """The number of checks of an A/B test or of blue/green; excludes stepWeight and stepWeights."""
    max_weight: Percent | None = None
    """The share of traffic at which the analysis ends, percent; 100 when absent."""
    step_weight: Percent | None = None
    """The share of traffic that each step adds to the canary, percent; excludes iterations and stepWeights."""
    step_weights: Ladder = Field(default_factory=list)
    """The canary's share of traffic at each step, percent, ascending; excludes iterations and stepWeight."""
    step_weight_promotion: Percent | None = None
    """The share of traffic that each step of a promotion moves to the primary, percent; all at once when absent."""
    mirror: bool = False
    """Whether the canary gets a copy of the traffic before its share of it."""
    mirror_weight: Percent | None = None
    """The share of the traffic that is copied, percent; 100 when absent or 0."""
    primary_ready_threshold: Percent | None = None
    """The share of the primary's updated pods that must be available, percent; 100 when absent."""
    canary_ready_threshold: Percent | None = None
    """The share of the canary's updated pods that must be available, percent; 100 when absent."""
    match: Annotated[list[RequestMatch], Field(max_length=MANY)] = Field(default_factory=list)
    """Which requests an A/B test sends to the canary; one of the conditions must hold."""
    metrics: Annotated[list[Metric], Field(max_length=MANY)] = Field(default_factory=list)
    """The checks, in order."""
    alerts: Annotated[list[Alert], Field(max_length=MANY)] = Field(default_factory=list)
    """Who is told; the worker's own receiver when empty."""
    webhooks: Annotated[list[Webhook], Field(max_length=MANY)] = Field(default_factory=list)
    """Who is asked or told over HTTP, in order."""
    approvals: Annotated[list[Gate], Field(max_length=len(get_args(Gate)))] = Field(default_factory=list)
    """Serinus only: where a release waits for a person, who answers with promote or abort."""
    approval_timeout: GoDuration | None = None
    """Serinus only: how long a release waits for a yes, of a person or of a confirm-* webhook; for ever when absent."""
    approval_default: Literal["approve", "reject"] | None = None
    """Serinus only: what approvalTimeout means: approve lets the release go on; reject, or absent, rolls it back."""
    session_affinity: SessionAffinity | None = None
    """Keeps users on the side that served their first request (Istio, Gateway API)."""
