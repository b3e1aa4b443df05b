"""What was seen of a canary: nothing inferred, nothing secret. Made by the observe activity, read by `decide`."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value that travels in histories: only ever extended by fields with defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Phase(StrEnum):
    """`status.phase` of a Canary (flagger.app/v1beta1)."""

    NEW = ""
    INITIALIZING = "Initializing"
    INITIALIZED = "Initialized"
    WAITING = "Waiting"
    PROGRESSING = "Progressing"
    WAITING_PROMOTION = "WaitingPromotion"
    PROMOTING = "Promoting"
    FINALISING = "Finalising"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"


UNBORN = frozenset({Phase.NEW, Phase.INITIALIZING})
AT_REST = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
PROMOTED = frozenset({Phase.PROMOTING, Phase.FINALISING})
MIDWAY = PROMOTED | {Phase.PROGRESSING, Phase.WAITING_PROMOTION}


class CanaryRef(Record):
    """Which Canary object."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


class Revision(Record):
    """What a rollout ships: the hash of the pod template, and a checksum for each tracked config."""

    template: str
    configs: dict[str, str] = Field(default_factory=dict)
    """`configmap/{name}` or `secret/{name}` to checksum, as in `status.trackedConfigs`."""


class Strategy(StrEnum):
    """How traffic comes to the canary; also the label `deployment_strategy` of the exported metrics."""

    CANARY = "canary"
    """A growing share of all requests."""
    AB_TESTING = "ab-testing"
    """The requests that match, all of them, for a number of checks."""
    BLUE_GREEN = "blue-green"
    """None, or copies of the primary's, for a number of checks; then all requests until the primary is ready."""


class Gate(StrEnum):
    """Where a release may have to wait for a yes: the types of webhooks that give it."""

    ROLLOUT = "confirm-rollout"
    """Before the canary is scaled up."""
    TRAFFIC_INCREASE = "confirm-traffic-increase"
    """Before each step of weight."""
    PROMOTION = "confirm-promotion"
    """After the analysis, before the primary is touched."""


class Severity(StrEnum):
    """How much an alert matters, as `analysis.alerts[].severity` names it."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"

    def reaches(self, least: "Severity") -> bool:
        """Whether somebody who wants to be told of no less than that is told of this."""
        order = list(Severity)
        return order.index(self) >= order.index(least)


class Receiver(Record):
    """A chat that is told what happens to a canary."""

    provider: str
    """Name of the AlertProvider, or, without a namespace, the type of the worker's own chat."""
    namespace: str = ""
    severity: Severity = Severity.INFO
    """The least that it is told."""

    def __str__(self) -> str:
        return f"{self.provider}.{self.namespace}" if self.namespace else self.provider


class Plan(Record):
    """How the Canary wants its releases analysed, defaults filled in."""

    interval_seconds: float = Field(gt=0)
    """Between two judgements."""
    threshold: int = Field(ge=1)
    """Failed checks that mean rollback."""
    weights: tuple[int, ...]
    """The canary's share of traffic at each step, percent, ascending; empty when nothing steps."""
    deadline_seconds: float = 600
    """How long pods may take to become ready, from the last progress."""
    pre_rollout: tuple[str, ...] = ()
    """Names of hooks, in order."""
    rollout: tuple[str, ...] = ()
    post_rollout: tuple[str, ...] = ()
    unreadable_limit: int = 0
    """Rounds in a row with unreadable checks that mean rollback; 0: hold for as long as it takes."""
    skip_analysis: bool = False
    measured: bool = False
    """Metrics are asked, so their providers are probed before a bootstrap."""
    strategy: Strategy = Strategy.CANARY
    iterations: int = 0
    """Checks that an A/B test or blue/green asks for, each an interval apart."""
    mirror: bool = False
    """The canary gets copies of requests: before its first weight, or during blue/green."""
    routed: bool = True
    """False: no router divides this canary's traffic (provider `kubernetes`)."""
    promotion_step: int = 0
    """Percent that each step of a promotion brings back to the primary; 0: all at once."""
    gates: dict[Gate, tuple[str, ...]] = Field(default_factory=dict)
    """Hooks that must agree at a gate, in order."""
    approvals: tuple[Gate, ...] = ()
    """Gates that a person must open."""
    approval_seconds: float = 0
    """How long a gate may stay closed; 0: for as long as it takes."""
    approval_by_default: bool = False
    """What a gate that waited too long means: go on, or else roll back."""
    drain_seconds: float = 0
    """Between the moment the canary's traffic is gone and its pods: proxies hear of a route a little later."""
    rollback: tuple[str, ...] = ()
    """Hooks that are asked all along; one that agrees rolls back."""
    muted: tuple[str, ...] = ()
    """Gate hooks about which nobody is alerted."""
    caveats: tuple[str, ...] = ()
    """What the spec asks for and does not get yet, in a user's words; told when a rollout begins."""
    alerts: tuple[Receiver, ...] = ()
    """Who is alerted."""
    event_hooks: tuple[str, ...] = ()
    """Names of the webhooks that get every event."""


class Names(Record):
    """The names that events speak of."""

    canary: str
    namespace: str
    target: str
    kind: str = "Deployment"

    @property
    def primary(self) -> str:
        """The workload that serves live traffic."""
        return f"{self.target}-primary"


class Status(Record):
    """The parts of `status` that decide."""

    phase: Phase = Phase.NEW
    weight: int = 0
    """Of all requests: 0 in an A/B test or blue/green, whoever is served."""
    iterations: int = 0
    failed_checks: int = 0
    applied: str = ""
    """`lastAppliedSpec`: template hash of the last revision taken up."""
    promoted: str = ""
    """`lastPromotedSpec`: template hash of the revision the primary runs."""
    configs: dict[str, str] | None = None
    """`trackedConfigs`."""
    config_versions: dict[str, str] = Field(default_factory=dict)
    """`configVersions`."""
    generation: int = 0
    """`observedGeneration`: of the Canary when its objects were last reconciled."""
    message: str = ""
    """Of condition Promoted."""


class Observation(Record):
    """One look at the Canary, its target and its primary."""

    names: Names
    found: bool = True
    """False: the Canary object is gone."""
    deleting: bool = False
    """A deletion timestamp stands, and our finalizer holds the object."""
    suspended: bool = False
    problem: str = ""
    """What keeps the canary from anything at all, in a user's words."""
    plan: Plan | None = None
    revision: Revision | None = None
    """Of the target, now."""
    config_versions: dict[str, str] = Field(default_factory=dict)
    """resourceVersion of each tracked config."""
    generation: int = 0
    status: Status = Field(default_factory=Status)
    target_found: bool = True
    primary_found: bool = True
    primary_template: str = ""
    """Template hash of what the primary runs; empty when another controller wrote it."""
    primary_serving: bool = False
    """At least one pod of the primary is available."""
    scaler_is_current: bool = True
    """False: the primary's autoscaler is to follow that of the target, which changed."""
    primary_is_target: bool = False
    """The primary's template is the target's, names apart, and its configs are current."""
    routed_weight: int | None = None
    """The canary's share as the route has it, percent; None: nobody looked, or it does not lead to the two sides."""
