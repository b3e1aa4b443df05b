"""The process: what it says before it knows the cluster, and how it ends."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
import yaml
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from playground.ports import LOOPBACK, free_ports


async def started(kubeconfig: Path, port: int, metrics_port: int) -> Process:
    """The mesh as the playground starts it."""
    flags = ("--kubeconfig", str(kubeconfig), "--port", str(port), "--metrics-port", str(metrics_port))
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "playground.mesh", *flags, stderr=PIPE)


def a_kubeconfig(folder: Path, server: str) -> Path:
    """For a server, without credentials."""
    file = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {}}],
    }
    file.write_text(yaml.safe_dump(content))
    return file


async def answered(url: str, *, host: str) -> httpx.Response:
    """The first answer of a process that is starting."""
    async with httpx.AsyncClient(trust_env=False, headers={"host": host}) as client:
        away = retry_if_exception_type(httpx.TransportError)
        patience = AsyncRetrying(retry=away, wait=wait_fixed(0.1), stop=stop_after_delay(30), reraise=True)
        return await patience(client.get, url)


async def test_while_the_api_server_is_away_it_is_not_healthy_and_ends_when_asked(tmp_path: Path) -> None:
    """It answers 503 naming the watches that it lacks, refuses requests, and leaves with 0 on SIGTERM."""
    port, metrics_port, nobody = free_ports(3)
    process = await started(a_kubeconfig(tmp_path, f"http://{LOOPBACK}:{nobody}"), port, metrics_port)
    health = await answered(f"http://{LOOPBACK}:{metrics_port}/healthz", host="mesh")
    refused = await answered(f"http://{LOOPBACK}:{port}/", host="podinfo.test")
    assert health.status_code == 503
    assert "/api/v1/services" in health.text
    assert refused.status_code == 502
    process.terminate()
    _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"mesh_stopped" in said


async def test_without_kubeconfig_it_says_where_it_looked(tmp_path: Path) -> None:
    """And exits with 1."""
    port, metrics_port = free_ports(2)
    process = await started(tmp_path / "missing", port, metrics_port)
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert str(tmp_path / "missing") in said.decode()
    assert "Traceback" not in said.decode()
