"""A world runs, keeps its data, survives the loss of its parts, and ends whole."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from playground.binaries import Binaries
from playground.kubectl import KubectlFailed
from playground.process import ProcessExited
from playground.world import World, WorldInUse

pytestmark = pytest.mark.integration


@pytest.fixture
async def namespace(world: World) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid4().hex[:8]}"
    await world.kubectl("create", "namespace", name)
    yield name
    await world.kubectl("delete", "namespace", name, "--wait=false")


async def test_a_deployment_becomes_ready_without_containers(
    world: World, namespace: str, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Scheduled, played by kwok, and its Service gets endpoints."""
    await world.kubectl("-n", namespace, "create", "deployment", "web", "--image=web:1", "--replicas=2", "--port=80")
    await world.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    await world.kubectl("-n", namespace, "expose", "deployment", "web")
    await world.kubectl("-n", namespace, "wait", "--for=create", "endpointslice", "-l", "app=web", "--timeout=60s")

    async def serves_both() -> None:
        slices = json.loads(
            await world.kubectl("-n", namespace, "get", "endpointslices", "-l", "app=web", "-o", "json")
        )
        assert [len(item.get("endpoints") or []) for item in slices["items"]] == [2]

    await eventually(serves_both)


async def test_tokens_of_service_accounts_are_accepted(world: World) -> None:
    """The key that signs them is one the API server verifies with; RBAC holds for them."""
    token = (await world.kubectl("create", "token", "default")).strip()
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(verify=world.apiserver.tls(), trust_env=False, headers=headers, base_url=world.api_url)
    async with client:
        me = await client.post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        assert me.json()["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
        assert (await client.get("/api/v1/secrets")).status_code == 403


async def test_the_gateway_api_is_served(world: World) -> None:
    """Routes can be created from the first moment."""
    assert "httproutes" in await world.kubectl("api-resources", "--api-group=gateway.networking.k8s.io")


async def test_secrets_of_the_world_are_private(world: World) -> None:
    """The kubeconfig holds the administrator's token."""
    assert stat.S_IMODE(world.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.apiserver.pki.stat().st_mode) == 0o700


async def test_every_request_is_in_the_audit_log(world: World, namespace: str) -> None:
    """With verb and object, as soon as it was answered."""
    await world.kubectl("-n", namespace, "create", "configmap", "seen")
    events = [json.loads(line) for line in world.audit_log.read_text().splitlines()]
    seen = [e for e in events if e["verb"] == "create" and e.get("objectRef", {}).get("namespace") == namespace]
    assert "configmaps" in {event["objectRef"]["resource"] for event in seen}
    assert {event["level"] for event in seen} == {"Metadata"}


async def test_prometheus_scrapes_what_it_is_told_within_seconds(
    world: World, eventually: Callable[..., Awaitable[None]]
) -> None:
    """A target is added while it runs."""
    before = world.prometheus.targets
    await world.prometheus.scrape([*before, f"{world.prometheus_url}/metrics"])

    async def up() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{world.prometheus_url}/api/v1/query", params={"query": "up == 1"})
        assert len(answer.json()["data"]["result"]) == len(before) + 1

    await eventually(up)
    await world.prometheus.scrape(before)


async def test_temporal_serves_its_ui(world: World) -> None:
    """The page a person opens is there."""
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        assert "<html" in (await client.get(world.temporal_ui)).text


async def test_a_killed_api_server_comes_back_on_the_same_port(world: World, namespace: str) -> None:
    """With what it knew, and with its controllers at work again."""
    url = world.api_url
    await world.kubectl("-n", namespace, "create", "deployment", "web", "--image=web:1")
    await world.apiserver.kill()
    with pytest.raises(KubectlFailed, match="refused"):
        await world.kubectl("get", "namespaces")
    await world.apiserver.start()
    assert world.api_url == url
    await world.kubectl("-n", namespace, "scale", "deployment/web", "--replicas=2")
    await world.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    assert world.faults == []


@pytest.mark.parametrize("way", ["kill", "stop"])
async def test_temporal_keeps_its_workflows_over_a_crash_and_a_restart(world: World, way: str) -> None:
    """The SQLite file is the whole state."""
    client = await Client.connect(world.temporal_address)
    handle = await client.start_workflow("Waits", id=f"keeps-{way}", task_queue="nobody")
    await (world.temporal.kill() if way == "kill" else world.temporal.stop())
    await world.temporal.start()
    again = await (await Client.connect(world.temporal_address)).get_workflow_handle(handle.id).describe()
    assert (again.run_id, again.status) == (handle.first_execution_run_id, WorkflowExecutionStatus.RUNNING)


async def test_a_world_starts_again_from_its_data(binaries: Binaries, tmp_path: Path) -> None:
    """What was in the cluster and in Temporal is there again, and old tokens of service accounts still hold."""
    async with World(tmp_path / "data", binaries) as first:
        await first.kubectl("create", "deployment", "web", "--image=web:1")
        await first.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        token = (await first.kubectl("create", "token", "default")).strip()
        client = await Client.connect(first.temporal_address)
        await client.start_workflow("Waits", id="waits", task_queue="nobody")
        with pytest.raises(WorldInUse, match="another playground runs from"):
            await World(tmp_path / "data", binaries).__aenter__()
    async with World(tmp_path / "data", binaries) as second:
        await second.kubectl("scale", "deployment/web", "--replicas=3")
        await second.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
        await second.kubectl("--token", token, "auth", "whoami")
        waiting = (await Client.connect(second.temporal_address)).get_workflow_handle("waits")
        assert (await waiting.describe()).status is WorkflowExecutionStatus.RUNNING
        assert second.kwok.process.pid is not None
        os.kill(second.kwok.process.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            with pytest.raises(ProcessExited, match="kwok was ended by signal 9"):
                await second.watch()


async def test_a_world_that_cannot_start_names_the_culprit_and_leaves_nothing_behind(
    binaries: Binaries, tmp_path: Path
) -> None:
    """Everything that did start is ended."""
    broken = World(tmp_path / "data", replace(binaries, kube_apiserver=Path("/bin/false")))
    with pytest.raises(ProcessExited, match="kube-apiserver ended with exit code 1"):
        await broken.__aenter__()
    parts = (broken.etcd, broken.apiserver, broken.temporal, broken.prometheus)
    assert [part.process.pid for part in parts] == [None] * 4
