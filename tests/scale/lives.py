"""Canaries that live: released well and badly, aborted, overtaken, deleted and made again, one thing after the other.

Each is held to what its user was told, by what the API server shows; what is not so stands in the ledger as lost.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import web
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from k8s.client import Cluster, Json
from k8s.errors import Conflict, NotFound, Unavailable
from k8s.resources import CANARIES, DEPLOYMENTS
from playground.stage import Stage
from playground.watcher import CanaryWatcher, GaveUp
from tests.chaos.observer import doubled
from tests.receiver import Receiver
from tests.scale.herd import NAMESPACE, Pace, canary, deployment, name_of
from tests.scale.ledger import ENDINGS, ONCE, Ledger, Story
from worker.steer import NotFollowed, send_to
from worker.temporal import TemporalUnfit
from workflows.observation import CanaryRef
from workflows.steering import Command, Verb

PACE = Pace(interval_seconds=1, steps=(20, 40, 60, 80))
THRESHOLD = 2
PAUSE_SECONDS = (5.0, 25.0)
"""Between two things that happen to a canary."""
PATIENCE_SECONDS = 240.0
"""For a bootstrap or a rollout, with faults in the middle of it."""
ABORT_SECONDS = 60.0
RETRY_SECONDS = 1.0


OFTEN = {
    Story.PROMOTED: 5,
    Story.ROLLED_BACK: 3,
    Story.ABORTED: 2,
    Story.OVERTAKEN: 2,
    Story.DELETED: 2,
}
"""How often each is chosen, among one another."""


class Judge(Receiver):
    """The rollout hook of every canary; finds faults with those in `faulty`."""

    def __init__(self) -> None:
        super().__init__()
        self.faulty: set[str] = set()
        self.answer = self._judge

    def _judge(self) -> web.Response:
        about = self.told.pop().body["name"]
        return web.Response(status=500 if about in self.faulty else 200)


@dataclass(frozen=True)
class Farm:
    """Where they live."""

    stage: Stage
    cluster: Cluster
    judge: Judge
    ledger: Ledger

    async def keep(self, numbers: Iterator[int], random: random.Random, until: float) -> None:
        """One canary after the other, until then (monotonic clock); in the end there is none."""
        while time.monotonic() < until:
            async with CanaryWatcher(self.stage.kubeconfig, NAMESPACE, name_of(number := next(numbers))) as watcher:
                await Life(self, name_of(number), watcher, random).live(until)


class Life:
    """Of one canary, from its bootstrap to its deletion."""

    def __init__(self, farm: Farm, name: str, watcher: CanaryWatcher, random: random.Random) -> None:
        self._farm, self._watcher, self._random = farm, watcher, random
        self._name, self._ref = name, CanaryRef(namespace=NAMESPACE, name=name)
        self._version = self._promoted = 0
        self._stories: dict[Story, Callable[[], Awaitable[None]]] = {
            Story.PROMOTED: self._promotion,
            Story.ROLLED_BACK: self._rollback,
            Story.ABORTED: self._abort,
            Story.OVERTAKEN: self._overtaking,
            Story.DELETED: self._until_it_advances,
        }

    async def live(self, until: float) -> None:
        """Story after story, until one deletes it, something is lost, or it is time (monotonic clock)."""
        try:
            await self._bootstrap()
            story = None
            while story is not Story.DELETED and time.monotonic() < until:
                await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
                (story,) = self._random.choices([*OFTEN], [*OFTEN.values()])
                await self._tell(story)
        except GaveUp as lost:
            self._lose(str(lost))
        await self._delete()

    async def _tell(self, story: Story) -> None:
        try:
            await self._stories[story]()
        except GaveUp as why:
            raise GaveUp(f"{story}: {why}") from why
        if twice := doubled([text for text in self._watcher.texts if text.startswith(ONCE)]):
            self._lose(f"{story}: events came twice: {twice}")
        self._farm.ledger.ended[story] += 1

    def _lose(self, what: str) -> None:
        self._farm.ledger.lost.append(f"{time.strftime('%T')} {self._name}: {what}")

    # -- the stories ----------------------------------------------------------------------------------------------

    async def _promotion(self) -> None:
        await self._release()
        await self._is_promoted()

    async def _rollback(self) -> None:
        self._farm.judge.faulty.add(self._name)
        await self._release()
        await self._ends("Failed")
        self._farm.judge.faulty.remove(self._name)

    async def _abort(self) -> None:
        await self._until_it_advances()
        command = partial(send_to, self._farm.stage.temporal_address, Verb.ABORT, self._ref, Command(by="soak"))
        with suppress(NotFollowed, TemporalUnfit):  # it was done already when an answer was lost; the end will show it
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type((TemporalUnfit, NotFollowed)),
                wait=wait_fixed(RETRY_SECONDS),
                stop=stop_after_delay(ABORT_SECONDS),
                reraise=True,
            ):
                with attempt:
                    await command()
        await self._ends("Failed")

    async def _overtaking(self) -> None:
        await self._until_it_advances()
        await self._release()
        await self._is_promoted()

    # -- what they are made of ------------------------------------------------------------------------------------

    async def _bootstrap(self) -> None:
        for resource, obj in ((DEPLOYMENTS, deployment(self._name)), (CANARIES, judged(self._name, self._farm.judge))):
            with suppress(Conflict):  # made by an attempt whose answer was lost
                await insist(partial(self._farm.cluster.create, resource.path(NAMESPACE), obj))
        await self._watcher.until_phase("Initialized", seconds=PATIENCE_SECONDS)

    async def _release(self) -> None:
        self._version += 1
        self._watcher.events.clear()
        patch = {"spec": {"template": deployment(self._name, self._version)["spec"]["template"]}}
        await insist(partial(self._farm.cluster.merge, DEPLOYMENTS.path(NAMESPACE, self._name), patch))

    async def _until_it_advances(self) -> None:
        await self._release()
        beginning = f"Advance {self._ref} canary weight {PACE.steps[0]}"
        await self._watcher.until_event(beginning, seconds=PATIENCE_SECONDS)

    async def _is_promoted(self) -> None:
        self._promoted = self._version
        await self._ends("Succeeded")

    async def _ends(self, phase: str) -> None:
        """In this phase, told, scaled down, its primary on what was promoted last, with all traffic."""
        watcher, routes = self._watcher, self._farm.ledger.routes
        await watcher.until_event(ENDINGS[phase], seconds=PATIENCE_SECONDS)
        await watcher.until_phase(phase, seconds=PATIENCE_SECONDS)
        await watcher.until(lambda: watcher.replicas(self._name) == 0, seconds=PATIENCE_SECONDS, what="scaled to zero")
        image = image_of(deployment(self._name, self._promoted))
        await watcher.until(
            lambda: watcher.image(f"{self._name}-primary") == image,
            seconds=PATIENCE_SECONDS,
            what=f"primary of {image}",
        )
        await routes.until(lambda: self._farm.ledger.canary_weight(self._name) == 0, "all traffic on the primary")

    async def _delete(self) -> None:
        for resource in (CANARIES, DEPLOYMENTS):
            with suppress(NotFound):
                await insist(partial(self._farm.cluster.delete, resource.path(NAMESPACE, self._name)))


def judged(name: str, judge: Judge) -> Json:
    """A Canary whose checks are a query that always passes, and the judge."""
    made = canary(name, PACE)
    made["spec"]["analysis"] |= {
        "threshold": THRESHOLD,
        "metrics": [{"name": "series", "query": "count(up)", "thresholdRange": {"min": 1}, "interval": "1m"}],
        "webhooks": [{"name": "judge", "type": "rollout", "url": judge.address}],
    }
    return made


def image_of(workload: Json) -> str:
    """Of its only container."""
    return str(workload["spec"]["template"]["spec"]["containers"][0]["image"])


async def insist(call: Callable[[], Awaitable[object]]) -> None:
    """Until the API server is back; raises what it answers then."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Unavailable), wait=wait_fixed(RETRY_SECONDS), reraise=True
    ):
        with attempt:
            await call()
