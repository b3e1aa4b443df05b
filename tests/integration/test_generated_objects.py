"""What is made for a Canary that asks for everything, on the real API server and KEDA's own definition."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench, Defaults
from activities.http import Http
from activities.registry import activities
from k8s.affinity import REQUIRED
from k8s.client import Cluster, Json
from k8s.informer_factory import InformerFactory
from k8s.informers import Informer
from k8s.resources import AUTOSCALERS, CONFIG_MAPS, DEPLOYMENTS, SCALED_OBJECTS, SECRETS, SERVICES, Resource
from k8s.scalers import copies
from k8s.services import NOT_FLUX
from playground.stage import PROVIDER, Stage
from tests.integration.scenario import NAME, USER_AGENT, Scene, a_scene, podinfo_of, unchecked
from workflows.effects import Activity, Look, Promotion, PromotionOutcome, Report, Role, Scale, Wait
from workflows.observation import Observation, Phase

pytestmark = pytest.mark.integration

NAMESPACE = "objects"
REF = Look(namespace=NAMESPACE, name=NAME)
KINDS = (DEPLOYMENTS, SERVICES, CONFIG_MAPS, SECRETS, AUTOSCALERS, SCALED_OBJECTS)
OTHERS_WRITE = (DEPLOYMENTS, AUTOSCALERS)
"""Kinds whose status and metadata controllers keep writing."""
SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "labels": {"team/name": "a", "other": "x"}},
    "data": {"COLOR": "blue"},
    "binaryData": {"logo": "AAEC"},
    "immutable": True,
}
SCALED_OBJECT = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": NAME, "labels": {"team/name": "a"}, "annotations": {"note": "x"}},
    "spec": {
        "scaleTargetRef": {"name": NAME},
        "minReplicaCount": 1,
        "maxReplicaCount": 10,
        "advanced": {"horizontalPodAutoscalerConfig": {"name": "podinfo-hpa"}},
        "triggers": [
            {
                "type": "prometheus",
                "metadata": {
                    "serverAddress": "http://podinfo-metrics:9090",
                    "query": 'sum(rate(requests{pod=~"podinfo-canary-.*"}[1m]))',
                    "threshold": "5",
                },
            }
        ],
    },
}
SCALING = {"conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "Active")]}
METADATA = {role: {"labels": {"role": role}, "annotations": {"note": role}} for role in ("apex", "primary", "canary")}


@dataclass(frozen=True)
class Rig:
    """The worker's activities in this process."""

    scene: Scene
    cluster: Cluster
    by_name: dict[str, Callable[..., Awaitable[Any]]]

    async def once(self, name: Activity, argument: Any) -> Any:
        """Run an activity as a worker does."""
        return await ActivityEnvironment().run(self.by_name[name], argument)

    async def twice(self, name: Activity, argument: Any) -> Any:
        """Run it twice; the second time nothing is written."""
        answer = await self.once(name, argument)
        before = await self.world()
        assert await self.once(name, argument) == answer
        assert await self.world() == before
        return answer

    async def world(self) -> dict[str, Json]:
        """Every generated object, and every original."""
        world: dict[str, Json] = {}
        for kind in KINDS:
            for obj in (await self.cluster.get(kind.path(NAMESPACE)))["items"]:
                world[f"{kind.kind}/{obj['metadata']['name']}"] = obj["spec"] if kind in OTHERS_WRITE else obj
        return world

    async def read(self, kind: Resource, name: str) -> Json:
        """An object as it is now."""
        return await self.cluster.get(kind.path(NAMESPACE, name))


def a_target() -> tuple[Json, Json]:
    """The guide's podinfo with a second container and pods that stand apart, and its autoscaler."""
    deployment, autoscaler = podinfo_of(NAMESPACE)
    deployment["metadata"]["labels"] = {"team/name": "a", "other": "x"}
    pod = deployment["spec"]["template"]["spec"]
    term = {"labelSelector": {"matchLabels": {"app": NAME}}, "topologyKey": "example.test/rack"}
    pod["affinity"] = {"podAntiAffinity": {REQUIRED: [term]}}
    pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    sidecar = {"name": "exporter", "image": "example.test/exporter:1", "ports": [{"containerPort": 9090}]}
    pod["containers"].append(sidecar)
    return deployment, autoscaler


def a_canary(scaler: Resource, **service: Any) -> Json:
    """One that asks for everything that `spec.service` offers, its target scaled by such an autoscaler."""
    canary = unchecked(NAMESPACE)
    ref = {"apiVersion": scaler.api_version, "kind": scaler.kind, "name": NAME}
    asked = {"portDiscovery": True, "headless": True, "trafficDistribution": "PreferClose", "appProtocol": "http"}
    canary["spec"] |= {"autoscalerRef": ref}
    canary["spec"]["service"] |= asked | METADATA | {"unmanagedMetadata": {"annotations": ["neg"]}} | service
    return canary


@pytest.fixture(scope="module")
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    """A namespace in which no worker acts, on a cluster that knows ScaledObjects."""
    async with AsyncExitStack() as stack:
        await stage.worker.stop()
        stack.push_async_callback(stage.worker.start)
        await stage.world.define(stage.world.binaries.definitions["keda"])
        scene = await stack.enter_async_context(a_scene(stage, NAMESPACE))
        cluster = await stack.enter_async_context(Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT))
        informers = await stack.enter_async_context(InformerFactory(cluster, NAMESPACE))
        client = await stack.enter_async_context(httpx.AsyncClient(proxy=stage.proxy, trust_env=False))
        scaled_objects = await stack.enter_async_context(Informer(cluster, SCALED_OBJECTS.path(NAMESPACE)))
        await scaled_objects.synced()  # an established kind is not served at once
        defaults = Defaults(mesh_provider=PROVIDER, include_label_prefix=("team/",), sync_scalers=True)
        bench = Bench(cluster, informers, Http(client), defaults)
        by_name = {name_of(function): function for function in activities(bench)}
        yield Rig(scene, cluster, by_name)


def name_of(function: Callable[..., Any]) -> str:
    """Under which it is registered."""
    return str(function.__temporal_activity_definition.name)  # type: ignore[attr-defined]


# The tests go through the life of one canary, in order.


async def test_bootstrap(rig: Rig) -> None:
    """Everything is made, and made once."""
    deployment, autoscaler = a_target()
    await rig.scene.apply(SETTINGS, deployment, autoscaler, a_canary(AUTOSCALERS))
    assert (await rig.once(Activity.OBSERVE, REF)).problem == ""
    await rig.twice(Activity.CREATE_PRIMARY, REF)
    await rig.once(Activity.AWAIT_READY, Wait(canary=REF, role=Role.PRIMARY, available=0))
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=False))
    seen: Observation = await rig.once(Activity.OBSERVE, REF)
    assert (seen.problem, seen.primary_is_target, seen.scaler_is_current) == ("", True, True)


@pytest.mark.parametrize(
    ("name", "role", "app"),
    [
        (NAME, "apex", f"{NAME}-primary"),
        (f"{NAME}-primary", "primary", f"{NAME}-primary"),
        (f"{NAME}-canary", "canary", NAME),
    ],
)
async def test_services(rig: Rig, name: str, role: str, app: str) -> None:
    """Headless, with all ports, and with their own metadata."""
    service = await rig.read(SERVICES, name)
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["trafficDistribution"] == "PreferClose"
    assert service["spec"]["selector"] == {"app": app}
    assert [port["name"] for port in service["spec"]["ports"]] == ["http", "http-metrics", "tcp-exporter-0"]
    assert service["metadata"]["labels"] == {"role": role, "app": name}
    assert service["metadata"]["annotations"] == {"note": role, **NOT_FLUX}


async def test_primary(rig: Rig) -> None:
    """Its labels follow the target's as the prefix says, and its pods stand apart from one another."""
    primary = await rig.read(DEPLOYMENTS, f"{NAME}-primary")
    assert primary["metadata"]["labels"] == {"team/name": "a", "app": f"{NAME}-primary"}
    (term,) = primary["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"][REQUIRED]
    assert term["labelSelector"] == {"matchLabels": {"app": f"{NAME}-primary"}}


async def test_config(rig: Rig) -> None:
    """All of the content."""
    copy = await rig.read(CONFIG_MAPS, "settings-primary")
    assert {key: copy[key] for key in ("data", "binaryData", "immutable")} == {
        key: SETTINGS[key] for key in ("data", "binaryData", "immutable")
    }
    assert copy["metadata"]["labels"] == {"team/name": "a"}


async def test_autoscaler(rig: Rig) -> None:
    """The primary's is the target's but for whom it scales, and follows it."""
    original, copy = [(await rig.read(AUTOSCALERS, name))["spec"] for name in (NAME, f"{NAME}-primary")]
    assert copy == original | {"scaleTargetRef": original["scaleTargetRef"] | {"name": f"{NAME}-primary"}}
    await rig.scene.patch("hpa", NAME, {"spec": {"maxReplicas": 7}})
    assert not (await rig.once(Activity.OBSERVE, REF)).scaler_is_current
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    assert (await rig.once(Activity.OBSERVE, REF)).scaler_is_current
    assert (await rig.read(AUTOSCALERS, f"{NAME}-primary"))["spec"]["maxReplicas"] == 7


async def test_services_that_were_edited(rig: Rig) -> None:
    """What others wrote goes, but for unmanaged keys."""
    await rig.scene.patch("service", NAME, {"metadata": {"annotations": {"neg": "theirs", "other": "theirs"}}})
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    annotations = (await rig.read(SERVICES, NAME))["metadata"]["annotations"]
    assert annotations == {"note": "apex", "neg": "theirs", **NOT_FLUX}


async def test_immutable_config_that_was_made_anew(rig: Rig) -> None:
    """Its copy makes way with the promotion."""
    await rig.scene.kubectl("delete", "configmap", "settings")
    await rig.scene.apply(SETTINGS | {"data": {"COLOR": "green"}})
    await promoted(rig)
    assert (await rig.read(CONFIG_MAPS, "settings-primary"))["data"] == {"COLOR": "green"}


async def test_keda(rig: Rig) -> None:
    """KEDA's definition takes the copy, its triggers ask about the primary, and the target's rests."""
    await rig.scene.apply(SCALED_OBJECT, a_canary(SCALED_OBJECTS))
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    copy = await rig.read(SCALED_OBJECTS, f"{NAME}-primary")
    assert copy["spec"]["scaleTargetRef"]["name"] == f"{NAME}-primary"
    assert copy["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"] == "podinfo-hpa-primary"
    assert copy["spec"]["triggers"][0]["metadata"] == {
        "serverAddress": "http://podinfo-metrics:9090",
        "query": 'sum(rate(requests{pod=~"podinfo-primary-.*"}[1m]))',
        "threshold": "5",
    }
    assert copy["metadata"]["labels"] == {"team/name": "a"}
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=False))
    assert await annotations_of(rig, NAME) == {"note": "x", "autoscaling.keda.sh/paused-replicas": "0"}
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=True))
    assert await annotations_of(rig, NAME) == {"note": "x"}


async def test_capacity(rig: Rig) -> None:
    """While the traffic returns the primary's minimum is what served it; what was raised goes without a trace."""
    status = json.dumps({"status": SCALING})
    copy = f"{NAME}-primary"
    await rig.scene.kubectl("patch", "scaledobject", copy, "--subresource=status", "--type=merge", "-p", status)
    await rig.scene.release("6.0.2")
    serving = sum([(await rig.read(DEPLOYMENTS, name))["spec"]["replicas"] for name in (NAME, copy)])
    await promoted(rig)
    assert (await rig.read(SCALED_OBJECTS, copy))["spec"]["minReplicaCount"] == serving
    assert (await rig.read(DEPLOYMENTS, copy))["spec"]["replicas"] == serving
    assert copies.HELD in await annotations_of(rig, copy)
    await rig.twice(Activity.SCALE, Scale(canary=REF, up=False))
    assert (await rig.read(SCALED_OBJECTS, copy))["spec"]["minReplicaCount"] == 1
    assert (await annotations_of(rig, copy)).keys() == {"note", copies.COPIED_FROM}


async def test_another_service_name(rig: Rig) -> None:
    """What the former name left behind is told."""
    await rig.scene.apply(a_canary(SCALED_OBJECTS, name="web"))
    await rig.twice(Activity.OPEN_TRAFFIC, REF)
    await rig.scene.until_event(f"The service name changed to web, remove {NAME} objects to avoid routing conflicts")


async def promoted(rig: Rig) -> None:
    """The target's present revision goes to the primary."""
    seen: Observation = await rig.once(Activity.OBSERVE, REF)
    assert seen.revision, seen.problem
    order = Promotion(canary=REF, revision=seen.revision, report=Report(canary=REF, phase=Phase.PROMOTING))
    assert await rig.twice(Activity.PROMOTE, order) is PromotionOutcome.COPIED


async def annotations_of(rig: Rig, name: str) -> dict[str, str]:
    """Of a ScaledObject, but for kubectl's own."""
    annotations = (await rig.read(SCALED_OBJECTS, name))["metadata"]["annotations"]
    return {key: value for key, value in annotations.items() if not key.startswith("kubectl.")}
