"""Canaries led through all that the worker does, for `test_rbac`: each kind of target from bootstrap to deletion."""

import json
from collections.abc import Awaitable, Callable

from k8s.client import Json
from k8s.resources import ALERT_PROVIDERS, CONFIG_MAPS, METRIC_TEMPLATES, SCALED_OBJECTS, SECRETS
from playground.stage import Stage
from tests.integration.kinds import a_canary_of, daemon_set_of, knative_of, revise, service_of
from tests.integration.scenario import IMAGE, NAME, Scene, a_scene, podinfo_of, unchecked

CONFIGS = {"loose": False, "fixed": True}
Change = Callable[[Scene], Awaitable[object]]


async def lived(scene: Scene, *changes: Change) -> None:
    """Bootstrapped, released with each of the changes, and deleted."""
    await scene.until_phase("Initialized", seconds=120)
    for change in changes:
        scene.watcher.events.clear()
        await change(scene)
        await scene.until_event("Promotion completed!", seconds=120)
        await scene.until_phase("Succeeded")
    await scene.kubectl("delete", "canary", NAME, "--timeout=60s")


async def deployment(stage: Stage) -> None:
    """With everything that may belong to one."""
    async with a_scene(stage, "life-deployment") as scene:
        await a_deployment_lived(scene)


async def a_deployment_lived(scene: Scene, *, tracked: bool = True) -> None:
    """With an autoscaler, configs that change if they are tracked, credentials of a metric provider and of a chat."""
    namespace = scene.namespace
    target, autoscaler = podinfo_of(namespace)
    target["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
        {ref: {"name": name}} for ref in ("configMapRef", "secretRef") for name in CONFIGS
    ]
    check = {"name": "one", "templateRef": {"name": "one"}, "thresholdRange": {"min": 1}}
    canary = unchecked(namespace, metrics=[check], alerts=[{"name": "chat", "providerRef": {"name": "chat"}}])
    canary["spec"]["revertOnDeletion"] = True

    async def other_configs(scene: Scene) -> None:
        for config in configs_of(namespace, "Ymx1ZQ=="):
            await scene.kubectl("replace", "--force", "-f", "-", manifest=json.dumps(config))

    await scene.apply(*configs_of(namespace, "cmVk"), *outside_of(scene.stage, namespace), target, autoscaler, canary)
    await lived(scene, Scene.release, *([other_configs] if tracked else []))


def configs_of(namespace: str, color: str) -> list[Json]:
    """What the target reads; the copy of one that is immutable has to make way for its successor."""
    return [
        kind.header(namespace, name) | {"data": {"color": color}, "immutable": immutable}
        for kind in (CONFIG_MAPS, SECRETS)
        for name, immutable in CONFIGS.items()
    ]


def outside_of(stage: Stage, namespace: str) -> list[Json]:
    """A metric that is always 1, and a chat at which nobody listens, each with its Secret."""
    secret = SECRETS.header(namespace, "credentials") | {
        "stringData": {"username": "a", "password": "b", "address": "http://127.0.0.1:9/"}
    }
    provider = {"type": "prometheus", "address": stage.world.prometheus_url, "secretRef": {"name": "credentials"}}
    template = METRIC_TEMPLATES.header(namespace, "one") | {"spec": {"provider": provider, "query": "vector(1)"}}
    chat = ALERT_PROVIDERS.header(namespace, "chat") | {
        "spec": {"type": "slack", "channel": "general", "secretRef": {"name": "credentials"}}
    }
    return [secret, template, chat]


async def scaled_by_keda(stage: Stage) -> None:
    """A Deployment with a ScaledObject."""
    namespace = "life-keda"
    scaler = SCALED_OBJECTS.header(namespace, NAME) | {
        "spec": {"scaleTargetRef": {"name": NAME}, "triggers": [{"type": "cpu", "metadata": {"value": "60"}}]}
    }
    canary = unchecked(namespace)
    canary["spec"]["autoscalerRef"] = {"apiVersion": SCALED_OBJECTS.api_version, "kind": "ScaledObject", "name": NAME}
    async with a_scene(stage, namespace) as scene:
        await scene.apply(scaler, podinfo_of(namespace)[0], canary)
        await lived(scene, Scene.release)


async def daemon_set(stage: Stage) -> None:
    """One pod on every node."""
    namespace = "life-daemonset"

    async def release(scene: Scene) -> None:
        await scene.kubectl("set", "image", f"daemonset/{NAME}", f"podinfod={IMAGE}:6.0.1")

    async with a_scene(stage, namespace) as scene:
        await scene.apply(daemon_set_of(namespace), a_canary_of(namespace, "apps/v1", "DaemonSet"))
        await lived(scene, release)


async def service(stage: Stage) -> None:
    """Led to other pods."""
    namespace = "life-service"

    async def release(scene: Scene) -> None:
        await scene.patch("service", NAME, service_of(namespace, "two"))

    async with a_scene(stage, namespace) as scene:
        await scene.apply(service_of(namespace, "one"), a_canary_of(namespace, "v1", "Service"))
        await lived(scene, release)


async def knative(stage: Stage) -> None:
    """By revisions."""
    namespace = "life-knative"
    canary = a_canary_of(namespace, "serving.knative.dev/v1", "Service")
    canary["spec"] |= {"provider": "knative", "service": {"port": 80}}

    async def release(scene: Scene) -> None:
        await revise(scene, 2)

    async with a_scene(stage, namespace) as scene:
        await scene.apply(knative_of(namespace))
        await revise(scene, 1)
        await scene.apply(canary)
        await lived(scene, release)


LIVES = (deployment, scaled_by_keda, daemon_set, service, knative)
