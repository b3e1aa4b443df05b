"""`python -m playground.mesh`: run the pocket mesh until SIGTERM."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx
import structlog
import typer
from starlette.types import ASGIApp

from k8s.client import Cluster
from k8s.errors import ClusterError
from k8s.informers import Informer
from k8s.resources import (
    HTTP_ROUTES_V1,
    INGRESSES,
    PODS,
    SERVICES,
    TRAFFIC_SPLITS_V1ALPHA1,
    TRAFFIC_SPLITS_V1ALPHA2,
    TRAFFIC_SPLITS_V1ALPHA3,
)
from playground.mesh.acceptance import Acceptance
from playground.mesh.admin import admin
from playground.mesh.directory import Directory
from playground.mesh.forwarding import ABSENT, Forwarder
from playground.mesh.podinfo import Podinfo
from playground.mesh.pods import Pod
from playground.mesh.proxy import Mesh
from playground.mesh.serving import PortTaken, serving
from playground.mesh.telemetry import Telemetry

log = structlog.get_logger(__name__)

PROBE_SECONDS = 5.0
LOAD_TESTER = "loadtester"
USER_AGENT = "serinus-mesh"
IDLE = httpx.Limits(keepalive_expiry=1)
"""Of a connection to a server such as the load tester, which closes it after five seconds: it must not do so first."""
SPLITS = (TRAFFIC_SPLITS_V1ALPHA1, TRAFFIC_SPLITS_V1ALPHA2, TRAFFIC_SPLITS_V1ALPHA3)


def main(
    port: Annotated[int, typer.Option(help="Port of the HTTP proxy, on loopback.")],
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics and /healthz, on loopback.")],
    kubeconfig: Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG or ~/.kube/config.")] = None,
    loadtester: Annotated[str, typer.Option(help="URL of the real load tester.")] = "",
) -> None:
    """Run the pocket mesh until SIGTERM or Ctrl-C; /healthz turns 200 once it knows the cluster.

    Exit codes: 0 asked to end, 1 it cannot run (the message says why).
    """
    _configure_logs()
    try:
        asyncio.run(run(port, metrics_port, kubeconfig, loadtester))
    except (ClusterError, PortTaken) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


async def run(port: int, metrics_port: int, kubeconfig: Path | None, loadtester: str) -> None:
    """Watch the cluster and serve both ports until a signal comes.

    Raises:
        ClusterError: there is no usable kubeconfig.
        PortTaken: a port cannot be bound.
    """
    stop = _stop_on_signals()
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Cluster.connect(kubeconfig, user_agent=USER_AGENT))
        watches = services, pods, routes, ingresses, *splits = [
            Informer(cluster, resource.path()) for resource in (SERVICES, PODS, HTTP_ROUTES_V1, INGRESSES, *SPLITS)
        ]
        directory, telemetry = Directory(services, pods, routes, splits, ingresses), Telemetry()
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, limits=IDLE))
        mesh = Mesh(directory, telemetry, Applications(Forwarder(client, loadtester) if loadtester else ABSENT))
        stack.push_async_callback(mesh.aclose)
        inside = admin(directory, telemetry, lambda: [watch.path for watch in watches if not watch.is_synced])
        await stack.enter_async_context(serving(inside, metrics_port))
        for watch in watches:
            await stack.enter_async_context(watch)
        await stack.enter_async_context(Acceptance(cluster, directory, services, routes))
        await stack.enter_async_context(serving(mesh, port))
        await stack.enter_async_context(_probing(watches, telemetry, directory))
        await stop.wait()
    log.info("mesh_stopped")


class Applications:
    """Tells by a pod's image what runs in it."""

    def __init__(self, load_tester: ASGIApp) -> None:
        self._load_tester = load_tester

    def __call__(self, pod: Pod) -> ASGIApp:
        """The load tester where the image's name says so, podinfo everywhere else."""
        return self._load_tester if LOAD_TESTER in pod.image else Podinfo(pod)


@asynccontextmanager
async def _probing(watches: list[Informer], telemetry: Telemetry, directory: Directory) -> AsyncIterator[None]:
    """Say when everything is known, and play the kubelet that probes every pod from then on."""

    async def probe() -> None:
        for watch in watches:
            await watch.synced()
        log.info("mesh_ready")
        while True:
            telemetry.probed(directory.pods)
            await asyncio.sleep(PROBE_SECONDS)

    task = asyncio.create_task(probe(), name="probes")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _configure_logs() -> None:
    """Readable on a terminal, JSON lines otherwise; the libraries' warnings too."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    shown = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            shown,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    typer.run(main)
