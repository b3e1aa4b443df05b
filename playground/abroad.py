"""A stage on somebody's real cluster: Temporal and the worker run here, everything else there.

    async with Abroad(folder, programs, kubeconfig=path) as stage:
        await stage.apply_guide()

Nothing outside of the demo's namespace is touched but the three definitions of Serinus' API.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import httpx

from playground.binaries import Programs
from playground.components.temporal import Temporal
from playground.kubectl import KubectlFailed, kubectl
from playground.locks import exclusive
from playground.mesh.serving import serving
from playground.plots import GUIDE, Plot, manifest
from playground.ports import LOOPBACK, free_ports
from playground.probes import answers
from playground.process import Process, ProcessExited
from playground.reach import Reach
from playground.stage import PROVIDER, ROOT, Actor
from playground.world import WorldInUse

NAMESPACE = "test"
MARK = "serinus.dev/demo"
"""Label of a namespace that the demo may fill: `true` where a person gave it, `made` where the demo made it."""
GIVEN, MADE = "true", "made"
FILLED = ("deployment/podinfo", "hpa/podinfo", "service/podinfo", "deployment/flagger-loadtester")
"""Of the demo, beside its Canary and the load tester's Service."""
LEFT_BEHIND = f"""in the cluster stay the definitions of the Canary API, and namespace {NAMESPACE}; `--remove` removes
what is in it. By hand, since nobody is left to end the Canary:
  kubectl -n {NAMESPACE} patch canary podinfo --type merge -p '{{"metadata":{{"finalizers":null}}}}'
  kubectl delete namespace {NAMESPACE}"""
LOAD_TESTER = "ghcr.io/fluxcd/flagger-loadtester:0.37.0"
LINKERD_PROMETHEUS = "http://prometheus.linkerd-viz:9090"
PATIENCE = "--request-timeout=10s"


class UnfitCluster(Exception):
    """The demo cannot run in this cluster; the text says what to do."""


class Abroad:
    """Use as a context manager; everything serves from the moment it is entered.

    Args:
        folder: of Temporal's data and of the logs.
        programs: what `ensure_programs` found.
        kubeconfig: the file; None: where KUBECONFIG points.
        context: of the kubeconfig; empty: its current one.
        metrics_server: the URL of the Prometheus that scrapes the mesh, as seen from the cluster or from here.
        proxy: an HTTP proxy that reaches the cluster's Services; empty: the API server's own.
    """

    def __init__(
        self,
        folder: Path,
        programs: Programs,
        *,
        kubeconfig: Path | None = None,
        context: str = "",
        metrics_server: str = LINKERD_PROMETHEUS,
        proxy: str = "",
    ) -> None:
        self.folder = folder.absolute()
        self._faults: list[ProcessExited] = []
        self._faulted = asyncio.Event()
        self._binaries, self._given, self._context = programs, kubeconfig, context
        self._metrics_server = metrics_server
        self.temporal = Temporal(programs.temporal, self.folder, self.on_exit)
        self._health_port, self._api_port, self._reach_port, *ports = free_ports(7)
        self.temporal.port, self.temporal.ui_port, self.temporal.http_port, self.temporal.metrics_port = ports
        self._reaches_by_itself = not proxy
        self.proxy = proxy or f"http://{LOOPBACK}:{self._reach_port}"
        """Give it to any program as `http_proxy`, and `http://podinfo.test:9898/` works."""
        self.worker = Actor("worker", ["worker", "worker"], f"http://{LOOPBACK}:{self._health_port}/readyz", self)
        self._running = AsyncExitStack()

    @property
    def kubeconfig(self) -> Path:
        """A file with the chosen context alone."""
        return self.folder / "kubeconfig"

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's frontend."""
        return self.temporal.address

    @property
    def temporal_ui(self) -> str:
        """The URL of Temporal's UI."""
        return self.temporal.ui_url

    @property
    def programs(self) -> Path:
        """A folder for PATH with serinus and its kubectl plugin."""
        return Path(sys.executable).parent

    @property
    def env(self) -> dict[str, str]:
        """A complete environment for the worker."""
        given = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), LOOPBACK, "localhost"]
        no_proxy = ",".join(host for host in given if host)
        return dict(os.environ) | {
            "KUBECONFIG": str(self.kubeconfig),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "http_proxy": self.proxy,
            "HTTP_PROXY": self.proxy,
            "SERINUS_NAMESPACE": NAMESPACE,
            "SERINUS_MESH_PROVIDER": PROVIDER,
            "SERINUS_METRICS_SERVER": self._metrics_server,
            "SERINUS_MINIMUM_INTERVAL_SECONDS": "1",
            "SERINUS_HOST": LOOPBACK,
            "SERINUS_PORT": str(self._health_port),
            "SERINUS_LOG_FORMAT": "json",
        }

    async def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints for these words; raises KubectlFailed."""
        return await kubectl(self._binaries.kubectl, words, environment=self.env, manifest=manifest)

    async def watch(self) -> NoReturn:
        """Wait until a process ends although nobody asked it to; raises ProcessExited."""
        await self._faulted.wait()
        raise self._faults[0]

    def on_exit(self, fault: ProcessExited) -> None:
        """Note that a process ended although nobody asked it to; `watch` raises it."""
        self._faults.append(fault)
        self._faulted.set()

    # -- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Look whether the cluster is fit, then start; on a failure nothing is left running.

        Raises:
            UnfitCluster: it does not answer, lacks the Gateway API, or has something in the demo's way.
            ProcessFault: a process does not serve.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with AsyncExitStack() as starting:
            try:
                await starting.enter_async_context(exclusive(self.folder / "lock"))
            except BlockingIOError as error:
                raise WorldInUse(f"another demo runs from {self.folder}; end it, or choose another folder") from error
            await self._choose_context()
            await self._check()
            definitions = str(ROOT / "deploy" / "crds")
            await self.kubectl("apply", "--server-side", "--force-conflicts", "-f", definitions)
            await self.kubectl("wait", "--for=condition=Established", "-f", definitions, "--timeout=60s")
            if self._reaches_by_itself:
                await self._reach(starting)
            starting.push_async_callback(self.temporal.stop)
            await self.temporal.start()
            starting.push_async_callback(self.worker.stop)
            await self.worker.start()
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what runs here; what is in the cluster stays."""
        await self._running.aclose()

    async def _choose_context(self) -> None:
        """Copy it, so that nothing here depends on which one is current later."""
        if self._given and not self._given.expanduser().is_file():
            raise UnfitCluster(f"--kubeconfig {self._given}: there is no such file")
        words = ["config", "view", "--minify", "--flatten", "--raw", "-o", "json"]
        words += ["--context", self._context] if self._context else []
        given = {"KUBECONFIG": str(self._given.expanduser())} if self._given else {}
        try:
            text = await kubectl(self._binaries.kubectl, words, environment=dict(os.environ) | given)
        except KubectlFailed as error:
            raise UnfitCluster(f"no cluster to go to: {error}; name a file with --kubeconfig") from error
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(text)

    async def _check(self) -> None:
        try:
            await self.kubectl("get", "--raw", "/readyz", PATIENCE)
        except KubectlFailed as error:
            raise UnfitCluster(f"the cluster does not answer: {error}") from error
        if not await self._finds("customresourcedefinition/httproutes.gateway.networking.k8s.io"):
            raise UnfitCluster(
                "the cluster has no HTTPRoutes: install the Gateway API (https://gateway-api.sigs.k8s.io), "
                "or a mesh that brings it"
            )
        if flaggers := await self._finds("deployments", "-A", "-l", "app.kubernetes.io/name=flagger"):
            raise UnfitCluster(f"Flagger runs in this cluster and would act on the same Canary: stop it: {flaggers}")
        if await self._finds(f"namespace/{NAMESPACE}") and not await self._marked(GIVEN, MADE):
            raise UnfitCluster(
                f"namespace {NAMESPACE} is not the demo's: delete it, or say that the demo may fill it: "
                f"kubectl label namespace {NAMESPACE} {MARK}={GIVEN}"
            )

    async def _marked(self, *values: str) -> bool:
        """Whether the namespace bears the demo's label with one of these values."""
        label, name = f"{MARK} in ({','.join(values)})", f"metadata.name={NAMESPACE}"
        return bool(await self._finds("namespaces", "-l", label, "--field-selector", name))

    async def _finds(self, *what: str) -> str:
        """Names of objects; empty when there are none."""
        return (await self.kubectl("get", *what, "-o", "name", "--ignore-not-found", PATIENCE)).strip()

    async def _reach(self, starting: AsyncExitStack) -> None:
        """`kubectl proxy` brings the credentials, and ours brings the names."""
        process = Process("kubectl-proxy", self.folder / "logs" / "kubectl-proxy.log", on_exit=self.on_exit)
        starting.push_async_callback(process.stop)
        await process.start(
            [self._binaries.kubectl, "--kubeconfig", self.kubeconfig, "proxy", "--port", str(self._api_port)]
        )
        api = f"http://{LOOPBACK}:{self._api_port}"
        await process.ready(lambda: answers(f"{api}/readyz"), timeout_seconds=30)
        client = await starting.enter_async_context(httpx.AsyncClient(trust_env=False))
        await starting.enter_async_context(serving(Reach(client, api), self._reach_port))

    # -- the guide ------------------------------------------------------------------------------------------------

    async def apply_guide(self, *, interval: str = "", plot: Plot = GUIDE) -> None:
        """The guide's namespace, application, load tester and Canary; an application that is there keeps its image."""
        mark = GIVEN if await self._marked(GIVEN) else MADE
        labels, annotations = {MARK: mark}, {"linkerd.io/inject": "enabled"}
        metadata = {"name": NAMESPACE, "labels": labels, "annotations": annotations}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        await self.kubectl("apply", "-f", "-", manifest=json.dumps(namespace))
        there = await self.kubectl("-n", NAMESPACE, "get", "deployments", "-o", "name")
        for name in plot.lacking(there):
            await self.kubectl("apply", "-f", "-", manifest=manifest(name).replace(PLAYED, LOAD_TESTER))
        await self.kubectl("apply", "-f", "-", manifest=plot.manifest(NAMESPACE, interval))

    async def remove(self) -> str:
        """Delete what `apply_guide` made, while the worker still runs to end the Canary; what was done, in words."""
        await self.kubectl("-n", NAMESPACE, "delete", "canary/podinfo", "--ignore-not-found", "--timeout=120s")
        if await self._marked(MADE):
            await self.kubectl("delete", f"namespace/{NAMESPACE}", "--timeout=180s")
            return f"namespace {NAMESPACE} is removed; the definitions of the Canary API stay"
        await self.kubectl(
            "-n", NAMESPACE, "delete", *FILLED, "service/flagger-loadtester", "--ignore-not-found", "--timeout=180s"
        )
        return f"what the demo made in namespace {NAMESPACE} is removed; it and the definitions of the Canary API stay"


PLAYED = "serinus/loadtester:playground"
"""The image by which the playground's mesh knows the load tester."""
