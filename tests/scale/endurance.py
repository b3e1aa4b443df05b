"""One worker process for a long time: canaries live, faults strike, and what the process holds is looked at."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import yaml
from rich.table import Table
from temporalio.client import Client
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from k8s.client import Cluster
from k8s.resources import HTTP_ROUTES_V1BETA1
from playground.ports import LOOPBACK
from playground.stage import Actor, Stage
from tests.integration.scenario import Eye
from tests.relay import Relay
from tests.scale.costs import resident_mebibytes
from tests.scale.herd import NAMESPACE
from tests.scale.ledger import Ledger
from tests.scale.lives import Farm, Judge
from tests.scale.vitals import Trend, Vitals, trends_of, vitals_of
from tests.scale.weather import Weather

SAMPLE_SECONDS = 60.0
GONE_SECONDS = 90.0
"""Kubernetes collects what a deleted Canary owned in its own time."""
KINDS = "canaries,deployments,services,httproutes,secrets,replicasets,pods"


@dataclass(frozen=True)
class Endurance:
    """What a run came to."""

    minutes: float
    canaries: int
    seed: int
    worker: dict[str, Trend]
    servers_mebibytes: dict[str, float]
    """Resident in the end; they were killed in between."""
    ended: dict[str, int]
    faults: dict[str, int]
    lost: list[str]


async def endure(
    stage: Stage, cluster: Cluster, *, minutes: float, canaries: int, seed: int, tell: Callable[[str], object]
) -> Endurance:
    """Run for so long, then until all rollouts have ended; `tell` hears each sample."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Relay(urlsplit(stage.world.api_url).port or 0).serving())
        temporal = await stack.enter_async_context(Relay(stage.world.temporal.port).serving())
        worker = await stack.enter_async_context(a_worker(stage, api, temporal))
        routes = await stack.enter_async_context(Eye(cluster, HTTP_ROUTES_V1BETA1, NAMESPACE))
        farm = Farm(stage, cluster, Judge(), Ledger(routes))
        await stack.enter_async_context(farm.judge.serving())
        weather = Weather(stage, api, temporal, chance(f"{seed} weather"))
        samples: list[Vitals] = []

        def note(seen: Vitals | None) -> None:
            ledger, faults = farm.ledger, weather.struck.total()
            if seen:
                samples.append(seen)
            else:
                ledger.lost.append(f"{time.strftime('%T')} the worker did not show its metrics")
            tell(f"{time.strftime('%T')} {ledger.ended.total()} stories, {faults} faults, lost {ledger.lost}; {seen}")

        async with asyncio.TaskGroup() as group:
            sampler = group.create_task(sample(worker, stage.worker_metrics, note))
            await run(farm, weather, canaries, seed, time.monotonic() + 60 * minutes)
            sampler.cancel()
        farm.ledger.lost.extend(await left_behind(stage))
        servers = {"temporal": stage.world.temporal, "kube-apiserver": stage.world.apiserver}
        return Endurance(
            minutes,
            canaries,
            seed,
            trends_of(samples, SAMPLE_SECONDS),
            {name: round(resident_mebibytes(server.process.pid or 0)) for name, server in servers.items()},
            {story.value: times for story, times in farm.ledger.ended.items()},
            {fault.value: times for fault, times in weather.struck.items()},
            [*farm.ledger.lost, *(str(fault) for fault in stage.world.faults)],
        )


@asynccontextmanager
async def a_worker(stage: Stage, api: Relay, temporal: Relay) -> AsyncIterator[Actor]:
    """In place of the stage's own, and behind the relays."""
    config = yaml.safe_load(stage.worker_kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://{LOOPBACK}:{api.port}"
    (kubeconfig := stage.folder / "relayed-kubeconfig").write_text(yaml.safe_dump(config))
    settings = {"KUBECONFIG": str(kubeconfig), "TEMPORAL_ADDRESS": f"{LOOPBACK}:{temporal.port}"}
    await stage.worker.stop()
    worker = Actor("worker", ["worker", "worker"], stage.worker_health, stage, settings=settings)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def run(farm: Farm, weather: Weather, canaries: int, seed: int, until: float) -> None:
    """Lives and weather, side by side."""
    numbers = itertools.count()
    async with asyncio.TaskGroup() as group:
        group.create_task(weather.blow(until))
        for each in range(canaries):
            group.create_task(farm.keep(numbers, chance(f"{seed} canary {each}"), until))


def chance(seed: str) -> random.Random:
    """The same for the same seed."""
    return random.Random(seed)  # noqa: S311 - so that a run can be repeated


async def sample(worker: Actor, metrics: str, note: Callable[[Vitals | None], object]) -> None:
    """Until cancelled, None where it did not answer; the process must be the same throughout."""
    assert worker.process
    pid = worker.process.pid
    assert pid
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        try:
            note(await vitals_of(pid, metrics))
        except httpx.HTTPError:
            note(None)


async def left_behind(stage: Stage) -> list[str]:
    """What there is still when every Canary was deleted."""
    client = await Client.connect(stage.temporal_address)

    async def left() -> list[str]:
        objects = await stage.kubectl("-n", NAMESPACE, "get", KINDS, "-o", "name")
        runs = await client.count_workflows("ExecutionStatus = 'Running'")
        return [*(f"left behind: {each}" for each in objects.split()), *["a run that has not ended"] * runs.count]

    patient = AsyncRetrying(retry=retry_if_result(bool), wait=wait_fixed(1), stop=stop_after_delay(GONE_SECONDS))
    try:
        return await patient(left)
    except RetryError as gave_up:
        return list(gave_up.last_attempt.result())


def table_of(run: Endurance) -> Table:
    """How the worker was in the first and in the last third, and below it what happened."""
    table = Table("", "first third", "last third", "per hour", title=f"{run.minutes:g} minutes, seed {run.seed}")
    for name, trend in run.worker.items():
        table.add_row(name.replace("_", " "), f"{trend.first_third:g}", f"{trend.last_third:g}", f"{trend.per_hour:+g}")
    table.add_section()
    counted = {**run.ended, **run.faults, **{f"{name}, MiB": mib for name, mib in run.servers_mebibytes.items()}}
    for what, number in counted.items():
        table.add_row(what, f"{number:g}")
    table.add_row("lost", "\n".join(run.lost) or "nothing")
    return table
