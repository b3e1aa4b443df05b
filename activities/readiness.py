"""Wait for pods, woken by the cluster's events."""

import asyncio

from temporalio import activity

from activities.bench import Bench, Subject
from activities.heartbeat import heartbeating, leaving_on_shutdown
from k8s import readiness
from k8s.apply import find
from k8s.client import Json
from k8s.informers import key_of
from workflows.effects import Activity, Ready, Readying, Role, Stuck, Wait, Waiting

SETTLE_SECONDS = 2.0
"""A controller needs a moment to make the pods it will then report as unavailable."""
AVAILABILITY = " are available"
"""How a reason ends when every pod is there and runs the present template."""


class AwaitReady:
    """Reads the shared cache; asks the API server once, to know how new the cache must be."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.AWAIT_READY)
    async def await_ready(self, wait: Wait) -> Readying:
        """Ready, stuck, or more available pods than the caller knows of."""
        subject = await self._bench.load(wait.canary)
        async with heartbeating(), leaving_on_shutdown():
            return Readying(readiness=await self._readiness(subject, threshold_of(subject, wait.role), wait))

    async def _readiness(self, subject: Subject, threshold: int, wait: Wait) -> Ready | Waiting | Stuck:
        obj = await self._bench.find_workload(subject, wait.role)
        loop = asyncio.get_running_loop()
        settled = loop.time() + SETTLE_SECONDS
        while obj is not None:
            now, found = loop.time(), subject.target.readiness(obj, threshold)
            match found:
                case readiness.Ready():
                    return Ready()
                case readiness.Stuck(why=why):
                    return Stuck(why=why)
                case readiness.Waiting(why=why, available=available):
                    if is_news(found, wait.available, settled=now >= settled):
                        return Waiting(why=why, available=available)
            settles_in = settled - now if wait.available < 0 and now < settled else None
            obj = await self._next(subject, obj, settles_in)
        name = name_of(subject, wait.role)
        return Stuck(why=f"{subject.target.workloads.kind.lower()} {name}.{subject.namespace} not found")

    async def _next(self, subject: Subject, obj: Json, seconds: float | None) -> Json | None:
        """The object after its next change, or after some time; never an older one than `obj`."""
        workloads, key = subject.target.workloads, key_of(obj)
        informer = self._bench.informers.of(workloads)
        if not is_newer(informer.get(*key), obj):
            try:
                async with asyncio.timeout(seconds):
                    await informer.changed(*key)
            except TimeoutError:
                return obj
        cached = informer.get(*key)
        return cached if is_newer(cached, obj) else await find(self._bench.cluster, workloads, *key)


def is_newer(cached: Json | None, obj: Json) -> bool:
    """Whether the cache has something newer: while a watch is away, it holds less, or one that was there before."""
    seen, known = (cached or {}).get("metadata", {}), obj["metadata"]
    same = seen.get("uid") == known["uid"] and seen["generation"] >= known["generation"]
    return bool(same and seen["resourceVersion"] != known["resourceVersion"])


def is_news(found: readiness.Waiting, known_available: int, *, settled: bool) -> bool:
    """Whether a wait that is not over has something to tell."""
    if not found.current or found.available <= known_available:
        return False
    return known_available >= 0 or settled or found.why.endswith(AVAILABILITY)


def name_of(subject: Subject, role: Role) -> str:
    """Of the workload in that role, as users know it."""
    return subject.target_name if role is Role.CANARY else subject.primary_name


def threshold_of(subject: Subject, role: Role) -> int:
    """Share of the updated pods that must be available, percent; 100 by default."""
    analysis = subject.canary.spec.analysis
    threshold = analysis.canary_ready_threshold if role is Role.CANARY else analysis.primary_ready_threshold
    return 100 if threshold is None else threshold
