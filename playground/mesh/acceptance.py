"""Writes the status of HTTPRoutes on Services as Linkerd's policy controller does, observedGeneration left out too."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

import structlog

from k8s.apply import amend
from k8s.client import Cluster, Json
from k8s.errors import ClusterError, NotFound
from k8s.resources import HTTP_ROUTES_V1
from playground.mesh.directory import Collection, Directory
from playground.mesh.routing import names_service

log = structlog.get_logger(__name__)

CONTROLLER = "linkerd.io/policy-controller"
RETRY_SECONDS = 1.0
HasService = Callable[[str, str], bool]


class Acceptance:
    """Looks again whenever a route or a Service changes. Use as an async context manager."""

    def __init__(self, cluster: Cluster, directory: Directory, *watched: Collection) -> None:
        self._cluster, self._directory = cluster, directory
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        for collection in watched:
            collection.on_change(lambda _type, _object: self._changed.set())

    async def __aenter__(self) -> Self:
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="acceptance")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for route in self._directory.routes():
                if patch_of(route, self._directory.has_service, _now()):
                    await self._write(route)

    async def _write(self, route: Json) -> None:
        namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
        path = HTTP_ROUTES_V1.path(namespace, name, "status")
        try:
            await amend(self._cluster, path, lambda fresh: patch_of(fresh, self._directory.has_service, _now()))
        except NotFound:
            return
        except ClusterError as error:
            log.warning("route_status_not_written", namespace=namespace, route=name, error=str(error))
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)
        else:
            log.info("route_status_written", namespace=namespace, route=name)


def patch_of(route: Json, has_service: HasService, now: str) -> Json | None:
    """The merge patch that makes the status true; None when it is. Other controllers' parents stay."""
    current = (route.get("status") or {}).get("parents") or []
    ours = {_key(parent["parentRef"]): parent for parent in current if parent["controllerName"] == CONTROLLER}
    refs = [ref for ref in route["spec"].get("parentRefs") or [] if names_service(ref)]
    home = route["metadata"]["namespace"]
    resolved = all(has_service(*backend) for backend in _backends(route))
    wanted = []
    for ref in refs:
        accepted = has_service(ref.get("namespace", home), ref["name"])
        conditions = [_accepted(accepted, now), _resolved(resolved, now)]
        wanted.append(_parent(ref, conditions, ours.get(_key(ref))))
    if wanted == list(ours.values()):
        return None
    others = [parent for parent in current if parent["controllerName"] != CONTROLLER]
    return {"status": {"parents": others + wanted}}


def _key(ref: Json) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in ref.items()))


def _backends(route: Json) -> set[tuple[str, str]]:
    home = route["metadata"]["namespace"]
    refs = [ref for rule in route["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []]
    return {(ref.get("namespace", home), ref["name"]) for ref in refs}


def _parent(ref: Json, conditions: list[Json], before: Json | None) -> Json:
    known = {condition["type"]: condition for condition in (before or {}).get("conditions") or []}
    kept = [_unchanged(condition, known.get(condition["type"])) for condition in conditions]
    return {"parentRef": ref, "controllerName": CONTROLLER, "conditions": kept}


def _accepted(there: bool, now: str) -> Json:
    return _condition("Accepted", there, "Accepted" if there else "NoMatchingParent", now)


def _resolved(there: bool, now: str) -> Json:
    return _condition("ResolvedRefs", there, "ResolvedRefs" if there else "BackendNotFound", now)


def _condition(kind: str, true: bool, reason: str, now: str) -> Json:
    status = "True" if true else "False"
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": now}


def _unchanged(condition: Json, before: Json | None) -> Json:
    """A condition whose status stays keeps the time at which it came to be."""
    if before and before["status"] == condition["status"]:
        return {**condition, "lastTransitionTime": before["lastTransitionTime"]}
    return condition


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
