"""What a process holds on to, looked at again and again, and whether it grows. Linux only."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression, median

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.scale.costs import resident_mebibytes

ANSWER_SECONDS = 30.0
TASKS, CACHED = "serinus_asyncio_tasks", "temporal_sticky_cache_size"


@dataclass(frozen=True)
class Vitals:
    """Of a worker, at one moment."""

    resident_mebibytes: float
    open_files: float
    """Sockets among them."""
    sockets: float
    threads: float
    asyncio_tasks: float
    cached_workflows: float


@dataclass(frozen=True)
class Trend:
    """Of one number over a run."""

    first_third: float
    """Median of the samples."""
    last_third: float
    per_hour: float
    """Slope of the line that fits the samples best."""


async def vitals_of(pid: int, metrics: str) -> Vitals:
    """As of now; `metrics` is the URL where the worker shows its own."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS) as http:
        shown = (await http.get(metrics)).text
    totals = {
        family.name: sum(each.value for each in family.samples) for family in text_string_to_metric_families(shown)
    }
    process = Path(f"/proc/{pid}")
    files = [str(file.readlink()) for file in process.glob("fd/*")]
    return Vitals(
        resident_mebibytes(pid),
        len(files),
        sum(file.startswith("socket:") for file in files),
        len(list(process.glob("task/*"))),
        totals[TASKS],
        totals[CACHED],
    )


def trends_of(samples: Sequence[Vitals], interval_seconds: float) -> dict[str, Trend]:
    """By name, of samples that were taken at this interval."""
    rows = [asdict(sample) for sample in samples]
    return {name: trend_of([row[name] for row in rows], interval_seconds / 3600) for name in rows[0]}


def trend_of(values: Sequence[float], interval_hours: float) -> Trend:
    """Of at least two values."""
    third = max(1, len(values) // 3)
    hours = [number * interval_hours for number in range(len(values))]
    slope = linear_regression(hours, values).slope
    return Trend(round(median(values[:third]), 1), round(median(values[-third:]), 1), round(slope, 2))
