"""A whole world: Kubernetes, Temporal and Prometheus, started together from one folder of data.

    async with World(folder, await ensure(progress)) as world:
        await world.kubectl("apply", "-f", "canary.yaml")

The same folder may be used again: what was in the cluster and in Temporal is there again, on new ports.
"""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import structlog

from playground.binaries import Binaries
from playground.components.apiserver import ApiServer
from playground.components.base import Component
from playground.components.controllers import ControllerManager, Scheduler
from playground.components.etcd import Etcd
from playground.components.kwok import Kwok
from playground.components.prometheus import Prometheus
from playground.components.temporal import Temporal
from playground.kubectl import kubectl
from playground.locks import exclusive
from playground.ports import LOOPBACK, free_ports
from playground.process import ProcessExited

NODE = "playground"
READY = "--timeout=60s"
log = structlog.get_logger(__name__)


class WorldInUse(Exception):
    """Another world runs from the same folder."""


class World:
    """Use as a context manager; every attribute below is good from the moment it is entered.

    Args:
        folder: where all data, secrets and logs go; made when it is not there.
        binaries: what `ensure` found.
        scrape: the URLs Prometheus scrapes from the start; change them with `world.prometheus.scrape`.
    """

    def __init__(self, folder: Path, binaries: Binaries, *, scrape: Sequence[str] = ()) -> None:
        self.folder = folder.absolute()
        self.binaries = binaries
        self.faults: list[ProcessExited] = []
        """Processes that ended although nobody asked them to, oldest first."""
        self._faulted = asyncio.Event()
        self._lock = AsyncExitStack()
        self.etcd = Etcd(binaries.etcd, self.folder, self.on_exit)
        self.apiserver = ApiServer(binaries.kube_apiserver, self.folder, self.on_exit)
        self.controller_manager = ControllerManager(binaries.kube_controller_manager, self.folder, self.on_exit)
        self.scheduler = Scheduler(binaries.kube_scheduler, self.folder, self.on_exit)
        self.kwok = Kwok(binaries.kwok, self.folder, self.on_exit)
        self.temporal = Temporal(binaries.temporal, self.folder, self.on_exit)
        self.prometheus = Prometheus(binaries.prometheus, self.folder, self.on_exit)
        self.prometheus.targets = tuple(scrape)

    # -- addresses ------------------------------------------------------------------------------------------------

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.apiserver.kubeconfig

    @property
    def api_url(self) -> str:
        """The address of the Kubernetes API."""
        return self.apiserver.url

    @property
    def audit_log(self) -> Path:
        """Every request the API server answered, one JSON object a line."""
        return self.apiserver.audit_log

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's frontend."""
        return self.temporal.address

    @property
    def temporal_ui(self) -> str:
        """The URL of Temporal's UI."""
        return self.temporal.ui_url

    @property
    def prometheus_url(self) -> str:
        """The URL of Prometheus."""
        return self.prometheus.url

    @property
    def addresses(self) -> dict[str, str]:
        """What differs from this process' environment for programs that are to work with this world."""
        unproxied = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), LOOPBACK, "localhost"]
        no_proxy = ",".join(host for host in unproxied if host)
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    @property
    def env(self) -> dict[str, str]:
        """A complete environment for programs that are to work with this world."""
        return dict(os.environ) | self.addresses

    # -- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start everything; when something does not start, the rest is ended again.

        Raises:
            ProcessFault: a process ended or does not serve; the text shows its last words.
            WorldInUse: another world runs from this folder.
            KubectlFailed: the API server refused what every world starts with.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            await self._lock.enter_async_context(exclusive(self.folder / "lock"))
        except BlockingIOError as error:
            raise WorldInUse(f"another playground runs from {self.folder}; end it, or choose another folder") from error
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything in good order."""
        await self._end()

    async def watch(self) -> NoReturn:
        """Wait until a process ends although nobody asked it to.

        Raises:
            ProcessExited: which one, and its last words.
        """
        await self._faulted.wait()
        raise self.faults[0]

    async def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints for these words; `manifest` goes to its standard input, for `-f -`.

        Raises:
            KubectlFailed: it failed.
        """
        return await kubectl(self.binaries.kubectl, words, environment=self.env, manifest=manifest)

    async def define(self, *folders: Path) -> None:
        """Apply resource definitions, and return when the API server knows their kinds.

        Raises:
            KubectlFailed: it refused one, or did not come to know them.
        """
        files = [word for folder in folders for word in ("-f", str(folder))]
        await self.kubectl("apply", "--server-side", "--force-conflicts", *files)
        await self.kubectl("wait", "--for=condition=Established", "customresourcedefinitions", "--all", READY)

    def on_exit(self, fault: ProcessExited) -> None:
        """Note that a process ended although nobody asked it to; `watch` raises it."""
        self.faults.append(fault)
        self._faulted.set()

    async def _start(self) -> None:
        self._wire()
        await _together(self._start_cluster, self.temporal.start, self.prometheus.start)
        log.info("world_started", folder=str(self.folder), api=self.api_url, temporal=self.temporal_address)

    async def _start_cluster(self) -> None:
        await self.etcd.start()
        await self.apiserver.start()
        await _together(
            self.controller_manager.start,
            self.scheduler.start,
            self.kwok.start,
            self._apply_node,
            partial(self.define, self.binaries.definitions["gateway-api"]),
        )
        await _together(
            lambda: self.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", READY),
            lambda: self.kubectl("wait", "--for=create", "serviceaccount/default", READY),
        )

    async def _apply_node(self) -> None:
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "type": "kwok"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        await self.kubectl("apply", "-f", "-", manifest=json.dumps(node))

    def _wire(self) -> None:
        """Choose ports, and tell the components of one another."""
        etcd, temporal = self.etcd, self.temporal
        ports = iter(free_ports(11))
        etcd.client_port, etcd.peer_port = next(ports), next(ports)
        self.apiserver.port, self.apiserver.etcd_url = next(ports), etcd.url
        for controller in (self.controller_manager, self.scheduler):
            controller.port, controller.api = next(ports), self.apiserver
        self.kwok.port, self.kwok.api, self.kwok.stages = next(ports), self.apiserver, self.binaries.kwok_stages
        temporal.port, temporal.ui_port = next(ports), next(ports)
        temporal.http_port, temporal.metrics_port = next(ports), next(ports)
        self.prometheus.port = next(ports)

    async def _end(self) -> None:
        try:
            await _stop(self.kwok, self.scheduler, self.controller_manager, self.temporal, self.prometheus)
            await _stop(self.apiserver)
            await _stop(self.etcd)
        finally:
            await self._lock.aclose()


async def _stop(*components: Component) -> None:
    await _together(*(component.stop for component in components))


async def _together(*calls: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run all at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(call())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
