"""What the cluster holds, as a mesh needs it: which Service a host names, what is attached to it, who is ready.

Reads caches that informers keep (or any other `Collection`), never the API server.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from k8s.client import Json
from k8s.informers import DELETED, key_of
from playground.mesh.backend import Backend
from playground.mesh.ingress import Path
from playground.mesh.pods import Pod
from playground.mesh.routing import is_attached

SUFFIXES = (".svc.cluster.local", ".svc")


class Collection(Protocol):
    """Objects of one kind, kept up to date by somebody: a `k8s.informers.Informer`."""

    def get(self, namespace: str, name: str) -> Json | None:
        """The object as last seen."""

    def list(self, namespace: str | None = None) -> list[Json]:
        """All objects, or those of one namespace."""

    def on_change(self, listener: Callable[[str, Json], None]) -> None:
        """Call `listener(type, object)` on every change."""


@dataclass(frozen=True)
class UnknownHost:
    """The host is no Service's name; `why` says what it was taken for."""

    why: str


@dataclass(frozen=True)
class Endpoint:
    """A port of a ready pod."""

    pod: Pod
    port: int


@dataclass(frozen=True)
class NoEndpoint:
    """Nobody to send the request to; `status` is the HTTP status that says so."""

    status: int
    why: str


class Directory:
    """Looks up hosts, routes and pods. Create it before the collections fill, or after: it reads what is there.

    `splits` are TrafficSplits by version, of which the cluster may serve any.
    """

    def __init__(
        self,
        services: Collection,
        pods: Collection,
        routes: Collection,
        splits: Sequence[Collection],
        ingresses: Collection,
    ) -> None:
        self._services, self._routes, self._splits, self._ingresses = services, routes, splits, ingresses
        self._pods: dict[tuple[str, str], Pod] = {}
        self._ready: dict[tuple[str, str], list[Pod]] = {}
        for pod in pods.list():
            self._pods[key_of(pod)] = Pod.of(pod)
        pods.on_change(self._pod_changed)
        services.on_change(lambda _type, _service: self._ready.clear())

    @property
    def pods(self) -> Iterator[Pod]:
        """Every pod there is."""
        return iter(self._pods.values())

    def resolve(self, host: str, port: int) -> Backend | UnknownHost:
        """The Service of `{service}.{namespace}[.svc[.cluster.local]]`; of `{service}` where one namespace has it."""
        name = host.lower().rstrip(".")
        for suffix in SUFFIXES:
            name = name.removesuffix(suffix)
        service, _, namespace = name.partition(".")
        if not namespace:
            return self._by_short_name(service, port)
        if self._services.get(namespace, service) is not None:
            return Backend(namespace, service, port)
        return UnknownHost(f"{host}: there is no Service {service} in namespace {namespace}")

    def has_service(self, namespace: str, name: str) -> bool:
        """Whether the Service exists."""
        return self._services.get(namespace, name) is not None

    def routes(self) -> list[Json]:
        """Every HTTPRoute."""
        return self._routes.list()

    def routes_on(self, service: Backend) -> list[Json]:
        """The HTTPRoutes of the Service's namespace that are attached to it, on this port."""
        return [route for route in self._routes.list(service.namespace) if is_attached(route, service)]

    def split_on(self, service: Backend) -> Json | None:
        """The TrafficSplit of the Service."""
        splits = (split for version in self._splits for split in version.list(service.namespace))
        return next((split for split in splits if split["spec"]["service"] == service.service), None)

    def ingresses(self) -> list[Json]:
        """Every Ingress."""
        return self._ingresses.list()

    def behind(self, path: Path) -> Backend:
        """The Service behind a path of an Ingress; its port may be named there. 0: it has no such port."""
        namespace, name, port = path.ingress["metadata"]["namespace"], path.service["name"], path.service["port"]
        service = self._services.get(namespace, name) or {"spec": {}}
        named = {each.get("name"): each["port"] for each in service["spec"].get("ports") or []}
        return Backend(namespace, name, int(port.get("number") or named.get(port.get("name"), 0)))

    def endpoints(self, backend: Backend) -> list[Endpoint] | NoEndpoint:
        """The backend's port on each of its ready pods: never an empty list."""
        service = self._services.get(backend.namespace, backend.service)
        if service is None:
            return NoEndpoint(500, f"backend {backend}: there is no such Service")
        port = _service_port(service, backend.port)
        if port is None:
            offered = ", ".join(str(port["port"]) for port in service["spec"].get("ports") or []) or "no port"
            return NoEndpoint(
                502, f"Service {backend.service}.{backend.namespace} has no port {backend.port}: {offered}"
            )
        ready = [Endpoint(pod, _target_port(port, pod)) for pod in self._ready_pods(service)]
        return ready or NoEndpoint(503, f"Service {backend.service}.{backend.namespace} has no ready endpoint")

    def _by_short_name(self, service: str, port: int) -> Backend | UnknownHost:
        namespaces = [obj["metadata"]["namespace"] for obj in self._services.list() if key_of(obj)[1] == service]
        match namespaces:
            case [namespace]:
                return Backend(namespace, service, port)
            case []:
                return UnknownHost(f"{service}: there is no Service of that name")
            case _:
                found = ", ".join(sorted(namespaces))
                return UnknownHost(f"{service}: there is one in each of {found}; write {service}.NAMESPACE")

    def _ready_pods(self, service: Json) -> list[Pod]:
        key = key_of(service)
        if key not in self._ready:
            selector = service["spec"].get("selector") or {}
            pods = [pod for pod in self._pods.values() if pod.ready and pod.namespace == key[0]] if selector else []
            self._ready[key] = [pod for pod in pods if selector.items() <= dict(pod.labels).items()]
        return self._ready[key]

    def _pod_changed(self, change: str, obj: Json) -> None:
        self._ready.clear()
        if change == DELETED:
            self._pods.pop(key_of(obj), None)
        else:
            self._pods[key_of(obj)] = Pod.of(obj)


def _service_port(service: Json, port: int) -> Json | None:
    ports = service["spec"].get("ports") or []
    return next((candidate for candidate in ports if candidate["port"] == port), None)


def _target_port(port: Json, pod: Pod) -> int:
    """The container's port: a number, the name of one, or the Service's own when it says nothing."""
    number: int = port["port"]
    target: int | str = port.get("targetPort", number)
    return target if isinstance(target, int) else pod.ports.get(target, number)
