"""An idle canary costs nothing: the API server's audit log shows no request for it beyond the shared watches."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from k8s.client import FIELD_MANAGER, Json
from k8s.resources import CANARIES
from playground.stage import Stage
from tests.integration.scenario import (
    Eye,
    Scene,
    a_canary,
    a_scene,
    podinfo_of,
    renamed,
    temporal_of,
    unchecked,
)
from tests.measuring import Measured

pytestmark = pytest.mark.integration

SIBLINGS = 12
SINGLE, HERD = "idle-single", "idle-herd"
OBSERVED_SECONDS = 15
LONG_REQUESTS = {"watch"}


@pytest.fixture(scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """A canary, and a dozen idle ones in another namespace, all bootstrapped; no rollout runs anywhere."""
    async with AsyncExitStack() as stack:
        single = await stack.enter_async_context(a_canary(stage, SINGLE, unchecked(SINGLE)))
        many = await stack.enter_async_context(a_scene(stage, HERD))
        herd = await stack.enter_async_context(Eye(many.cluster, CANARIES, HERD))
        await many.apply(*herd_of(SIBLINGS))
        await herd.until(lambda: all_initialized(herd), f"{SIBLINGS} canaries initialized", seconds=90)
        await until_nothing_runs(stage, SINGLE, HERD)
        yield single


def herd_of(count: int) -> list[Json]:
    """So many applications with a Canary each."""
    objects = [*podinfo_of(HERD), unchecked(HERD)]
    return [obj for number in range(count) for obj in renamed(objects, f"podinfo-{number}")]


def all_initialized(herd: Eye) -> bool:
    """Whether every sibling is bootstrapped."""
    phases = [(canary.get("status") or {}).get("phase") for canary in herd.objects.list()]
    return phases == ["Initialized"] * SIBLINGS


async def until_nothing_runs(stage: Stage, *namespaces: str) -> None:
    """Await the end of every run of these canaries."""
    client = await temporal_of(stage)
    async with asyncio.timeout(60):
        async for run in client.list_workflows('ExecutionStatus = "Running"'):
            if run.id.startswith(tuple(f"canary/{namespace}/" for namespace in namespaces)):
                await client.get_workflow_handle(run.id, run_id=run.run_id).result()


class AuditLog:
    """The worker's requests from the moment it is made, save for those about other tests' canaries."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._start = log.stat().st_size

    def requests(self) -> list[dict[str, Any]]:
        """As the API server wrote them down; watches are left out."""
        with self._log.open("rb") as lines:
            lines.seek(self._start)
            entries = [json.loads(line) for line in lines]
        here = (None, SINGLE, HERD)
        ours = [entry for entry in entries if entry.get("userAgent") == FIELD_MANAGER]
        ours = [entry for entry in ours if entry.get("objectRef", {}).get("namespace") in here]
        return [entry for entry in ours if entry["verb"] not in LONG_REQUESTS]


def described(requests: list[dict[str, Any]]) -> Counter[str]:
    """Verb and URL to how often."""
    return Counter(f"{request['verb']} {request['requestURI']}" for request in requests)


async def test_idle_canaries_cost_no_request(scene: Scene, measured: Measured) -> None:
    """While nothing changes the worker asks the API server for nothing."""
    audit = AuditLog(scene.stage.world.audit_log)
    await asyncio.sleep(OBSERVED_SECONDS)  # that nothing happens can only be seen by looking for a while
    requests = described(audit.requests())
    measured(f"{SIBLINGS + 1} idle canaries over {OBSERVED_SECONDS} s: {requests.total()} requests besides the watches")
    assert requests == Counter()


async def test_a_rollout_costs_its_idle_siblings_nothing(scene: Scene, measured: Measured) -> None:
    """From a new revision to its promotion, each request is about that canary."""
    audit = AuditLog(scene.stage.world.audit_log)
    started = time.monotonic()
    await scene.release()
    assert await scene.until_over() == "Succeeded"
    requests = audit.requests()
    assert requests, "else the audit log told nothing of idle canaries either"
    elsewhere = [request for request in requests if request.get("objectRef", {}).get("namespace") != scene.namespace]
    assert described(elsewhere) == Counter()
    noticed = scene.watcher.when("New revision detected!") - started
    measured(f"a rollout of two steps: {len(requests)} requests; noticed {noticed:.2f} s after kubectl was called")
    steps = scene.watcher.when("Promotion completed") - scene.watcher.when("New revision")
    measured(f"a rollout of two steps of 1 s beside {SIBLINGS} idle canaries: {steps:.1f} s with the pods' start-up")


async def test_the_workers_watches_are_few(scene: Scene) -> None:
    """One watch a kind for all canaries together; workers that other tests start may watch less, or other kinds."""
    watches = set()
    for line in scene.stage.world.audit_log.read_text().splitlines():
        entry = json.loads(line)
        if entry.get("userAgent") == FIELD_MANAGER and entry["verb"] == "watch":
            watches.add(entry["requestURI"].partition("?")[0])
    assert not [watch for watch in watches if f"/namespaces/{scene.namespace}" in watch]
    assert watches >= {
        "/apis/flagger.app/v1beta1/canaries",
        "/apis/apps/v1/deployments",
        "/api/v1/configmaps",
        "/api/v1/secrets",
    }
