"""Many applications at once, each a Deployment under a Canary of its own, in one namespace."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from k8s.client import Cluster, Json
from k8s.resources import CANARIES, DEPLOYMENTS

NAMESPACE = "herd"
AT_ONCE = 16
"""Requests of ours under way; more would measure our own queue."""
LABEL = "app"
# An interval's worth of checks as teams have them: what Prometheus answers is real, and always the same.
CHECKS: list[Json] = [
    {"name": "up", "query": "min(up)", "thresholdRange": {"min": 1}, "interval": "1m"},
    {"name": "samples", "query": "sum(scrape_samples_scraped)", "thresholdRange": {"min": 1}, "interval": "1m"},
]


@dataclass(frozen=True)
class Pace:
    """How each canary advances."""

    interval_seconds: int
    steps: tuple[int, ...]
    """Weights, percent."""


def name_of(number: int) -> str:
    """Of an application and its Canary."""
    return f"app-{number:05}"


def deployment(name: str, version: int = 0) -> Json:
    """One pod without containers that run: kwok plays it."""
    labels = {LABEL: name}
    pod: Json = {"containers": [{"name": "app", "image": f"example.test/app:{version}"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {**DEPLOYMENTS.header(NAMESPACE, name), "spec": spec}


def canary(name: str, pace: Pace) -> Json:
    """Routed by an HTTPRoute on a Service, as with Linkerd."""
    parent = {"group": "core", "kind": "Service", "name": name, "port": 80}
    analysis = {
        "interval": f"{pace.interval_seconds}s",
        "threshold": 5,
        "stepWeights": list(pace.steps),
        "metrics": CHECKS,
    }
    spec = {
        "targetRef": {"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.kind, "name": name},
        "service": {"port": 80, "gatewayRefs": [parent]},
        "analysis": analysis,
    }
    return {**CANARIES.header(NAMESPACE, name), "spec": spec}


async def create(cluster: Cluster, numbers: Iterable[int], pace: Pace) -> None:
    """Make the applications, then their Canaries."""

    async def one(number: int) -> None:
        name = name_of(number)
        await cluster.create(DEPLOYMENTS.path(NAMESPACE), deployment(name))
        await cluster.create(CANARIES.path(NAMESPACE), canary(name, pace))

    await at_once(one, numbers)


async def multiply(cluster: Cluster, original: str, numbers: Iterable[int]) -> None:
    """Copy a canary at rest, and what the watches see of it, as if each had been released long ago.

    No controller may run that would make pods for the workloads, and tell the watches of each.
    """
    paths = {kind: kind.path(NAMESPACE, original) for kind in (DEPLOYMENTS, CANARIES)}
    target, there = [await cluster.get(path) for path in paths.values()]
    primary = await cluster.get(DEPLOYMENTS.path(NAMESPACE, f"{original}-primary"))

    async def one(number: int) -> None:
        name = name_of(number)
        for workload, its_name in ((target, name), (primary, f"{name}-primary")):
            body = {**DEPLOYMENTS.header(NAMESPACE, its_name), "spec": workload["spec"]}
            await cluster.create(DEPLOYMENTS.path(NAMESPACE), body)
        spec = json.loads(json.dumps(there["spec"]).replace(original, name))
        await cluster.create(CANARIES.path(NAMESPACE), {**CANARIES.header(NAMESPACE, name), "spec": spec})
        await cluster.merge(CANARIES.path(NAMESPACE, name, "status"), {"status": there["status"]})

    await at_once(one, numbers)


async def release(cluster: Cluster, numbers: Iterable[int], version: int, sent: Callable[[str], object]) -> None:
    """Give each target a new image; `sent` hears of each just before."""

    async def one(number: int) -> None:
        name = name_of(number)
        template = deployment(name, version)["spec"]["template"]
        sent(name)
        await cluster.merge(DEPLOYMENTS.path(NAMESPACE, name), {"spec": {"template": template}})

    await at_once(one, numbers)


async def at_once(call: Callable[[int], Awaitable[None]], numbers: Iterable[int]) -> None:
    """Call for each number, so many at a time."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            await call(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
