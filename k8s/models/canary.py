"""The Canary: what is released, how it is reached, how it is analysed. `k8s.models.loading` reads it."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from k8s.models.analysis import Analysis
from k8s.models.common import API_VERSION, ApiModel, HttpUrl, ObjectRef, cel, rules
from k8s.models.service import Service
from k8s.models.status import Status, Timestamp
from k8s.models.webhook import Webhook

DEFAULT_DEADLINE_SECONDS = 600

Provider = Literal[
    "apisix",
    "appmesh",
    "appmesh:v1beta2",
    "contour",
    "gatewayapi:v1",
    "gatewayapi:v1beta1",
    "gloo",
    "istio",
    "knative",
    "kubernetes",
    "kuma",
    "linkerd",
    "nginx",
    "osm",
    "skipper",
    "smi:v1alpha1",
    "smi:v1alpha2",
    "smi:v1alpha3",
    "traefik",
]
Strategy = Literal["canary", "blue-green", "ab-testing"]
AtLeastOne = Annotated[int, Field(ge=1)]


class Metadata(ApiModel):
    """The part of an object's metadata that is read."""

    name: str
    """The name of the object."""
    namespace: str = "default"
    """The namespace of the object."""
    uid: str = ""
    """The object's identity."""
    resource_version: str = ""
    """Changes with every write."""
    generation: int = 0
    """Rises with every change of the spec."""
    labels: dict[str, str] = Field(default_factory=dict)
    """The object's labels."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """The object's annotations."""
    finalizers: list[str] = Field(default_factory=list)
    """Who must agree before the object goes."""
    deletion_timestamp: Timestamp | None = None
    """When the deletion was asked for."""


class TargetRef(ObjectRef):
    """The workload that is released."""

    kind: Literal["DaemonSet", "Deployment", "Service"]
    """The kind of the target: Deployment, DaemonSet or Service."""


class ScalerReplicas(ApiModel):
    """The bounds of the primary's scaler, where they differ from those of the target's."""

    min_replicas: AtLeastOne | None = None
    """The least number of the primary's pods."""
    max_replicas: AtLeastOne | None = None
    """The largest number of the primary's pods."""


class AutoscalerRef(ObjectRef):
    """The scaler of the target; the primary gets a copy."""

    kind: Literal["HorizontalPodAutoscaler", "ScaledObject"]
    """The kind of the scaler: HorizontalPodAutoscaler or ScaledObject."""
    primary_scaler_queries: dict[str, str] = Field(default_factory=dict)
    """The queries of the primary's ScaledObject, by the name of the trigger (KEDA)."""
    primary_scaler_replicas: ScalerReplicas | None = None
    """The bounds of the primary's scaler, where they differ from those of the target's."""


class IngressRef(ObjectRef):
    """The Ingress that is split (nginx, skipper)."""

    kind: Literal["Ingress"]
    """The kind of the object: Ingress."""


class RouteRef(ObjectRef):
    """The ApisixRoute that is split (apisix)."""

    kind: Literal["ApisixRoute"]
    """The kind of the object: ApisixRoute."""


class UpstreamRef(ObjectRef):
    """The Upstream whose settings are copied (gloo)."""

    kind: Literal["Upstream"]
    """The kind of the object: Upstream."""
    namespace: str | None = None
    """The namespace of the Upstream; that of the Canary when absent."""


KNATIVE_TARGET = "(self.targetRef.kind == 'Service' && self.targetRef.apiVersion == 'serving.knative.dev/v1')"
KNATIVE_PROVIDER = "(has(self.provider) && self.provider == 'knative')"

TESTS_NOBODY = (
    "!has(self.analysis.match) || self.analysis.match.size() == 0 || "
    "(has(self.provider) && self.provider == 'kubernetes')"  # which leaves match out, and says so
)


class CanarySpec(ApiModel):
    """What a team asks for."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"!{KNATIVE_TARGET} || {KNATIVE_PROVIDER}",
                "write knative: no other provider splits the traffic of a Knative Service (serving.knative.dev/v1)",
                field="provider",
            ),
            cel(
                f"!{KNATIVE_PROVIDER} || {KNATIVE_TARGET}",
                "provider knative splits the traffic of a Knative Service: write apiVersion serving.knative.dev/v1 and "
                "kind Service, or another provider",
                field="targetRef",
            ),
            cel(
                f"!{KNATIVE_TARGET} || !has(self.autoscalerRef)",
                "a Knative Service scales itself; remove autoscalerRef",
                field="autoscalerRef",
                reason="FieldValueForbidden",
            ),
            cel(
                f"{TESTS_NOBODY} || (has(self.analysis.iterations) && self.analysis.iterations > 0)",
                "is for A/B testing: write iterations (such as 10) in place of stepWeight and stepWeights, "
                "or remove match",
                field="analysis.match",
            ),
            cel(
                f"has(self.service) || {KNATIVE_TARGET}",
                "write the port that the target is reached at, such as service: {port: 80}",
                field="service",
                reason="FieldValueRequired",
            ),
        ),
    )

    provider: Provider | None = None
    """The mesh or ingress that splits the traffic; the worker's default when absent."""
    metrics_server: HttpUrl | None = None
    """The URL of the Prometheus that the built-in checks and inline queries ask; the worker's default when absent."""
    target_ref: TargetRef
    """The workload that is released: its apiVersion, kind and name."""
    autoscaler_ref: AutoscalerRef | None = None
    """The scaler of the target; the primary gets a copy."""
    ingress_ref: IngressRef | None = None
    """The Ingress that is split (nginx, skipper)."""
    route_ref: RouteRef | None = None
    """The ApisixRoute that is split (apisix)."""
    upstream_ref: UpstreamRef | None = None
    """The Upstream whose settings are copied (gloo)."""
    service: Service | None = None
    """The Services and routes that are made for the target."""
    analysis: Analysis
    """How a release is analysed."""
    progress_deadline_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long pods may go without progress before the release is rolled back, seconds; 600 when absent."""
    skip_analysis: bool = False
    """Whether releases are promoted without analysis."""
    revert_on_deletion: bool | None = None
    """Whether the target serves on its own again when the Canary is deleted; true when absent, unlike Flagger's."""
    suspend: bool = False
    """Whether nothing is done for now; traffic and workloads stay as they are."""


class Canary(ApiModel):
    """One Canary object, as read from the API server."""

    api_version: str = API_VERSION
    """The API group and version."""
    kind: str = "Canary"
    """The kind."""
    metadata: Metadata
    """The object's metadata, with its name."""
    spec: CanarySpec
    """What a team asks for: at least targetRef and analysis."""
    status: Status = Field(default_factory=Status)
    """What was observed last."""

    @property
    def name(self) -> str:
        """Of the Canary object."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Of the Canary object and everything that belongs to it."""
        return self.metadata.namespace

    @property
    def target_name(self) -> str:
        """Of the workload that is released."""
        return self.spec.target_ref.name

    @property
    def primary_name(self) -> str:
        """Of the workload that serves live traffic."""
        return f"{self.target_name}-primary"

    @property
    def apex_name(self) -> str:
        """Of the Service that clients call."""
        return (self.spec.service.name if self.spec.service else None) or self.target_name

    @property
    def primary_service(self) -> str:
        """Of the Service that leads to the primary."""
        return f"{self.apex_name}-primary"

    @property
    def canary_service(self) -> str:
        """Of the Service that leads to the canary."""
        return f"{self.apex_name}-canary"

    @property
    def reverts(self) -> bool:
        """Whether a deletion hands the traffic back first: unless the spec says no, since the target is at zero."""
        return self.spec.revert_on_deletion is not False

    @property
    def strategy(self) -> Strategy:
        """By what the analysis asks for; also a label of the exported metrics."""
        if not self.spec.analysis.iterations:
            return "canary"
        return "ab-testing" if self.spec.analysis.match else "blue-green"

    @property
    def deadline_seconds(self) -> int:
        """How long pods may go without progress."""
        deadline = self.spec.progress_deadline_seconds
        return DEFAULT_DEADLINE_SECONDS if deadline is None else deadline

    def hooks(self, moment: str) -> list[Webhook]:
        """The webhooks of a type, in order; one without a type is a `rollout` hook.

        A rollout knows them by their names, so of several of one name the second is called `gate (2)`.
        """
        hooks = [hook for hook in self.spec.analysis.webhooks if hook.moment == moment]
        met: Counter[str] = Counter()
        for place, hook in enumerate(hooks):
            met[hook.name] += 1
            if met[hook.name] > 1:
                hooks[place] = hook.model_copy(update={"name": f"{hook.name} ({met[hook.name]})"})
        return hooks
