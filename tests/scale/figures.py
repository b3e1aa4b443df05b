"""What a run came to: numbers, and the table that shows several runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from rich.table import Table

from tests.scale.costs import Costs
from tests.scale.herd import Pace
from tests.scale.observer import Observer, lateness

Spread = tuple[float, float]
"""Median and 99th percentile, seconds."""


@dataclass(frozen=True)
class Figures:
    """Of one run; seconds where the name does not say otherwise."""

    canaries: int
    interval: int
    steps: int
    ended: int
    bootstrap: float
    """Of all canaries together."""
    detection: Spread
    """From just before the new image was written until the canary was seen to progress."""
    lateness: Spread
    """Of a step, against the schedule that the earliest step of its rollout allows."""
    overhead: Spread
    """Of a whole rollout, beyond its steps times the interval: pods, hooks, promotion, and what was late."""
    requests_per_rollout: float
    cpu_seconds_per_rollout: dict[str, float]
    cores: dict[str, float]
    """That each process used on average while the rollouts ran."""
    worker_mebibytes: float


def figures_of(observer: Observer, sent: dict[str, float], pace: Pace, bootstrap: float, used: Costs) -> Figures:
    """Of the rollouts that began when `sent` says, seconds of the monotonic clock."""
    count, planned = len(sent), len(pace.steps) * pace.interval_seconds
    began = {name: at["Progressing"] - sent[name] for name, at in observer.phases.items() if "Progressing" in at}
    ended = {name: at["Succeeded"] - sent[name] for name, at in observer.phases.items() if "Succeeded" in at}
    late = [
        seconds for seen in observer.weights.values() for seconds in lateness(seen, pace.steps, pace.interval_seconds)
    ]
    return Figures(
        canaries=count,
        interval=pace.interval_seconds,
        steps=len(pace.steps),
        ended=len(ended),
        bootstrap=round(bootstrap, 1),
        detection=spread([*began.values()]),
        lateness=spread(late),
        overhead=spread([took - planned for took in ended.values()]),
        requests_per_rollout=round(used.requests / count, 1),
        cpu_seconds_per_rollout={name: round(cpu / count, 3) for name, cpu in used.cpu_seconds.items()},
        cores={name: round(cpu / used.seconds, 2) for name, cpu in used.cpu_seconds.items()},
        worker_mebibytes=round(used.worker_mebibytes),
    )


def spread(values: Sequence[float]) -> Spread:
    """Of any number of values."""
    if len(values) < 2:
        return (round(sum(values), 2),) * 2
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 2), round(cuts[98], 2)


def table_of(runs: Sequence[Figures]) -> Table:
    """A line for each figure, a column for each run."""
    table = Table("", *[f"{run.canaries} @ {run.interval} s" for run in runs])
    for lines in zip(*[_rows(run) for run in runs], strict=True):
        table.add_row(lines[0][0], *[value for _, value in lines])
    return table


def _rows(run: Figures) -> list[tuple[str, str]]:
    pairs = {"detection": run.detection, "step lateness": run.lateness, "overhead of a rollout": run.overhead}
    return [
        ("promoted", f"{run.ended} of {run.canaries}"),
        ("bootstrap of all, s", f"{run.bootstrap}"),
        *[(f"{name}, p50 / p99 s", f"{median} / {worst}") for name, (median, worst) in pairs.items()],
        ("API requests of the worker, per rollout", f"{run.requests_per_rollout}"),
        *[
            (f"CPU of {name}, s per rollout (cores)", f"{cpu} ({run.cores[name]})")
            for name, cpu in run.cpu_seconds_per_rollout.items()
        ],
        ("worker's memory, MiB", f"{run.worker_mebibytes:.0f}"),
    ]
