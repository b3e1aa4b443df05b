"""The guide's stories, told on a stage: a good release, a faulty one, one that is steered by hand.

Each scenario is a coroutine that returns what was measured, or raises `StoryWentWrong` when it did not go as told.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from playground.plots import Plot
from playground.traffic import Traffic
from playground.watcher import CanaryWatcher
from worker.steer import send_to
from workflows.observation import CanaryRef
from workflows.steering import Command, Verb

NAMESPACE, NAME = "test", "podinfo"
CANARY = CanaryRef(namespace=NAMESPACE, name=NAME)
IMAGE = "ghcr.io/stefanprodan/podinfo"
DETECTION_SECONDS, END_SECONDS = 20.0, 120.0
FAULT, FAULTS_PER_SECOND = "status/500", 8.0

Say = Callable[[str], None]


class Theatre(Protocol):
    """What a story needs of the place where it is told."""

    proxy: str

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's frontend."""
        ...

    async def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints for these words."""
        ...


class StoryWentWrong(Exception):
    """The story did not go as told; the text says where."""


@dataclass(frozen=True)
class Storyteller:
    """What every scenario needs."""

    stage: Theatre
    watcher: CanaryWatcher
    say: Say
    plot: Plot
    interval_seconds: float
    patience_seconds: float = END_SECONDS
    """For a bootstrap, or a whole rollout."""

    async def release(self) -> str:
        """Set the next image version on the target; returns it once the rollout began."""
        version = next_version(self.watcher.image("podinfo-primary"), self.watcher.image("podinfo"))
        image = f"{IMAGE}:{version}"
        self.watcher.events.clear()
        self.say(f"kubectl -n test set image deployment/podinfo podinfod={image}")
        started = time.monotonic()
        await self.stage.kubectl("-n", NAMESPACE, "set", "image", "deployment/podinfo", f"podinfod={image}")
        await self.watcher.until_event("New revision detected!", seconds=DETECTION_SECONDS)
        # The status follows its events, and until then tells of the release before.
        await self.watcher.until_phase("Progressing", seconds=DETECTION_SECONDS)
        self.say(f"noticed within {time.monotonic() - started:.2f} s")
        return image


async def bootstrap(teller: Storyteller) -> None:
    """The primary serves, the target idles at zero; a rollout that an earlier end cut short is completed first."""
    await teller.watcher.until_phase("Initialized", "Succeeded", "Failed", seconds=teller.patience_seconds)
    require(teller.watcher.image("podinfo-primary") != "", "podinfo-primary exists")


async def promote(teller: Storyteller) -> None:
    """A good release climbs its steps and becomes the primary, without one failed request."""
    watcher = teller.watcher
    async with Traffic(teller.plot.users_url, proxy=teller.stage.proxy, per_second=5) as users:
        started = time.monotonic()
        image = await teller.release()
        if teller.plot.insider:
            await _compare(teller, image)
        await watcher.until_phase("Succeeded", "Failed", seconds=teller.patience_seconds)
        took = time.monotonic() - started
        await watcher.until(lambda: watcher.replicas("podinfo") == 0, seconds=10, what="the canary scaled to zero")
    require(watcher.phase == "Succeeded", f"the good release is promoted, not {watcher.phase}: {watcher.texts}")
    require(watcher.image("podinfo-primary") == image, "the primary runs the new image")
    require(users.failed == 0, f"no user's request failed: {dict(users.answers)}")
    teller.say(timing(watcher, took, teller.interval_seconds))
    teller.say(f"users of {teller.plot.host}: {users.total} requests, {users.failed} failed")


async def _compare(teller: Storyteller, image: str) -> None:
    """Insiders are served by the release, and everybody else by what is live."""
    watcher, plot = teller.watcher, teller.plot
    # By the second, whoever divides the traffic has heard of the first.
    await watcher.until(lambda: watcher.progress > 1, seconds=teller.patience_seconds, what=f"the second {plot.unit}")
    async with httpx.AsyncClient(proxy=teller.stage.proxy, trust_env=False) as client:
        insiders = await _version(client, plot.canary_url, plot.insider)
        others = await _version(client, plot.users_url, {})
    teller.say(f"{plot.curl()} is answered by {insiders}, and without the header by {others}")
    require(image.endswith(f":{insiders}"), f"insiders get {image}, not {insiders}")
    primary = watcher.image("podinfo-primary")
    require(primary.endswith(f":{others}"), f"everybody else gets {primary}, not {others}")


async def _version(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> str:
    """Which version answers."""
    try:
        answer = (await client.get(url, headers=headers)).raise_for_status()
    except httpx.HTTPError as error:
        raise StoryWentWrong(f"{url} does not answer: {error}") from error
    return str(answer.json()["version"])


async def rollback(teller: Storyteller) -> None:
    """A release that starts failing is halted with the reason, and rolled back at the threshold."""
    watcher, plot = teller.watcher, teller.plot
    before = watcher.image("podinfo-primary")
    await teller.release()
    await watcher.until(
        lambda: watcher.progress >= plot.faulty_from,
        seconds=teller.patience_seconds,
        what=f"{plot.unit} {plot.faulty_from}",
    )
    teller.say(f"now it fails: {plot.curl(FAULT)}, {FAULTS_PER_SECOND:.0f} times a second")
    faults = Traffic(
        f"{plot.canary_url}{FAULT}", proxy=teller.stage.proxy, per_second=FAULTS_PER_SECOND, headers=plot.insider
    )
    async with faults:
        await watcher.until_phase("Succeeded", "Failed", seconds=teller.patience_seconds)
    await watcher.until(lambda: watcher.replicas("podinfo") == 0, seconds=10, what="the canary scaled to zero")
    require(watcher.phase == "Failed", f"the faulty release is rolled back, not {watcher.phase}: {watcher.texts}")
    require(watcher.weight == 0, "all traffic is on the primary")
    require(watcher.image("podinfo-primary") == before, "the primary still runs the former image")
    halts = [text for text in watcher.texts if "advancement success rate" in text]
    require(bool(halts), f"a halt names the success rate: {watcher.texts}")


async def manual(teller: Storyteller) -> None:
    """A person pauses a rollout, looks, lets it go on, and promotes it early."""
    watcher, unit = teller.watcher, teller.plot.unit
    image = await teller.release()
    await watcher.until(lambda: watcher.progress > 0, seconds=teller.patience_seconds, what=f"the first {unit}")
    await _steer(teller, Verb.PAUSE, "looking at the logs")
    held = watcher.progress
    await watcher.until_event("Pause", seconds=DETECTION_SECONDS)
    await asyncio.sleep(2 * teller.interval_seconds)
    require(watcher.progress == held, f"the {unit} stays at {held} while paused, not {watcher.progress}")
    teller.say(f"two checks later the {unit} is still {held}")
    await _steer(teller, Verb.RESUME, "")
    await watcher.until(
        lambda: watcher.progress > held, seconds=teller.patience_seconds, what=f"the next {unit} after resume"
    )
    await _steer(teller, Verb.PROMOTE, "seen enough")
    await watcher.until_phase("Succeeded", "Failed", seconds=teller.patience_seconds)
    require(watcher.phase == "Succeeded", f"the release is promoted by hand, not {watcher.phase}: {watcher.texts}")
    require(watcher.image("podinfo-primary") == image, "the primary runs the new image")


async def _steer(teller: Storyteller, verb: Verb, reason: str) -> None:
    flag = f' --reason "{reason}"' if reason else ""
    teller.say(f"serinus {verb} podinfo -n test{flag}")
    address = teller.stage.temporal_address
    reply = await send_to(address, verb, CANARY, Command(by="demo", reason=reason))
    teller.say(reply.message)


def require(holds: bool, what: str) -> None:
    """The story goes on only if this is so."""
    if not holds:
        raise StoryWentWrong(f"expected that {what}")


def next_version(*images: str) -> str:
    """A patch version that neither image has: the guide's 6.0.1, 6.0.2 …, also when started again from old data."""
    patches = [int(image.rsplit(".", 1)[-1]) for image in images if image.rsplit(".", 1)[-1].isdigit()]
    return f"6.0.{max(patches, default=0) + 1}"


def timing(watcher: CanaryWatcher, took: float, interval: float) -> str:
    """Where the time of a promotion went: steps, pods, and what came on top."""
    steps = sum(text.startswith("Advance") for text in watcher.texts)
    canary = watcher.when("Starting canary analysis") - watcher.when("New revision detected!")
    primary = watcher.when("Routing all traffic to primary") - watcher.when("Copying")
    overhead = took - steps * interval - canary - primary
    return (
        f"{took:.1f} s in all = {steps} steps x {interval:g} s + pods' start-up {canary + primary:.1f} s "
        f"+ {overhead:.1f} s on top"
    )
