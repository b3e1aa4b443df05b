"""The operator watch: a change in the cluster becomes signal-with-start, nothing more.

Level-triggered: the signal carries no state, the workflow looks for itself. Any number of replicas may watch at once,
since duplicates collapse on the workflow id.
"""

import asyncio
from collections.abc import Hashable
from functools import partial

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from k8s.attention import Sight, Versions, fingerprint, wants_run
from k8s.client import Json
from k8s.configs import ConfigRef, is_tracked
from k8s.informers import DELETED, Key, key_of
from k8s.resources import Resource
from k8s.scalers import copies
from k8s.scalers.registry import SCALERS
from k8s.targets.base import PRIMARY_SUFFIX
from worker.dependents import Dependents
from worker.settings import WorkerSettings
from worker.temporal import WORKFLOW, workflow_id
from worker.watches import Watches, configs_of, scaler_of, target_of
from workflows.observation import CanaryRef
from workflows.state import Request

log = structlog.get_logger(__name__)

SENDERS = 8
RESYNC_SECONDS = 300.0
"""How often canaries that are not at rest are signalled anyway, should their workflow have been terminated."""


class Operator:
    """Notes which canaries may want a run, and signals those that do."""

    def __init__(self, client: Client, watches: Watches, settings: WorkerSettings) -> None:
        self._client = client
        self._watches = watches
        self._settings = settings
        self._dirty: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._seen: dict[Key, Hashable] = {}
        self._by_target = Dependents[tuple[Resource, Key]]()
        self._by_config = Dependents[tuple[str, str, str]]()
        self._by_scaler = Dependents[tuple[str, str, str]]()
        watches.canaries.on_change(self._on_canary)
        watches.targets.on_change(self._on_target)
        for kind, informer in watches.configs.items():
            informer.on_change(partial(self._on_config, kind))
        for kind, informer in watches.scalers.items():
            informer.on_change(partial(self._on_scaler, kind))

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._watches.synced()
        for canary in self._watches.canaries:
            self._index(canary)
            self._mark(key_of(canary))
        log.info("operator_started", canaries=len(self._watches.canaries.list()))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resync())
            for _ in range(SENDERS):
                group.create_task(self._send())

    # -- what changed ---------------------------------------------------------------------------------------------

    def _on_canary(self, change: str, canary: Json) -> None:
        key = key_of(canary)
        if change == DELETED:
            self._seen.pop(key, None)
            for dependents in (self._by_target, self._by_config, self._by_scaler):
                dependents.forget(key)
            self._queue_end(key, canary)
            return
        self._index(canary)
        self._mark(key)

    def _queue_end(self, key: Key, canary: Json) -> None:
        """A running rollout of a deleted Canary must hear of it; one at rest has no run to end."""
        if (canary.get("status") or {}).get("phase") not in ("Succeeded", "Failed", "Initialized"):
            self._seen[key] = None
            self._mark(key)

    def _on_target(self, resource: Resource, _: str, target: Json) -> None:
        for key in self._by_target.of((resource, key_of(target))):
            canary = self._watches.canaries.get(*key)
            if canary:
                self._index(canary)
            self._mark(key)

    def _on_config(self, kind: str, _: str, obj: Json) -> None:
        for key in self._by_config.of((kind, *key_of(obj))):
            self._mark(key)

    def _on_scaler(self, kind: str, _: str, scaler: Json) -> None:
        for key in self._by_scaler.of((kind, *key_of(scaler))):
            self._mark(key)

    def _index(self, canary: Json) -> None:
        key, name, kind = key_of(canary), target_of(canary), self._watches.follow(canary)
        if kind is None:
            return
        for part in (name, kind.primary_name(name)):
            self._by_target.add((kind.resource, (key[0], part)), key)
        if (scaler := scaler_of(canary)) and scaler[0] in self._watches.scalers:
            for part in (scaler[1], f"{scaler[1]}{PRIMARY_SUFFIX}"):
                self._by_scaler.add((scaler[0], key[0], part), key)
        for ref in configs_of(kind, self._watches.targets.of(kind.resource).get(key[0], name)):
            self._by_config.add((ref.kind, key[0], ref.name), key)

    def _mark(self, key: Key) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self._dirty.put_nowait(key)

    # -- who is told ----------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            key = await self._dirty.get()
            self._queued.discard(key)
            try:
                await self._consider(key)
            except Exception:
                log.exception("canary_not_considered", namespace=key[0], canary=key[1])

    async def _consider(self, key: Key) -> None:
        canary = self._watches.canaries.get(*key)
        if canary is None:
            if key in self._seen:
                self._seen.pop(key)
                await self._tell_running(key)
            return
        sight = self._sight(canary)
        now = fingerprint(sight)
        if self._seen.get(key) == now:
            return
        self._seen[key] = now  # before the signal, so that the next change of the same canary is not taken for this one
        if reason := wants_run(sight):
            await self._signal(CanaryRef(namespace=key[0], name=key[1]), reason)

    def _sight(self, canary: Json) -> Sight:
        namespace, name = canary["metadata"]["namespace"], target_of(canary)
        kind = self._watches.follow(canary)
        if kind is None:
            return Sight(canary, None, None, None, {})
        seen = self._watches.targets.of(kind.resource)
        target, primary = seen.get(namespace, name), seen.get(namespace, kind.primary_name(name))
        versions = self._versions(namespace, configs_of(kind, target))
        return Sight(canary, kind, target, primary, versions, *self._scalers(canary))

    def _versions(self, namespace: str, refs: list[ConfigRef]) -> Versions:
        """ResourceVersions of the configs that the target refers to and that exist; none when tracking is off."""
        if not self._settings.enable_config_tracking:
            return {}
        found = {ref.id: self._watches.configs[ref.kind].get(namespace, ref.name) for ref in refs}
        return {id_: obj["metadata"]["resourceVersion"] for id_, obj in found.items() if obj and is_tracked(obj)}

    def _scalers(self, canary: Json) -> tuple[str | None, str | None]:
        """What a copy of the target's autoscaler would be made of, and what the primary's was."""
        kind, name = scaler_of(canary) or ("", "")
        if not (informer := self._watches.scalers.get(kind)):
            return None, None
        namespace = canary["metadata"]["namespace"]
        original = informer.get(namespace, name)
        copy = informer.get(namespace, f"{name}{PRIMARY_SUFFIX}")
        return copies.origin(SCALERS[kind], original) if original else None, copies.origin_of(copy)

    async def _signal(self, canary: CanaryRef, reason: str) -> None:
        """Signal-with-start, until Temporal takes it."""
        log.info("canary_changed", namespace=canary.namespace, canary=canary.name, reason=reason)
        request = Request(canary=canary, visibility=self._settings.temporal.search_attributes)
        async for attempt in until_taken(canary):
            with attempt:
                await self._client.start_workflow(
                    WORKFLOW,
                    request,
                    id=workflow_id(canary),
                    task_queue=self._settings.temporal.task_queue,
                    start_signal="changed",
                    start_signal_args=[reason],
                    static_summary=f"canary {canary}",
                )

    async def _tell_running(self, key: Key) -> None:
        """The Canary is gone: signal its run if there is one, start none."""
        canary = CanaryRef(namespace=key[0], name=key[1])
        handle = self._client.get_workflow_handle(workflow_id(canary))
        try:
            async for attempt in until_taken(canary, final=RPCStatusCode.NOT_FOUND):
                with attempt:
                    await handle.signal("changed", "the canary was deleted")
        except RPCError as error:
            log.info("no_run_to_end", namespace=key[0], canary=key[1], why=error.message)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            for canary in self._watches.canaries:
                key = key_of(canary)
                self._seen.pop(key, None)
                self._mark(key)


def until_taken(canary: CanaryRef, *, final: RPCStatusCode | None = None) -> AsyncRetrying:
    """Attempts, at most 10 s apart, for as long as Temporal refuses or is away; the `final` status is an answer."""

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("temporal_not_reached", namespace=canary.namespace, canary=canary.name, error=str(error))

    return AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, RPCError) and error.status is not final),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        before_sleep=tell,
        reraise=True,
    )
