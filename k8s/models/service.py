"""`spec.service`: the Services and routes that are made for the target."""

from typing import Annotated, Any, Literal

from pydantic import Field

from k8s.models.common import ApiModel, Port
from k8s.models.duration import MeshDuration

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
KIND = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"
NAME_LENGTH, LABEL_LENGTH, PARENTS = 253, 63, 32


class GatewayRef(ApiModel):
    """A ParentReference of the Gateway API: what an HTTPRoute attaches to."""

    group: Annotated[str, Field(max_length=NAME_LENGTH, pattern=f"^$|{DNS_NAME}")] = "gateway.networking.k8s.io"
    """The API group of the parent; core or the empty string for a Service."""
    kind: Annotated[str, Field(min_length=1, max_length=LABEL_LENGTH, pattern=KIND)] = "Gateway"
    """The kind of the parent: Gateway, or Service in a mesh such as Linkerd."""
    name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
    """The name of the parent."""
    namespace: Annotated[str, Field(min_length=1, max_length=LABEL_LENGTH, pattern=DNS_LABEL)] | None = None
    """The namespace of the parent; that of the Canary when absent."""
    section_name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH, pattern=DNS_NAME)] | None = None
    """The listener of a Gateway, or the port of a Service, by name."""
    port: Port | None = None
    """The port of the parent."""


class Rewrite(ApiModel):
    """What is changed in a request on its way."""

    uri: str | None = None
    """The path, or the beginning of it, that replaces what was matched."""
    authority: str | None = None
    """The host name that replaces the request's."""
    type: str | None = None
    """ReplaceFullPath or ReplacePrefixMatch (Gateway API); ReplaceFullPath when absent."""


class Retries(ApiModel):
    """What the mesh repeats (Istio, Contour, App Mesh)."""

    attempts: int | None = None
    """The number of retries."""
    per_try_timeout: MeshDuration | None = None
    """The time that one attempt may take, as the mesh writes durations."""
    retry_on: str | None = None
    """The conditions of a retry, separated by commas, as the mesh names them."""


class ServiceMetadata(ApiModel):
    """Labels and annotations for a generated object."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Labels to add."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations to add."""


class UnmanagedMetadata(ApiModel):
    """Keys on the generated Services whose values are left alone."""

    labels: list[str] = Field(default_factory=list)
    """Keys of labels."""
    annotations: list[str] = Field(default_factory=list)
    """Keys of annotations."""


class Service(ApiModel):
    """The three Services `{apex}`, `{apex}-primary` and `{apex}-canary`, and the route between them.

    `match`, `headers`, `mirror`, `corsPolicy` and `trafficPolicy` are kept as the mesh's own API writes them; whether
    they are well-formed is the mesh's to say.
    """

    name: str | None = None
    """The name of the apex Service; that of the target when absent. Leave it as it is once the Services exist."""
    port: Port
    """The port of the ClusterIP service."""
    port_name: str | None = None
    """The name of the port; http when absent, grpc for gRPC."""
    target_port: int | str | None = None
    """The container's port, by number or name; that of the Service when absent."""
    app_protocol: str | None = None
    """The application protocol of the port."""
    traffic_distribution: Literal["PreferClose", "PreferSameZone", "PreferSameNode"] | None = None
    """The trafficDistribution of new Services."""
    port_discovery: bool = False
    """Whether the other ports of the containers are added."""
    headless: bool = False
    """Whether new Services get no cluster IP."""
    timeout: MeshDuration | None = None
    """The time that a request may take, as the mesh writes durations."""
    backend_timeout: MeshDuration | None = None
    """The time that a request may take at the backend, as the Gateway API writes durations."""
    gateways: list[str] = Field(default_factory=list)
    """Names of Istio gateways; mesh when empty."""
    gateway_refs: Annotated[list[GatewayRef], Field(max_length=PARENTS)] = Field(default_factory=list)
    """What the HTTPRoute attaches to (Gateway API); for Linkerd the apex Service."""
    hosts: list[str] = Field(default_factory=list)
    """Host names of the route."""
    delegation: bool = False
    """Whether the Istio VirtualService is a delegate, without hosts and gateways."""
    traffic_policy: dict[str, Any] | None = None
    """An Istio TrafficPolicy for both DestinationRules."""
    match: list[dict[str, Any]] = Field(default_factory=list)
    """Istio HTTPMatchRequests that limit the route."""
    rewrite: Rewrite | None = None
    """What is changed in a request on its way."""
    retries: Retries | None = None
    """What the mesh repeats (Istio, Contour, App Mesh)."""
    headers: dict[str, Any] | None = None
    """Istio header operations: add, set and remove, of request and response."""
    mirror: list[dict[str, Any]] = Field(default_factory=list)
    """RequestMirror filters that stay on the HTTPRoute (Gateway API)."""
    cors_policy: dict[str, Any] | None = None
    """An Istio CorsPolicy (Istio, Gateway API)."""
    mesh_name: str | None = None
    """The mesh (App Mesh)."""
    backends: list[str] = Field(default_factory=list)
    """The backends of the virtual nodes (App Mesh)."""
    apex: ServiceMetadata | None = None
    """Labels and annotations for the apex Service and the route."""
    primary: ServiceMetadata | None = None
    """Labels and annotations for the primary's Service."""
    canary: ServiceMetadata | None = None
    """Labels and annotations for the canary's Service."""
    unmanaged_metadata: UnmanagedMetadata | None = None
    """Keys on the generated Services whose values are left alone."""
