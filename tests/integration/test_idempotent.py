"""Each activity, run twice on the real API server, leaves the world that it left when it was run once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from activities.bench import Bench, Defaults
from activities.http import Http
from activities.registry import activities
from k8s.client import Cluster, Json
from k8s.errors import Conflict
from k8s.informer_factory import InformerFactory
from k8s.resources import (
    AUTOSCALERS,
    CANARIES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    HTTP_ROUTES_V1,
    SECRETS,
    SERVICES,
)
from playground.stage import PROVIDER, Stage
from tests.integration.scenario import NAME, USER_AGENT, Scene, a_scene, podinfo_of, unchecked
from workflows.effects import (
    Activity,
    Examination,
    HookCall,
    Look,
    Note,
    Promotion,
    PromotionOutcome,
    Readying,
    Report,
    Role,
    Route,
    Scale,
    Wait,
)
from workflows.observation import Observation, Phase, Revision

pytestmark = pytest.mark.integration

NAMESPACE = "idempotent"
REF = Look(namespace=NAMESPACE, name=NAME)
KINDS = (CANARIES, DEPLOYMENTS, SERVICES, HTTP_ROUTES_V1, AUTOSCALERS, CONFIG_MAPS, SECRETS, EVENTS)
CONTROLLERS = (DEPLOYMENTS, AUTOSCALERS, HTTP_ROUTES_V1)
"""Kinds whose status others write at any time."""
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"COLOR": "blue"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"key": "s3cret"}}
HOOK = {"name": "smoke", "type": "pre-rollout", "url": "http://flagger-loadtester.idempotent/"}
TEMPORARY = ("resourceVersion", "managedFields")


@dataclass(frozen=True)
class Rig:
    """The worker's activities in this process, and a way to see all they could have changed."""

    scene: Scene
    cluster: Cluster
    by_name: dict[str, Callable[..., Awaitable[Any]]]

    async def once(self, name: Activity, argument: Any) -> Any:
        """Run an activity as a worker does, and again, as Temporal does, where somebody else wrote in between."""

        async def run() -> Any:
            return await ActivityEnvironment().run(self.by_name[name], argument)

        again = AsyncRetrying(
            retry=retry_if_exception_type(Conflict), wait=wait_fixed(0.2), stop=stop_after_attempt(5), reraise=True
        )
        return await again(run)

    async def twice(self, name: Activity, argument: Any) -> Any:
        """Run it, run it again, and compare both the answers and the worlds; the answer."""
        first = await self.once(name, argument)
        world = await self.world()
        second = await self.once(name, argument)
        assert second == first
        assert await self.world() == world
        return first

    async def world(self) -> dict[str, Json]:
        """Every object of ours in the namespace, without what controllers keep writing."""
        seen: dict[str, Json] = {}
        for kind in KINDS:
            listing = await self.cluster.get(kind.path(NAMESPACE))
            for obj in listing["items"]:
                if kind is EVENTS and obj["involvedObject"]["kind"] != "Canary":
                    continue
                seen[f"{kind.kind}/{obj['metadata']['name']}"] = lasting(obj, whole=kind not in CONTROLLERS)
        return seen

    async def revision(self) -> Revision:
        """Of the target."""
        seen: Observation = await self.once(Activity.OBSERVE, REF)
        assert seen.revision is not None, seen.problem
        return seen.revision


def lasting(obj: Json, *, whole: bool) -> Json:
    """What stays when nobody writes; an object that only we write is compared to the last letter."""
    if whole:
        return obj
    metadata = {key: value for key, value in obj["metadata"].items() if key not in TEMPORARY}
    annotations = metadata.get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not key.startswith("deployment.kubernetes.io/")}
    return {"metadata": metadata | {"annotations": kept}, "spec": obj["spec"]}


@pytest.fixture(scope="module")
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    """A Canary that no worker acts on, with tracked configs, and the activities that could."""
    async with AsyncExitStack() as stack:
        await stage.worker.stop()
        stack.push_async_callback(stage.worker.start)
        scene = await stack.enter_async_context(a_scene(stage, NAMESPACE))
        deployment, autoscaler = podinfo_of(NAMESPACE)
        references = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
        deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = references
        canary = unchecked(NAMESPACE, webhooks=[HOOK | {"metadata": {"type": "bash", "cmd": "true"}}])
        canary["spec"]["revertOnDeletion"] = True
        await scene.apply(CONFIG, SECRET, deployment, autoscaler, canary)
        cluster = await stack.enter_async_context(Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT))
        informers = await stack.enter_async_context(InformerFactory(cluster))
        client = await stack.enter_async_context(httpx.AsyncClient(proxy=stage.proxy, trust_env=False))
        await informers.of(DEPLOYMENTS).synced()
        defaults = Defaults(mesh_provider=PROVIDER, metrics_server=stage.world.prometheus_url)
        bench = Bench(cluster, informers, Http(client), defaults)
        yield Rig(scene, cluster, {name_of(function): function for function in activities(bench)})


def name_of(function: Callable[..., Any]) -> str:
    """Under which it is registered."""
    return str(function.__temporal_activity_definition.name)  # type: ignore[attr-defined]


def a_report(phase: Phase, *texts: str, **more: Any) -> Report:
    """What a workflow would say now, by the same ids each time."""
    now = datetime.now(UTC)
    notes = tuple(Note(id=f"{phase}-{number}".lower(), text=text, at=now) for number, text in enumerate(texts))
    return Report(canary=REF, phase=phase, condition=("Unknown", "told"), notes=notes, **more)


# The tests go through the life of one canary, in order.


async def test_bootstrap(rig: Rig) -> None:
    """Observe, create the primary, wait for it, lead the traffic to it, scale the target down."""
    assert (await rig.twice(Activity.OBSERVE, REF)).problem == ""
    revision = await rig.twice(Activity.CREATE_PRIMARY, REF)
    assert set(revision.configs) == {"configmap/settings", "secret/keys"}
    await rig.once(Activity.AWAIT_READY, Wait(canary=REF, role=Role.PRIMARY, available=0))
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    report = a_report(Phase.INITIALIZED, "Initialization done!", applied=revision, promoted=revision)
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=False, report=report))
    assert (await rig.world())[f"Deployment/{NAME}"]["spec"]["replicas"] == 0


async def test_rollout(rig: Rig) -> None:
    """Scale up, wait, ask the hook, examine, shift traffic, report."""
    await rig.scene.release("6.0.1")
    revision = await rig.revision()
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=True, report=a_report(Phase.PROGRESSING, applied=revision)))
    ready: Readying = await rig.twice(Activity.AWAIT_READY, Wait(canary=REF, role=Role.CANARY, available=0))
    assert ready.readiness.kind == "ready"
    call = HookCall(canary=REF, type="pre-rollout", name="smoke", phase=Phase.PROGRESSING, revision=revision)
    assert (await rig.twice(Activity.CALL_HOOK, call)).refusal == ""
    order = Route(canary=REF, weight=20, report=a_report(Phase.PROGRESSING, "Advance", weight=20))
    await rig.twice(Activity.ROUTE, order)
    examination = Examination(canary=REF, revision=revision, canary_since=datetime.now(UTC))
    assert [check.name for check in (await rig.twice(Activity.EXAMINE, examination)).checks] == ["route"]
    await rig.twice(Activity.REPORT, a_report(Phase.PROGRESSING, "Advance", "Halt", weight=20, failed_checks=1))


async def test_promotion_and_its_undoing(rig: Rig) -> None:
    """The primary runs the new revision once, and the former one again, configs included."""
    revision = await rig.revision()
    before = (await rig.world())["ConfigMap/settings-primary"]["data"]
    await rig.scene.kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data": {"COLOR": "green"}}')
    stale = Promotion(canary=REF, revision=revision, report=a_report(Phase.PROMOTING, "Copying"))
    assert await rig.twice(Activity.PROMOTE, stale) is PromotionOutcome.SUPERSEDED
    order = Promotion(canary=REF, revision=await rig.revision(), report=a_report(Phase.PROMOTING, "Copying"))
    assert await rig.twice(Activity.PROMOTE, order) is PromotionOutcome.COPIED
    promoted = await rig.world()
    assert promoted["ConfigMap/settings-primary"]["data"] == {"COLOR": "green"}
    assert image_of(promoted).endswith(":6.0.1")
    await rig.once(Activity.AWAIT_READY, Wait(canary=REF, role=Role.PRIMARY, available=0))
    await rig.once(Activity.UNDO_PROMOTION, REF)
    restored = await rig.world()
    assert restored["ConfigMap/settings-primary"]["data"] == before
    assert image_of(restored).endswith(":6.0.0")
    await rig.once(Activity.UNDO_PROMOTION, REF)
    assert await rig.world() == restored


async def test_finalizing(rig: Rig) -> None:
    """The target is handed back, and the finalizer taken off a Canary that stays as long as nobody deletes it."""
    assert await rig.twice(Activity.HAND_BACK, REF) is True
    await rig.once(Activity.AWAIT_READY, Wait(canary=REF, role=Role.CANARY, available=0))
    await rig.twice(Activity.RELEASE, REF)
    assert (await rig.world())[f"Canary/{NAME}"]["metadata"].get("finalizers") is None


async def test_every_activity_is_here(rig: Rig) -> None:
    """An activity that is added must be run twice too."""
    assert set(rig.by_name) == set(Activity)


def image_of(world: dict[str, Json]) -> str:
    """What the primary runs."""
    return str(world[f"Deployment/{NAME}-primary"]["spec"]["template"]["spec"]["containers"][0]["image"])
