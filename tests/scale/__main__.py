"""How a worker does with many canaries, on the playground's servers beside it.

    python -m tests.scale rollouts --count 10 --count 100 --interval 10
    python -m tests.scale bare --count 100
    python -m tests.scale idle --count 1000
    python -m tests.scale soak --minutes 60

Nothing here passes or fails: it prints figures.
"""

import asyncio
import json
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from k8s.client import Cluster
from k8s.informers import Informer
from k8s.resources import DEPLOYMENTS
from playground.binaries import ensure
from playground.progress import ConsoleProgress
from playground.stage import Stage
from tests.scale import endurance
from tests.scale.bare import BareReleases
from tests.scale.costs import costs_of, requests_of
from tests.scale.figures import Figures, figures_of, table_of
from tests.scale.herd import NAMESPACE, Pace, create, multiply, name_of, release
from tests.scale.observer import Observer

USER_AGENT = "serinus-bench"
SETTLE_SECONDS = 5.0
PATIENCE = 4
"""A rollout may take so many times its planned time, and a minute."""

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console(stderr=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class GaveUp(Exception):
    """What the bench waited for did not come in time."""


@dataclass(frozen=True)
class Bench:
    """A world of its own, and who looks at it."""

    stage: Stage
    cluster: Cluster
    observer: Observer

    async def until(self, condition: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Return once it holds; raises GaveUp."""
        if not await self.observer.until(condition, seconds=seconds):
            raise GaveUp(f"{what}: not within {seconds:.0f} s")

    async def bootstrap(self, count: int, pace: Pace) -> float:
        """Make so many canaries; returns how long it took until all were initialized, seconds."""
        console.print(f"{count} canaries are bootstrapped …")
        began = time.monotonic()
        await create(self.cluster, range(count), pace)
        done = f"{count} canaries initialized"
        await self.until(lambda: self.observer.count("Initialized") == count, done, seconds=60 + count)
        took = time.monotonic() - began
        await asyncio.sleep(SETTLE_SECONDS)  # what bootstrapping left to do is not the cost of what comes next
        return took


@asynccontextmanager
async def a_bench() -> AsyncIterator[Bench]:
    """Everything started, nothing in it."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),  # standard output is for the figures
    )
    with ConsoleProgress(console) as progress:
        binaries = await ensure(progress)
    with tempfile.TemporaryDirectory(prefix="serinus-bench-") as folder:
        async with (
            Stage(Path(folder), binaries) as stage,
            Cluster.connect(stage.kubeconfig, user_agent=USER_AGENT) as cluster,
        ):
            await stage.kubectl("create", "namespace", NAMESPACE)
            async with Observer(cluster) as observer:
                yield Bench(stage, cluster, observer)


@app.command()
def rollouts(
    count: Annotated[list[int], typer.Option(help="Canaries that are released at once; a run for each.")],
    interval: Annotated[int, typer.Option(help="Of the analysis, seconds.")] = 10,
    steps: Annotated[int, typer.Option(help="Weights on the way to 50 percent.")] = 5,
    *,
    as_json: AsJson = False,
) -> None:
    """Release so many canaries at once, and say how late their steps came and what they cost."""
    pace = Pace(interval, tuple(50 * step // steps for step in range(1, steps + 1)))
    runs = [asyncio.run(measure(number, pace)) for number in count]
    if as_json:
        typer.echo(json.dumps([asdict(run) for run in runs]))
    else:
        Console().print(table_of(runs))


async def measure(count: int, pace: Pace) -> Figures:
    """One run on a fresh world; rollouts that do not end in time are counted by what they lack."""
    async with a_bench() as bench:
        took = await bench.bootstrap(count, pace)
        console.print(f"{count} canaries are released (bootstrapped in {took:.1f} s) …")
        bench.observer.forget()
        sent: dict[str, float] = {}
        before = costs_of(bench.stage)
        await release(bench.cluster, range(count), 1, lambda name: sent.setdefault(name, time.monotonic()))
        await bench.observer.until(
            lambda: bench.observer.count("Succeeded", "Failed") == count,
            seconds=60 + PATIENCE * len(pace.steps) * pace.interval_seconds,
        )
        return figures_of(bench.observer, sent, pace, took, costs_of(bench.stage).since(before))


def tell(figures: dict[str, float], *, as_json: bool) -> None:
    """A line for each, or JSON."""
    typer.echo(json.dumps(figures) if as_json else "\n".join(f"{name}: {value}" for name, value in figures.items()))


@app.command()
def bare(
    count: Annotated[int, typer.Option(help="Applications, two Deployments each.")] = 100, *, as_json: AsJson = False
) -> None:
    """Roll out what releases roll out, without a canary or a controller of canaries: the least that they can cost."""
    tell(asyncio.run(roll_bare(count)), as_json=as_json)


async def roll_bare(count: int) -> dict[str, float]:
    """By process, processor seconds per application; the worker is not there."""
    async with a_bench() as bench:
        await bench.stage.worker.stop()
        async with Informer(bench.cluster, DEPLOYMENTS.path(NAMESPACE)) as deployments:
            releases = BareReleases(bench.cluster, deployments)
            await releases.create(count)
            await asyncio.sleep(SETTLE_SECONDS)
            before = costs_of(bench.stage)
            await releases.release(count)
            await asyncio.sleep(SETTLE_SECONDS)  # the last pods go
            used = costs_of(bench.stage).since(before)
        return {f"CPU of {name}, s per application": round(cpu / count, 3) for name, cpu in used.cpu_seconds.items()}


@app.command()
def idle(
    count: Annotated[int, typer.Option(help="Canaries at rest.")] = 1000,
    seconds: Annotated[int, typer.Option(help="How long they are looked at.")] = 60,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what so many canaries cost while nothing changes."""
    tell(asyncio.run(rest(count, seconds)), as_json=as_json)


async def rest(count: int, seconds: int) -> dict[str, float]:
    """One canary is bootstrapped and multiplied while no worker looks; then one starts, and is left alone."""
    async with a_bench() as bench:
        await bench.bootstrap(1, Pace(10, (50,)))
        worker = bench.stage.worker
        await worker.stop()
        await bench.stage.world.controller_manager.stop()
        console.print(f"{count} canaries are written …")
        await multiply(bench.cluster, name_of(0), range(1, count))
        began, before = time.monotonic(), requests_of(bench.stage.world.audit_log)
        await worker.start()
        started = time.monotonic() - began
        await asyncio.sleep(SETTLE_SECONDS)
        at_first = requests_of(bench.stage.world.audit_log) - before
        costs = costs_of(bench.stage)
        await asyncio.sleep(seconds)  # that nothing happens can only be seen by looking for a while
        used = costs_of(bench.stage).since(costs)
        return {
            "canaries": count,
            "seconds": seconds,
            "until a new worker serves, s": round(started, 1),
            "requests of the new worker besides watches": sum(at_first.values()),
            "requests while idle besides watches": used.requests,
            "worker while idle, percent of a core": round(100 * used.cpu_seconds["worker"] / seconds, 2),
            "worker's memory, MiB": round(used.worker_mebibytes),
        }


@app.command()
def requests(
    interval: Annotated[int, typer.Option(help="Of the analysis, seconds.")] = 10,
    steps: Annotated[int, typer.Option(help="Weights on the way to 50 percent.")] = 5,
) -> None:
    """List what one rollout asks the API server for."""
    for request, times in asyncio.run(requests_of_one(Pace(interval, tuple(range(10, 10 + steps))))).items():
        typer.echo(f"{times:5} {request}")


async def requests_of_one(pace: Pace) -> dict[str, int]:
    """Verb and kind to how often, most frequent first."""
    async with a_bench() as bench:
        await bench.bootstrap(1, pace)
        before = requests_of(bench.stage.world.audit_log)
        await release(bench.cluster, range(1), 1, lambda _: None)
        done = "the canary promoted"
        planned = len(pace.steps) * pace.interval_seconds
        await bench.until(lambda: bench.observer.count("Succeeded") == 1, done, seconds=60 + planned)
        return dict((requests_of(bench.stage.world.audit_log) - before).most_common())


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long canaries live and faults strike.", min=3)] = 60,
    canaries: Annotated[int, typer.Option(help="That live at a time.")] = 4,
    seed: Annotated[int | None, typer.Option(help="Of what happens to whom; drawn when it is absent.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let canaries live and faults strike for long, and say what the worker came to hold, and what was lost."""
    run = asyncio.run(endure(minutes, canaries, secrets.randbelow(1_000_000) if seed is None else seed))
    if as_json:
        typer.echo(json.dumps(asdict(run)))
    else:
        Console().print(endurance.table_of(run))


async def endure(minutes: float, canaries: int, seed: int) -> endurance.Endurance:
    """One run on a fresh world."""
    async with a_bench() as bench:
        console.print(f"{canaries} canaries live for {minutes:g} minutes, seed {seed} …")
        return await endurance.endure(
            bench.stage, bench.cluster, minutes=minutes, canaries=canaries, seed=seed, tell=console.print
        )


if __name__ == "__main__":
    app()
