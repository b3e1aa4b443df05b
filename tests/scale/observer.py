"""An independent observer: it watches the API server alone, and notes when each canary changed."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from k8s.client import Cluster, Json
from k8s.informers import Informer
from k8s.resources import CANARIES, HTTP_ROUTES_V1BETA1
from playground.watcher import comes_to_hold
from tests.scale.herd import NAMESPACE


class Observer:
    """Use as a context manager. Times are seconds of the monotonic clock."""

    def __init__(self, cluster: Cluster) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        """Canary to phase to when it was first seen, since `forget`."""
        self.weights: dict[str, dict[int, float]] = {}
        """Canary to the weight of its route, percent, to when it was first seen, since `forget`."""
        self._current: dict[str, str] = {}
        self._canaries = Informer(cluster, CANARIES.path(NAMESPACE))
        self._routes = Informer(cluster, HTTP_ROUTES_V1BETA1.path(NAMESPACE))
        self._canaries.on_change(self._on_canary)
        self._routes.on_change(self._on_route)
        self._stirred = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for informer in (self._canaries, self._routes):
            await self._stack.enter_async_context(informer)
            await informer.synced()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def forget(self) -> None:
        """Begin anew."""
        self.phases.clear()
        self.weights.clear()

    def count(self, *phases: str) -> int:
        """How many canaries are in one of the phases."""
        return sum(phase in phases for phase in self._current.values())

    async def until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Whether it came to hold in time."""
        return await comes_to_hold(condition, self._stirred, seconds=seconds)

    def _on_canary(self, _: str, canary: Json) -> None:
        name, phase = canary["metadata"]["name"], (canary.get("status") or {}).get("phase", "")
        self._current[name] = phase
        self.phases.setdefault(name, {}).setdefault(phase, time.monotonic())
        self._stirred.set()

    def _on_route(self, _: str, route: Json) -> None:
        refs = route["spec"]["rules"][0]["backendRefs"]
        weight = sum(ref.get("weight", 1) for ref in refs if ref["name"].endswith("-canary"))
        self.weights.setdefault(route["metadata"]["name"], {}).setdefault(weight, time.monotonic())


def lateness(seen: dict[int, float], steps: Iterable[int], interval_seconds: float) -> list[float]:
    """How long after its time each step came, seconds: the schedule is the earliest that any of them allows."""
    offsets = [seen[weight] - number * interval_seconds for number, weight in enumerate(steps) if weight in seen]
    return [offset - min(offsets) for offset in offsets]
