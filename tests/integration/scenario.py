"""Canaries on the stage, told as given / when / then: every wait names its condition and says what it lacked."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import yaml
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from k8s.client import Cluster, Json
from k8s.informers import Informer
from k8s.resources import Resource
from playground.plots import manifest
from playground.stage import Stage
from playground.watcher import CanaryWatcher, GaveUp, comes_to_hold
from worker.temporal import workflow_id
from workflows.observation import CanaryRef

NAME = "podinfo"
IMAGE = "ghcr.io/stefanprodan/podinfo"
USER_AGENT = "serinus-test"
BOOTSTRAP_SECONDS, ROLLOUT_SECONDS = 120.0, 180.0
AT_REST = ("Initialized", "Succeeded", "Failed")

Told = TypeVar("Told")
Prepare = Callable[["Scene"], Awaitable[object]]


# -- given ------------------------------------------------------------------------------------------------------------


def podinfo_of(namespace: str) -> list[Json]:
    """The guide's Deployment and autoscaler."""
    return list(yaml.safe_load_all(manifest("podinfo", namespace)))


def canary_of(namespace: str, **analysis: Any) -> Json:
    """The guide's Canary that ticks every second; the given fields of its analysis are replaced, None takes one off."""
    canary: Json = yaml.safe_load(manifest("podinfo-canary", namespace))
    wanted = canary["spec"]["analysis"] | {"interval": "1s"} | analysis
    canary["spec"]["analysis"] = {key: value for key, value in wanted.items() if value is not None}
    return canary


def unchecked(namespace: str, *steps: int, **analysis: Any) -> Json:
    """A Canary without metrics and hooks, for tests in which every release is good: its steps take a second each."""
    ladder = {"stepWeight": None, "maxWeight": None, "stepWeights": list(steps or (20, 40))}
    return canary_of(namespace, **({**ladder, "metrics": [], "webhooks": []} | analysis))


def renamed(objects: Sequence[Json], name: str) -> list[Json]:
    """Objects of podinfo as those of another application."""
    return [dict(json.loads(json.dumps(obj).replace('"podinfo"', f'"{name}"'))) for obj in objects]


@dataclass(frozen=True)
class Scene:
    """One canary in a namespace of its own."""

    stage: Stage
    namespace: str
    watcher: CanaryWatcher
    cluster: Cluster

    @property
    def ref(self) -> CanaryRef:
        """Which Canary."""
        return CanaryRef(namespace=self.namespace, name=NAME)

    @property
    def workflow_id(self) -> str:
        """Of its rollouts."""
        return workflow_id(self.ref)

    @property
    def texts(self) -> list[str]:
        """Of its events since the last release."""
        return self.watcher.texts

    def url(self, path: str = "", *, canary: bool = False) -> str:
        """Of the service as its users know it, or of the canary's pods alone."""
        return f"http://podinfo{'-canary' if canary else ''}.{self.namespace}:9898/{path}"

    # -- when -----------------------------------------------------------------------------------------------------

    async def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints in the namespace."""
        return await self.stage.world.kubectl("-n", self.namespace, *words, manifest=manifest)

    async def apply(self, *objects: Json) -> None:
        """Create or update objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        await self.kubectl("apply", "-f", "-", manifest=json.dumps(items))

    async def read(self, kind: str, name: str) -> Json:
        """An object as it is now."""
        return dict(json.loads(await self.kubectl("get", kind, name, "-o", "json")))

    async def patch(self, kind: str, name: str, patch: Json) -> None:
        """Merge fields into an object."""
        await self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch))

    async def release(self, version: str = "6.0.1") -> str:
        """Set another image on the target, and forget the events so far; returns the image."""
        image = f"{IMAGE}:{version}"
        self.watcher.events.clear()
        await self.kubectl("set", "image", f"deployment/{NAME}", f"podinfod={image}")
        return image

    # -- then -----------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], what: str, *, seconds: float = ROLLOUT_SECONDS) -> None:
        """Return once it holds; raises GaveUp."""
        await self.watcher.until(condition, seconds=seconds, what=what)

    async def until_phase(self, *phases: str, seconds: float = ROLLOUT_SECONDS) -> str:
        """Return the phase once it is one of these; raises GaveUp."""
        await self.watcher.until_phase(*phases, seconds=seconds)
        return self.watcher.phase

    async def until_event(self, beginning: str, *, seconds: float = ROLLOUT_SECONDS) -> None:
        """Return once an event that begins so came; raises GaveUp."""
        await self.watcher.until_event(beginning, seconds=seconds)

    async def until_over(self) -> str:
        """Return the phase in which the rollout ended, its target at zero again; raises GaveUp."""
        await self.until(lambda: self.watcher.phase in ("Succeeded", "Failed"), "the end of the rollout")
        await self.until(lambda: self.watcher.replicas(NAME) == 0, "the canary scaled to zero", seconds=60)
        return self.watcher.phase


@asynccontextmanager
async def a_scene(stage: Stage, namespace: str) -> AsyncIterator[Scene]:
    """A namespace with the guide's load tester and nothing else; it goes in the end."""
    async with AsyncExitStack() as stack:
        await stage.world.kubectl("create", "namespace", namespace)
        stack.push_async_callback(stage.world.kubectl, "delete", "namespace", namespace, "--wait=false")
        await stage.world.kubectl("apply", "-f", "-", manifest=manifest("loadtester", namespace))
        watcher = CanaryWatcher(stage.world.kubeconfig, namespace, NAME)
        cluster = Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT)
        yield Scene(
            stage, namespace, await stack.enter_async_context(watcher), await stack.enter_async_context(cluster)
        )


@asynccontextmanager
async def a_canary(stage: Stage, namespace: str, canary: Json, prepare: Prepare | None = None) -> AsyncIterator[Scene]:
    """The guide's podinfo under this Canary, bootstrapped; `prepare` may change the target before the Canary comes."""
    async with a_scene(stage, namespace) as scene:
        await scene.apply(*podinfo_of(namespace))
        if prepare:
            await prepare(scene)
        await scene.apply(canary)
        await scene.until_phase("Initialized", seconds=BOOTSTRAP_SECONDS)
        yield scene


# -- waiting for other things than a Canary ---------------------------------------------------------------------------


class Eye:
    """Watches one collection and awaits a condition on it. Use as a context manager."""

    def __init__(self, cluster: Cluster, resource: Resource, namespace: str) -> None:
        self.objects = Informer(cluster, resource.path(namespace))
        self._namespace = namespace
        self._stirred = asyncio.Event()
        self.objects.on_change(lambda *_: self._stirred.set())

    async def __aenter__(self) -> Self:
        await self.objects.__aenter__()
        await self.objects.synced()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.objects.__aexit__(*error)

    def get(self, name: str) -> Json | None:
        """As last seen."""
        return self.objects.get(self._namespace, name)

    async def until(self, condition: Callable[[], bool], what: str, *, seconds: float = 90) -> None:
        """Return once it holds; raises GaveUp with the objects as last seen."""
        if not await comes_to_hold(condition, self._stirred, seconds=seconds):
            raise GaveUp(f"{what}: not within {seconds:.0f} s; seen: {self.objects.list()}")


async def temporal_of(stage: Stage) -> Client:
    """A client of the stage's Temporal that reads our records."""
    return await Client.connect(stage.world.temporal_address, data_converter=pydantic_data_converter)


# -- stories told at once ---------------------------------------------------------------------------------------------


class Stories(Generic[Told]):
    """Coroutines that run at the same time, each awaited by the tests that are about it."""

    def __init__(self, stories: dict[str, Coroutine[Any, Any, Told]]) -> None:
        self._tasks = {name: asyncio.create_task(story, name=name) for name, story in stories.items()}

    async def told(self, name: str) -> Told:
        """What a story returned; raises what it raised."""
        return await asyncio.shield(self._tasks[name])

    async def close(self) -> None:
        """Give up those that still run."""
        for task in self._tasks.values():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


@asynccontextmanager
async def at_once(**stories: Coroutine[Any, Any, Told]) -> AsyncIterator[Stories[Told]]:
    """Tell the stories while the block runs."""
    running = Stories(stories)
    try:
        yield running
    finally:
        await running.close()


# -- texts ------------------------------------------------------------------------------------------------------------


def first_lacking(texts: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first pattern that no text matches after the text of the pattern before it; None: all are there in order."""
    left = iter(texts)
    for pattern in wanted:
        if not any(re.fullmatch(pattern, text) for text in left):
            return pattern
    return None


def assert_in_order(texts: Sequence[str], wanted: Sequence[str]) -> None:
    """The patterns match texts in this order; others may stand between."""
    lacking = first_lacking(texts, wanted)
    assert lacking is None, f"no event {lacking!r} in its place among:\n" + "\n".join(texts)
