"""A world with Serinus in it: the worker, the load tester and the pocket mesh, each a process of its own.

    async with Stage(folder, await ensure(progress)) as stage:
        await stage.world.kubectl("apply", "-f", "canary.yaml")

The demo and the integration tests stand on the same stage.
"""

import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Protocol, Self

from playground.binaries import Binaries
from playground.credentials import write_kubeconfig
from playground.plots import GUIDE, Plot, manifest
from playground.ports import LOOPBACK, free_ports
from playground.probes import answers
from playground.process import Process, ProcessExited
from playground.world import World

ROOT = Path(__file__).parents[1]
INSTALLED = ROOT / "deploy" / "kustomize" / "base"
INSTALLED_IN, SERVICE_ACCOUNT = "serinus-system", "serinus"
TOKEN_HOURS = 10_000
"""More than a year: a demo may stay up for long."""
READY_SECONDS = 60.0
GRACE_SECONDS = 15.0
PROVIDER = "gatewayapi:v1beta1"
"""What the guide installs with."""


class Ground(Protocol):
    """Where our own processes run."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """A complete environment for them."""
        ...

    def on_exit(self, fault: ProcessExited) -> None:
        """One ended although nobody asked it to."""
        ...


class Actor:
    """One of our own processes: a Python module, with where to ask whether it serves.

    Args:
        name: of its log file.
        words: after `python -m`.
        health: the URL that answers 200 once it serves.
        stage: where it runs.
        settings: what differs for it from the stage's environment.
    """

    def __init__(
        self, name: str, words: list[str], health: str, stage: Ground, *, settings: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._settings = settings or {}
        self._command: list[str | Path] = [Path(sys.executable), "-m", *words]
        self._health = health
        self._stage = stage
        self.process: Process | None = None

    async def start(self) -> None:
        """Start it and return when it serves; raises ProcessFault when it does not."""
        self.process = Process(
            self.name,
            self._stage.folder / "logs" / f"{self.name}.log",
            environment=self._stage.env | self._settings,
            grace_seconds=GRACE_SECONDS,
            on_exit=self._stage.on_exit,
        )
        await self.process.start(self._command)
        await self.process.ready(partial(answers, self._health), timeout_seconds=READY_SECONDS)

    async def stop(self) -> None:
        """End it in good order."""
        if self.process:
            await self.process.stop()

    async def kill(self) -> None:
        """End it as a crash would; `start` brings it back."""
        if self.process:
            await self.process.kill()


class Stage:
    """Use as a context manager; everything serves from the moment it is entered.

    Args:
        folder: of the world's data.
        binaries: what `ensure` found.
        minimum_interval_seconds: how short an analysis interval may be here.
    """

    def __init__(self, folder: Path, binaries: Binaries, *, minimum_interval_seconds: float = 1.0) -> None:
        self.world = World(folder, binaries)
        self.folder = self.world.folder
        self._minimum_interval_seconds = minimum_interval_seconds
        mesh, mesh_metrics, loadtester, health = free_ports(4)
        self.proxy = f"http://{LOOPBACK}:{mesh}"
        """Give it to any program as `http_proxy`, and `http://podinfo.test/` works."""
        self.mesh_metrics = f"http://{LOOPBACK}:{mesh_metrics}/metrics"
        self.worker_metrics = f"http://{LOOPBACK}:{health}/metrics"
        self.worker_health = f"http://{LOOPBACK}:{health}/readyz"
        self._worker_port, self._binaries = health, binaries
        tester = self.loadtester_url = f"http://{LOOPBACK}:{loadtester}"
        self.mesh = Actor(
            "mesh",
            ["playground.mesh", "--port", str(mesh), "--metrics-port", str(mesh_metrics), "--loadtester", tester],
            f"http://{LOOPBACK}:{mesh_metrics}/healthz",
            self,
        )
        self.loadtester = Actor("loadtester", ["loadtester", "--port", str(loadtester)], f"{tester}/healthz", self)
        self.worker = Actor(
            "worker",
            ["worker", "worker"],
            self.worker_health,
            self,
            settings={"KUBECONFIG": str(self.worker_kubeconfig)},
        )
        self._running = AsyncExitStack()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.world.kubeconfig

    @property
    def worker_kubeconfig(self) -> Path:
        """Of the ServiceAccount that the worker has in a cluster."""
        return self._kubeconfig(SERVICE_ACCOUNT)

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's frontend."""
        return self.world.temporal_address

    @property
    def temporal_ui(self) -> str:
        """The URL of Temporal's UI."""
        return self.world.temporal_ui

    async def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints for these words; raises KubectlFailed."""
        return await self.world.kubectl(*words, manifest=manifest)

    async def watch(self) -> NoReturn:
        """Wait until a process ends although nobody asked it to; raises ProcessExited."""
        await self.world.watch()

    @property
    def programs(self) -> Path:
        """A folder for PATH: hey, kubectl, temporal, and serinus with its kubectl plugin."""
        return self.world.folder / "bin"

    @property
    def env(self) -> dict[str, str]:
        """A complete environment for programs on this stage, ours included."""
        proxies = {"http_proxy": self.proxy, "HTTP_PROXY": self.proxy}
        return self.world.env | proxies | self._settings()

    def _settings(self) -> dict[str, str]:
        return {
            "SERINUS_MESH_PROVIDER": PROVIDER,
            "SERINUS_METRICS_SERVER": self.world.prometheus_url,
            "SERINUS_MINIMUM_INTERVAL_SECONDS": str(self._minimum_interval_seconds),
            "SERINUS_HOST": LOOPBACK,
            "SERINUS_PORT": str(self._worker_port),
            "SERINUS_LOG_FORMAT": "json",
            "LOADTESTER_LOG_FORMAT": "json",
            "LOADTESTER_EXTRA_PATH": str(self.programs),
            "LOADTESTER_GATES_FILE": str(self.world.folder / "gates.json"),
        }

    async def __aenter__(self) -> Self:
        """Start the world, our definitions in it, and our processes; on a failure nothing is left running."""
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self.world)
            self._lay_out_programs()
            await self.world.define(ROOT / "deploy" / "crds")
            await self._admit_worker()
            for actor in (self.mesh, self.loadtester, self.worker):
                starting.push_async_callback(actor.stop)
                await actor.start()
            await self.world.prometheus.scrape([self.mesh_metrics])
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End everything in good order."""
        await self._running.aclose()

    async def _admit_worker(self) -> None:
        """The worker may here what it may in a cluster where it is installed, and no more."""
        files = [INSTALLED / f"{name}.yaml" for name in ("namespace", "serviceaccount", "rbac")]
        await self.world.kubectl("apply", *(word for file in files for word in ("-f", str(file))))
        await self.kubeconfig_of(SERVICE_ACCOUNT)

    async def kubeconfig_of(self, account: str) -> Path:
        """A kubeconfig with a token of a ServiceAccount in the namespace of the installation."""
        words = ("-n", INSTALLED_IN, "create", "token", account, f"--duration={TOKEN_HOURS}h")
        token, api = (await self.world.kubectl(*words)).strip(), self.world.apiserver
        path = self._kubeconfig(account)
        write_kubeconfig(path, api.url, api.certificate, token)
        return path

    def _kubeconfig(self, account: str) -> Path:
        return self.folder / f"{account}-kubeconfig"

    def _lay_out_programs(self) -> None:
        """Links to what people call here; `hey` goes through the proxy only when it is told to by a flag."""
        self.programs.mkdir(exist_ok=True)
        ours = Path(sys.executable).parent
        links = {"kubectl": self._binaries.kubectl, "temporal": self._binaries.temporal}
        links |= {name: ours / name for name in ("serinus", "kubectl-canary")}
        for name, program in links.items():
            (self.programs / name).unlink(missing_ok=True)
            (self.programs / name).symlink_to(program)
        hey = self.programs / "hey"
        hey.write_text(f'#!/bin/sh\nexec "{self._binaries.hey}" ${{http_proxy:+-x "$http_proxy"}} "$@"\n')
        hey.chmod(0o755)

    def on_exit(self, fault: ProcessExited) -> None:
        """One of ours ended although nobody asked it to."""
        self.world.on_exit(fault)

    async def apply_guide(self, namespace: str = "test", *, interval: str = "", plot: Plot = GUIDE) -> None:
        """The guide's namespace, application, load tester and Canary; `interval` replaces the Canary's own.

        An application that is there already keeps its image: applying the guide's would be a new release of it.
        """
        create = await self.world.kubectl("create", "namespace", namespace, "--dry-run=client", "-o", "yaml")
        await self.world.kubectl("apply", "-f", "-", manifest=create)
        there = await self.world.kubectl("-n", namespace, "get", "deployments", "-o", "name")
        for name in plot.lacking(there):
            await self.world.kubectl("apply", "-f", "-", manifest=manifest(name, namespace))
        await self.world.kubectl("apply", "-f", "-", manifest=plot.manifest(namespace, interval))
