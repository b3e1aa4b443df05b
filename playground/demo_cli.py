"""`serinus demo`: the guide's story, live on this machine."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.markup import escape

from playground import story
from playground.binaries import ProgramMissing, ensure
from playground.building import BuildFailed
from playground.folders import Folders
from playground.golang import GoMissing
from playground.interrupts import run_interruptibly
from playground.kubectl import KubectlFailed
from playground.process import ProcessFault
from playground.progress import ConsoleProgress
from playground.recipes import UnsupportedMachine
from playground.stage import Stage
from playground.story import NAME, NAMESPACE, Storyteller, StoryWentWrong
from playground.watcher import CanaryWatcher, GaveUp, Seen
from playground.world import WorldInUse
from worker.steer import NotFollowed

CANNOT_RUN = (BuildFailed, GoMissing, ProgramMissing, UnsupportedMachine, ProcessFault, WorldInUse, KubectlFailed)
WENT_WRONG = (StoryWentWrong, GaveUp, NotFollowed)
GUIDE_INTERVAL_SECONDS = 30


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


def demo(
    scenario: Annotated[
        list[Scenario] | None, typer.Option(help="Tell only this story; may be given more than once.")
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when told, instead of staying up for you.")] = False,
    interval: Annotated[int, typer.Option(min=1, help="Analysis interval, seconds; the guide's is 30.")] = 3,
    data: Annotated[Path | None, typer.Option(help="Folder of the data; the next demo goes on from it.")] = None,
) -> None:
    """Start Kubernetes, Temporal and Prometheus on this machine and tell a canary's story in them.

    Needs neither root, nor Docker, nor a cluster. The first start builds the servers (some 15 minutes, once).

    Examples: `serinus demo` · `serinus demo --scenario rollback --exit`

    Exit codes: 0 everything went as told, 1 it did not (the message says where), 130 interrupted before the end.
    """
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    folder = data or Folders().data / "demo"
    try:
        run_interruptibly(
            _Demo(console, folder, scenario or [Scenario.PROMOTE, Scenario.ROLLBACK], interval).run(leave=leave)
        )
    except (*CANNOT_RUN, *WENT_WRONG) as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("\nAll ended; the data is kept for the next time.")
        raise typer.Exit(130) from None


class _Demo:
    def __init__(self, console: Console, folder: Path, scenarios: list[Scenario], interval: int) -> None:
        self._console = console
        self._folder = folder
        self._scenarios = scenarios
        self._interval = interval
        self._began = time.monotonic()

    async def run(self, *, leave: bool) -> None:
        with ConsoleProgress(self._console) as progress:
            binaries = await ensure(progress)
        self._began = time.monotonic()
        self._say("starting Kubernetes, Temporal, Prometheus, the pocket mesh and Serinus")
        async with Stage(self._folder, binaries) as stage, AsyncExitStack() as stack:
            self._say(f"all serve; Temporal UI: {stage.world.temporal_ui}")
            await self._set_scene(stage)
            watcher = CanaryWatcher(stage.world.kubeconfig, NAMESPACE, NAME, self._tell)
            teller = Storyteller(stage, await stack.enter_async_context(watcher), self._command, self._interval)
            await story.bootstrap(teller)
            for scenario in self._scenarios:
                self._title(TITLES[scenario])
                await STORIES[scenario](teller)
            self._console.print(f"\n[green]Everything went as told[/] in {time.monotonic() - self._began:.0f} s.")
            if not leave:
                self._invite(stage)
                with suppress(asyncio.CancelledError):  # Ctrl-C is how this ends
                    await stage.world.watch()
                self._say("ending everything; the data is kept for the next time")

    async def _set_scene(self, stage: Stage) -> None:
        self._title("The guide's podinfo")
        self._say(f"its Canary, with interval {self._interval}s instead of {GUIDE_INTERVAL_SECONDS}s to save your time")
        await stage.apply_guide(interval=f"{self._interval}s")

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

    def _invite(self, stage: Stage) -> None:
        world = stage.world
        self._console.print(
            f"""
It stays up until Ctrl-C. Temporal UI: [bold]{world.temporal_ui}[/] (workflow canary/test/podinfo)

In another terminal:
  export KUBECONFIG={world.kubeconfig}
  export TEMPORAL_ADDRESS={world.temporal_address}
  export http_proxy={stage.proxy}
  export no_proxy=127.0.0.1,localhost
  export PATH={stage.programs}:$PATH

Three things to try:
  kubectl -n test set image deployment/podinfo podinfod=ghcr.io/stefanprodan/podinfo:6.1.0
  serinus status -w                        and, while it climbs: serinus pause podinfo -n test
  watch -n 1 curl -s http://podinfo-canary.test:9898/status/500     until it is rolled back
""",
            soft_wrap=True,
        )
