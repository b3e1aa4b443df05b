"""One canary as somebody at the keyboard sees it: its events as they come, its phase, its weight."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from k8s.client import Cluster, Json
from k8s.informers import DELETED, Informer
from k8s.resources import CANARIES, DEPLOYMENTS, EVENTS

USER_AGENT = "serinus-watcher"


@dataclass(frozen=True)
class Seen:
    """An event, and when it reached us (seconds of the monotonic clock)."""

    text: str
    warning: bool
    at: float


class GaveUp(Exception):
    """What was waited for did not come; the text says what was seen instead."""


async def comes_to_hold(condition: Callable[[], bool], stirred: asyncio.Event, *, seconds: float) -> bool:
    """Whether the condition holds in time; it is looked at whenever `stirred` is set."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                stirred.clear()
                await stirred.wait()
    except TimeoutError:
        return False
    return True


class CanaryWatcher:
    """Use as a context manager; awaits conditions on a canary, woken by the cluster."""

    def __init__(
        self, kubeconfig: Path, namespace: str, name: str, tell: Callable[[Seen], None] = lambda _: None
    ) -> None:
        self._kubeconfig = kubeconfig
        self._namespace, self._name = namespace, name
        self._tell = tell
        self._stack = AsyncExitStack()
        self._stirred = asyncio.Event()
        self._live = False
        self.events: list[Seen] = []
        """In the order they came; those from before are left out."""

    async def __aenter__(self) -> Self:
        self._cluster = await self._stack.enter_async_context(Cluster.connect(self._kubeconfig, user_agent=USER_AGENT))
        self._events = Informer(self._cluster, EVENTS.path(self._namespace))
        self._canaries = Informer(self._cluster, CANARIES.path(self._namespace))
        self._deployments = Informer(self._cluster, DEPLOYMENTS.path(self._namespace))
        self._events.on_change(self._on_event)
        for informer in (self._canaries, self._deployments):
            informer.on_change(lambda *_: self._stirred.set())
        for informer in (self._events, self._canaries, self._deployments):
            await self._stack.enter_async_context(informer)
            await informer.synced()
        self._live = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _on_event(self, change: str, event: Json) -> None:
        about = event["involvedObject"]
        if not self._live or change == DELETED or (about["kind"], about.get("name")) != ("Canary", self._name):
            return
        seen = Seen(event["message"], event["type"] == "Warning", time.monotonic())
        self.events.append(seen)
        self._tell(seen)
        self._stirred.set()

    @property
    def texts(self) -> list[str]:
        """Of the events."""
        return [seen.text for seen in self.events]

    @property
    def canary(self) -> Json:
        """The object as last seen."""
        return self._canaries.get(self._namespace, self._name) or {}

    @property
    def status(self) -> Json:
        """Its status."""
        return self.canary.get("status") or {}

    @property
    def phase(self) -> str:
        """Of the canary."""
        return str(self.status.get("phase", ""))

    @property
    def weight(self) -> int:
        """Of the canary, percent."""
        return int(self.status.get("canaryWeight", 0))

    @property
    def progress(self) -> int:
        """How far an analysis is: the weight, or, where shares of traffic mean nothing, the iteration."""
        return self.weight or int(self.status.get("iterations", 0))

    def image(self, deployment: str) -> str:
        """What a Deployment's first container runs."""
        obj = self._deployments.get(self._namespace, deployment)
        return str(obj["spec"]["template"]["spec"]["containers"][0]["image"]) if obj else ""

    def replicas(self, deployment: str) -> int:
        """How many pods a Deployment asks for."""
        obj = self._deployments.get(self._namespace, deployment)
        return int(obj["spec"].get("replicas", 1)) if obj else 0

    def when(self, beginning: str) -> float:
        """When the first event that begins so came; raises GaveUp when none did."""
        for seen in self.events:
            if seen.text.startswith(beginning):
                return seen.at
        raise GaveUp(f"no event begins with {beginning!r}; seen were {self.texts}")

    async def until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Return once the condition holds.

        Raises:
            GaveUp: it did not in time; the text says what was seen.
        """
        if not await comes_to_hold(condition, self._stirred, seconds=seconds):
            seen = f"phase {self.phase}, weight {self.weight}, events {self.texts}"
            raise GaveUp(f"{what}: not within {seconds:.0f} s; {seen}")

    async def until_phase(self, *phases: str, seconds: float) -> None:
        """Return once the canary is in one of the phases."""
        await self.until(lambda: self.phase in phases, seconds=seconds, what=f"phase {' or '.join(phases)}")

    async def until_event(self, beginning: str, *, seconds: float) -> None:
        """Return once an event came that begins so."""
        await self.until(
            lambda: any(text.startswith(beginning) for text in self.texts), seconds=seconds, what=f"event {beginning!r}"
        )
