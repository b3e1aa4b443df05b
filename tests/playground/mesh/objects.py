"""A cluster in memory: the objects the mesh reads, with defaults, and the collections that hold them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from k8s.client import Json
from k8s.informers import ADDED, DELETED, MODIFIED, key_of
from playground.mesh.directory import Directory

NAMESPACE = "test"
HASH = "5d8c9f7b6"
HOST = "app.example.com"
"""Of the guide's Ingress."""


class Objects:
    """Stands for an informer: the same reading methods, filled by `put`."""

    def __init__(self, *objects: Json) -> None:
        self._objects = {key_of(obj): obj for obj in objects}
        self._listeners: list[Callable[[str, Json], None]] = []

    def get(self, namespace: str, name: str) -> Json | None:
        """The object."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> list[Json]:
        """All, or those of one namespace."""
        return [obj for (home, _), obj in self._objects.items() if namespace in (None, home)]

    def on_change(self, listener: Callable[[str, Json], None]) -> None:
        """Call on every `put` and `remove`."""
        self._listeners.append(listener)

    def put(self, obj: Json) -> None:
        """Add or replace."""
        change = MODIFIED if key_of(obj) in self._objects else ADDED
        self._objects[key_of(obj)] = obj
        self._tell(change, obj)

    def remove(self, obj: Json) -> None:
        """Delete."""
        del self._objects[key_of(obj)]
        self._tell(DELETED, obj)

    def _tell(self, change: str, obj: Json) -> None:
        for listener in self._listeners:
            listener(change, obj)


class Cluster:
    """The collections, and the directory over them."""

    def __init__(self) -> None:
        self.services, self.pods, self.routes, self.splits = Objects(), Objects(), Objects(), Objects()
        self.newer_splits, self.ingresses = Objects(), Objects()
        splits = (self.splits, self.newer_splits)
        self.directory = Directory(self.services, self.pods, self.routes, splits, self.ingresses)

    def podinfo(self, **changes: Any) -> None:
        """The guide's podinfo after its bootstrap: three Services, a pod of the canary and one of the primary."""
        for name, app in (("podinfo", "podinfo-primary"), ("podinfo-primary", "podinfo-primary")):
            self.services.put(a_service(name, selector={"app": app}))
        self.services.put(a_service("podinfo-canary", selector={"app": "podinfo"}))
        self.pods.put(a_pod("podinfo", image="ghcr.io/stefanprodan/podinfo:6.0.1", **changes))
        self.pods.put(a_pod("podinfo-primary", image="ghcr.io/stefanprodan/podinfo:6.0.0"))


def a_service(name: str = "podinfo", *, namespace: str = NAMESPACE, selector: Json | None = None, **port: Any) -> Json:
    """Port 9898 to the same port of the pods."""
    ports = [{"port": 9898, "targetPort": 9898} | port]
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector or {"app": name}, "ports": ports},
    }


def a_pod(deployment: str = "podinfo", *, suffix: str = "x2x4z", **changes: Any) -> Json:
    """A ready pod of a Deployment; `env`, `image`, `ready`, `phase`, `owner`, `labels` and `terminating` may differ."""
    given: Json = {
        "env": {},
        "image": "ghcr.io/stefanprodan/podinfo:6.0.0",
        "ready": True,
        "phase": "Running",
        "owner": {"kind": "ReplicaSet", "name": f"{deployment}-{HASH}", "controller": True},
        "labels": {"app": deployment, "pod-template-hash": HASH},
        "terminating": False,
        "namespace": NAMESPACE,
    } | changes
    container = {
        "name": "podinfod",
        "image": given["image"],
        "env": [{"name": name, "value": value} for name, value in given["env"].items()],
        "ports": [{"name": "http", "containerPort": 9898}],
    }
    return {
        "metadata": {
            "namespace": given["namespace"],
            "name": f"{deployment}-{HASH}-{suffix}",
            "uid": uuid4().hex,
            "labels": given["labels"],
            "ownerReferences": [given["owner"]] if given["owner"] else [],
        }
        | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if given["terminating"] else {}),
        "spec": {"containers": [{"name": "linkerd-proxy", "image": "proxy:edge"}, container]},
        "status": {
            "phase": given["phase"],
            "podIP": "10.244.0.34",
            "conditions": [{"type": "Ready", "status": "True" if given["ready"] else "False"}],
        },
    }


def a_ref(name: str, weight: int | None = None, **changes: Any) -> Json:
    """A backendRef on port 9898."""
    weighted = {} if weight is None else {"weight": weight}
    return {"group": "", "kind": "Service", "name": name, "port": 9898} | weighted | changes


def a_rule(*refs: Json, **changes: Any) -> Json:
    """A rule without matches."""
    return {"backendRefs": list(refs)} | changes


def a_route(*rules: Json, name: str = "podinfo", parent: Json | None = None, created: str = "") -> Json:
    """Attached to the Service podinfo as the guide writes it."""
    ref = {"group": "core", "kind": "Service", "name": "podinfo", "namespace": NAMESPACE, "port": 9898}
    return {
        "metadata": {"namespace": NAMESPACE, "name": name, "creationTimestamp": created},
        "spec": {"parentRefs": [parent or ref], "rules": list(rules)},
    }


def an_ingress(
    name: str = "podinfo",
    *,
    host: str = HOST,
    path: str = "/",
    service: str = "podinfo",
    exact: bool = False,
    annotations: dict[str, str] | None = None,
) -> Json:
    """Of class nginx, to one Service."""
    backend = {"service": {"name": service, "port": {"number": 9898}}}
    paths = [{"path": path, "pathType": "Exact" if exact else "Prefix", "backend": backend}]
    rule = {"http": {"paths": paths}} | ({"host": host} if host else {})
    return {
        "metadata": {"name": name, "namespace": "test", "annotations": annotations or {}},
        "spec": {"ingressClassName": "nginx", "rules": [rule]},
    }
