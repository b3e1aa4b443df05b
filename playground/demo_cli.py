"""`serinus demo`: the guide's story, live on this machine."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.markup import escape

from playground import story
from playground.abroad import LEFT_BEHIND, LINKERD_PROMETHEUS, NAMESPACE, Abroad, UnfitCluster
from playground.binaries import ProgramMissing, Programs, ensure, ensure_programs
from playground.building import BuildFailed
from playground.folders import Folders
from playground.golang import GoMissing
from playground.interrupts import run_interruptibly
from playground.kubectl import KubectlFailed
from playground.mesh.serving import PortTaken
from playground.plots import PLOTS, Plot, Provider
from playground.process import ProcessFault
from playground.progress import ConsoleProgress
from playground.recipes import UnsupportedMachine
from playground.stage import Stage
from playground.story import END_SECONDS, FAULT, NAME, Storyteller, StoryWentWrong
from playground.watcher import CanaryWatcher, GaveUp, Seen
from playground.world import WorldInUse
from worker.steer import NotFollowed

CANNOT_RUN = (
    *(BuildFailed, GoMissing, ProgramMissing, UnsupportedMachine, ProcessFault, WorldInUse, KubectlFailed),
    *(UnfitCluster, PortTaken),
)
WENT_WRONG = (StoryWentWrong, GaveUp, NotFollowed)
GUIDE_INTERVAL_SECONDS, SHORT_INTERVAL_SECONDS = 30, 3
REAL_PODS_SECONDS, STEPS_AT_MOST = 300, 25
"""What a rollout may take in a real cluster: images are pulled, and a faulty step takes five intervals."""


class Scenario(StrEnum):
    """One of the stories."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    MANUAL = "manual"


STORIES = {Scenario.PROMOTE: story.promote, Scenario.ROLLBACK: story.rollback, Scenario.MANUAL: story.manual}
TITLES = {
    Scenario.PROMOTE: "A good release is promoted",
    Scenario.ROLLBACK: "A release that starts failing is rolled back",
    Scenario.MANUAL: "A release is steered by hand",
}


def demo(  # noqa: PLR0917 - typer makes options of them
    provider: Annotated[
        Provider, typer.Option(help="Who divides the traffic; nginx tells the guide's A/B testing.")
    ] = Provider.GATEWAYAPI,
    scenario: Annotated[
        list[Scenario] | None, typer.Option(help="Tell only this story; may be given more than once.")
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when told, instead of staying up for you.")] = False,
    interval: Annotated[
        int | None, typer.Option(min=1, help="Analysis interval, seconds: 3, or the guide's 30 on a cluster.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data; the next demo goes on from it.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Use this cluster and its mesh instead.")] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="Use the cluster that KUBECONFIG points to.")] = False,
    context: Annotated[str, typer.Option(help="Context of the kubeconfig; its current one when left out.")] = "",
    metrics_server: Annotated[
        str, typer.Option(help="Prometheus of the cluster's mesh, as the cluster or this machine calls it.")
    ] = LINKERD_PROMETHEUS,
    proxy: Annotated[
        str, typer.Option(help="HTTP proxy that reaches the cluster's Services; the API server's when left out.")
    ] = "",
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove at the end what was made in the cluster's namespace test.")
    ] = False,
) -> None:
    """Start Kubernetes, Temporal and Prometheus on this machine and tell a canary's story in them.

    Needs neither root, nor Docker, nor a cluster. The first start builds the servers (some 15 minutes, once).

    With --kubeconfig, or --cluster, the story is told in a real cluster with a real mesh: only Temporal and Serinus
    run here. Nothing but namespace test and the three definitions of the Canary API is touched there.

    Examples: `serinus demo` · `serinus demo --provider nginx` · `serinus demo --scenario rollback --exit` ·
    `serinus demo --kubeconfig ~/.kube/config` ·
    `KUBECONFIG=./lab serinus demo --cluster --context lab --metrics-server http://127.0.0.1:9090 --exit --remove`

    Exit codes: 0 everything went as told, 1 it did not (the message says where), 2 wrong usage, 130 interrupted
    before the end.
    """
    if not (kubeconfig or cluster):
        _refuse_strays({"--context": context, "--proxy": proxy, "--remove": remove})
    elif provider is Provider.NGINX:
        raise typer.BadParameter("--provider nginx is told on this machine alone: leave --kubeconfig and --cluster out")
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    scenarios, plot = scenario or [Scenario.PROMOTE, Scenario.ROLLBACK], PLOTS[provider]
    try:
        if kubeconfig or cluster:
            folder = data or Folders().data / "demo-cluster"
            abroad = partial(
                Abroad, folder, kubeconfig=kubeconfig, context=context, metrics_server=metrics_server, proxy=proxy
            )
            seconds = interval or GUIDE_INTERVAL_SECONDS
            patience = REAL_PODS_SECONDS + STEPS_AT_MOST * seconds
            run_interruptibly(
                _DemoAbroad(console, plot, abroad, scenarios, interval=seconds, patience=patience).run(
                    leave=leave, remove=remove
                )
            )
        else:
            folder = data or Folders().data / f"demo-{provider}"
            seconds = interval or SHORT_INTERVAL_SECONDS
            run_interruptibly(_Demo(console, plot, folder, scenarios, seconds).run(leave=leave))
    except (*CANNOT_RUN, *WENT_WRONG) as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("\nAll ended; the data is kept for the next time.")
        raise typer.Exit(130) from None


def _refuse_strays(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value:
            raise typer.BadParameter(f"{name} is for a cluster of yours: add --kubeconfig PATH, or --cluster")


class _Teller:
    """Tells the story in some place, and prints it."""

    def __init__(self, console: Console, plot: Plot, scenarios: list[Scenario], interval: int, patience: float) -> None:
        self._console, self._plot = console, plot
        self._scenarios = scenarios
        self._interval, self._patience = interval, patience
        self._began = time.monotonic()

    async def _tell_all(self, stage: Stage | Abroad) -> None:
        self._say(f"all serve; Temporal UI: {stage.temporal_ui}")
        self._title("The guide's podinfo")
        guides = self._plot.interval_seconds
        said = "the guide's" if self._interval == guides else f"to save your time: the guide's is {guides}s"
        self._say(f"its Canary, with interval {self._interval}s, {said}")
        await stage.apply_guide(interval=f"{self._interval}s", plot=self._plot)
        async with CanaryWatcher(stage.kubeconfig, NAMESPACE, NAME, self._tell) as watcher:
            teller = Storyteller(stage, watcher, self._command, self._plot, self._interval, self._patience)
            await story.bootstrap(teller)
            for scenario in self._scenarios:
                self._title(TITLES[scenario])
                await STORIES[scenario](teller)
        self._console.print(f"\n[green]Everything went as told[/] in {time.monotonic() - self._began:.0f} s.")

    async def _stay(self, stage: Stage | Abroad) -> None:
        with suppress(asyncio.CancelledError):  # Ctrl-C is how this ends
            await stage.watch()

    # -- what is printed ------------------------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]")

    def _say(self, text: str) -> None:
        self._console.print(f"{self._clock()} {escape(text)}", soft_wrap=True)

    def _command(self, text: str) -> None:
        self._console.print(f"{self._clock()} [cyan]{escape(text)}[/]", soft_wrap=True)

    def _tell(self, seen: Seen) -> None:
        color = "yellow" if seen.warning else "default"
        self._console.print(f"{self._clock()}   [{color}]{escape(seen.text)}[/]", soft_wrap=True)

    def _clock(self) -> str:
        return f"[dim]{time.monotonic() - self._began:6.1f}s[/]"

    def _invite(self, stage: Stage | Abroad) -> None:
        self._console.print(
            f"""
It stays up until Ctrl-C. Temporal UI: [bold]{stage.temporal_ui}[/] (workflow canary/test/podinfo)

In another terminal:
  export KUBECONFIG={stage.kubeconfig}
  export TEMPORAL_ADDRESS={stage.temporal_address}
  export http_proxy={stage.proxy}
  export no_proxy=127.0.0.1,localhost
  export PATH={stage.programs}:$PATH

Three things to try:
  kubectl -n test set image deployment/podinfo podinfod=ghcr.io/stefanprodan/podinfo:6.1.0
  serinus status -w                        and, while it climbs: serinus pause podinfo -n test
  watch -n 1 "{self._plot.curl(FAULT)}"     until it is rolled back
""",
            soft_wrap=True,
        )


class _Demo(_Teller):
    """On this machine alone."""

    def __init__(self, console: Console, plot: Plot, folder: Path, scenarios: list[Scenario], interval: int) -> None:
        super().__init__(console, plot, scenarios, interval, END_SECONDS)
        self._folder = folder

    async def run(self, *, leave: bool) -> None:
        with ConsoleProgress(self._console) as progress:
            binaries = await ensure(progress)
        self._began = time.monotonic()
        self._say("starting Kubernetes, Temporal, Prometheus, the pocket mesh and Serinus")
        async with Stage(self._folder, binaries) as stage:
            await stage.world.prometheus.scrape([stage.mesh_metrics, stage.worker_metrics])
            self._say(f"Prometheus, also of deploy/grafana/serinus.json: {stage.world.prometheus_url}")
            await self._tell_all(stage)
            if not leave:
                self._invite(stage)
                await self._stay(stage)
                self._say("ending everything; the data is kept for the next time")


class _DemoAbroad(_Teller):
    """In somebody's cluster."""

    def __init__(
        self,
        console: Console,
        plot: Plot,
        abroad: Callable[[Programs], Abroad],
        scenarios: list[Scenario],
        *,
        interval: int,
        patience: float,
    ) -> None:
        super().__init__(console, plot, scenarios, interval, patience)
        self._abroad = abroad

    async def run(self, *, leave: bool, remove: bool) -> None:
        stage = self._abroad(await ensure_programs())
        self._say("starting Temporal and Serinus here, for the cluster")
        async with stage:
            try:
                await self._tell_all(stage)
                if not leave:
                    self._invite(stage)
                    await self._stay(stage)
            finally:
                self._say(await stage.remove() if remove else LEFT_BEHIND)
