"""`serinus demo --kubeconfig`: the story in a cluster that is not the demo's own.

The cluster is the stage's, without its worker; its mesh is reached by the proxy that is given, since pods that are
played have no address for the API server to reach.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground.stage import Stage

pytestmark = [pytest.mark.integration, pytest.mark.long]

SECONDS = 240


@pytest.fixture(scope="module")
async def cluster(stage: Stage) -> AsyncIterator[Stage]:
    """Nobody acts on Canaries there."""
    await stage.worker.stop()
    yield stage
    await stage.kubectl("delete", "namespace", "test", "--ignore-not-found", "--wait=false")
    await stage.worker.start()


async def demo(stage: Stage, data: Path, *words: str) -> tuple[int, str]:
    """Exit code, and everything that was printed."""
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("serinus"),
        *("demo", "--kubeconfig", str(stage.kubeconfig), "--data", str(data), "--exit", *words),
        *("--metrics-server", stage.world.prometheus_url, "--proxy", stage.proxy),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


async def test_a_namespace_of_somebody_else_is_not_touched(cluster: Stage, tmp_path: Path) -> None:
    """The demo fills only a namespace that it made, or that somebody gave it."""
    await cluster.kubectl("create", "namespace", "test")
    code, said = await demo(cluster, tmp_path)

    assert code == 1
    assert "namespace test is not the demo's" in said
    assert "delete namespace test" not in said
    assert await cluster.kubectl("-n", "test", "get", "deployments", "-o", "name") == ""
    await cluster.kubectl("label", "namespace", "test", "serinus.dev/demo=true")


@pytest.mark.parametrize(
    ("provider", "scenario", "end"),
    [
        ("gatewayapi", "promote", "Promotion completed! Scaling down podinfo.test"),
        ("linkerd", "rollback", "Canary failed! Scaling down podinfo.test"),
    ],
)
async def test_the_story_is_told_in_a_given_cluster(
    cluster: Stage, tmp_path: Path, provider: str, scenario: str, end: str
) -> None:
    """From bootstrap to its end; then what the demo made is removed, and a namespace that somebody gave stays."""
    namespace = await cluster.kubectl("create", "namespace", "test", "--dry-run=client", "-o", "yaml")
    await cluster.kubectl("apply", "-f", "-", manifest=namespace)
    await cluster.kubectl("label", "namespace", "test", "serinus.dev/demo=true", "--overwrite")
    told = ("--provider", provider, "--scenario", scenario, "--interval", "2", "--remove")
    code, said = await demo(cluster, tmp_path, *told)

    assert code == 0, said
    assert end in said
    assert "Everything went as told" in said
    assert "what the demo made in namespace test is removed" in said
    # The cluster collects what the Canary owned in its own time.
    await cluster.kubectl("-n", "test", "wait", "--for=delete", "deployment/podinfo-primary", "--timeout=60s")
    assert await cluster.kubectl("-n", "test", "get", "canaries,deployments", "-o", "name") == ""
    assert await cluster.kubectl("get", "namespace/test", "-o", "name") == "namespace/test\n"
