"""What is missing, wrong or away is told once, breaks nothing, and is gone as soon as it is put right."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from k8s.client import Json
from playground.kubectl import KubectlFailed
from playground.mesh.serving import serving
from playground.ports import LOOPBACK, free_ports
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import (
    NAME,
    Scene,
    Stories,
    a_canary,
    a_scene,
    at_once,
    canary_of,
    podinfo_of,
    renamed,
    unchecked,
)

pytestmark = pytest.mark.integration

NOWHERE = f"http://{LOOPBACK}:1"
PATIENCE_SECONDS = 90
Then = Callable[[Scene], Awaitable[object]]


@dataclass
class Meanwhile:
    """Healthy canaries are released once everything is broken; what is broken is put right once they are done."""

    breaking: int
    all_broken: asyncio.Event = field(default_factory=asyncio.Event)
    healthy_done: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """Something gets broken in the block; a test that fails to break it holds nobody up."""
        try:
            yield
        finally:
            self.breaking -= 1
            if not self.breaking:
                self.all_broken.set()


@dataclass(frozen=True)
class Tale:
    """What a user read while it was broken, and where it ended when it was put right."""

    told: list[str]
    phase_while_broken: str
    texts: list[str]
    phase: str
    failed_checks: int


async def broken(scene: Scene, meanwhile: Meanwhile, beginning: str, repair: Then, end: str) -> Tale:
    """Wait for the event, let the healthy ones pass, put it right, and wait for the end."""
    async with meanwhile.broken():
        await scene.until_event(beginning, seconds=PATIENCE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await meanwhile.healthy_done.wait()
    told, phase = list(scene.texts), scene.watcher.phase
    await repair(scene)
    await scene.until_phase(end, seconds=PATIENCE_SECONDS)
    return Tale(told, phase, list(scene.texts), scene.watcher.phase, scene.watcher.status["failedChecks"])


# -- what keeps a canary from being bootstrapped ----------------------------------------------------------------------


async def missing_target(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A Canary without its Deployment."""
    namespace = "bad-target"
    async with a_scene(stage, namespace) as scene:
        await scene.apply(unchecked(namespace))

        async def repair(scene: Scene) -> None:
            await scene.apply(*podinfo_of(namespace))

        return await broken(scene, meanwhile, "deployment podinfo", repair, "Initialized")


async def unsupported_provider(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A provider that the API knows and Serinus does not route by."""
    namespace = "bad-provider"
    canary = unchecked(namespace)
    canary["spec"]["provider"] = "appmesh"
    async with a_scene(stage, namespace) as scene:
        await scene.apply(*podinfo_of(namespace), canary)

        async def repair(scene: Scene) -> None:
            await scene.patch("canary", NAME, {"spec": {"provider": "gatewayapi:v1"}})

        return await broken(scene, meanwhile, "spec.provider", repair, "Initialized")


async def missing_config(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A target that requires a ConfigMap which does not exist."""
    namespace = "bad-config"
    deployment, autoscaler = podinfo_of(namespace)
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "absent"}}]
    async with a_scene(stage, namespace) as scene:
        await scene.apply(deployment, autoscaler, unchecked(namespace))

        async def repair(scene: Scene) -> None:
            await scene.kubectl("create", "configmap", "absent", "--from-literal=COLOR=blue")

        return await broken(scene, meanwhile, "configmap absent", repair, "Initialized")


async def unselectable_target(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A target whose selector has none of the labels that tell canary and primary apart."""
    namespace = "bad-selector"
    deployment, autoscaler = podinfo_of(namespace)
    deployment["spec"]["selector"]["matchLabels"] = {"component": NAME}
    deployment["spec"]["template"]["metadata"]["labels"] = {"component": NAME}
    async with a_scene(stage, namespace) as scene:
        await scene.apply(deployment, autoscaler, unchecked(namespace))

        async def repair(scene: Scene) -> None:
            await scene.kubectl("delete", "deployment", NAME)  # a selector cannot be changed
            await scene.apply(*podinfo_of(namespace))

        return await broken(scene, meanwhile, "deployment podinfo", repair, "Initialized")


# -- what keeps a release from being analysed -------------------------------------------------------------------------


async def missing_template(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A metric whose MetricTemplate does not exist."""
    namespace = "bad-template"
    metric = {"name": "answer", "templateRef": {"name": "absent"}, "thresholdRange": {"min": 42}, "interval": "1m"}
    template = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "absent", "namespace": namespace},
        "spec": {"provider": {"type": "prometheus", "address": stage.world.prometheus_url}, "query": "vector(42)"},
    }
    async with a_canary(stage, namespace, unchecked(namespace, metrics=[metric])) as scene:
        await scene.release()

        async def repair(scene: Scene) -> None:
            await scene.apply(template)

        return await broken(scene, meanwhile, "Metric template", repair, "Succeeded")


async def unreachable_hook(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A webhook that nobody serves."""
    namespace = "bad-hook"
    hook = {"name": "smoke", "type": "pre-rollout", "url": f"{NOWHERE}/"}
    async with a_canary(stage, namespace, unchecked(namespace, webhooks=[hook])) as scene:
        await scene.release()

        async def repair(scene: Scene) -> None:
            served = {"url": f"http://flagger-loadtester.{namespace}/", "metadata": {"type": "bash", "cmd": "true"}}
            await scene.patch("canary", NAME, {"spec": {"analysis": {"webhooks": [hook | served]}}})

        return await broken(scene, meanwhile, "Halt", repair, "Succeeded")


async def analysed_by(stage: Stage, namespace: str, server: str, meanwhile: Meanwhile, beginning: str) -> Tale:
    """A healthy release with traffic, whose metrics are asked of another server than Prometheus."""
    canary = canary_of(namespace, interval="2s", webhooks=[], stepWeight=25)
    canary["spec"]["metricsServer"] = server
    async with (
        a_canary(stage, namespace, canary) as scene,
        Traffic(scene.url(canary=True), proxy=stage.proxy, per_second=10),
    ):
        await scene.release()

        async def repair(scene: Scene) -> None:
            await scene.patch("canary", NAME, {"spec": {"metricsServer": stage.world.prometheus_url}})

        return await broken(scene, meanwhile, beginning, repair, "Succeeded")


async def unreachable_prometheus(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """Nobody listens where the metrics server should be."""
    return await analysed_by(stage, "bad-prometheus", NOWHERE, meanwhile, "Prometheus query failed")


async def talkative_prometheus(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """A log-in page answers where the metrics server should be; it is asked at least three times."""
    asked = asyncio.Semaphore(0)

    async def page(_: Request) -> Response:
        asked.release()
        return HTMLResponse("<html><body>please log in</body></html>")

    [port] = free_ports(1)
    app = Starlette(routes=[Route("/{path:path}", page)])
    async with serving(app, port):
        server = f"http://{LOOPBACK}:{port}"
        tale = await analysed_by(stage, "bad-page", server, meanwhile, "Prometheus query failed")
        async with asyncio.timeout(1):
            for _ in range(3):
                await asked.acquire()
        return tale


# -- and those that have nothing to do with it ------------------------------------------------------------------------


async def healthy(stage: Stage, meanwhile: Meanwhile) -> Tale:
    """Two canaries on different targets in one namespace, released while everything else is broken."""
    namespace, other = "bad-neighbours", "other"
    try:
        async with a_canary(stage, namespace, unchecked(namespace)) as scene:
            await scene.apply(*renamed([*podinfo_of(namespace), unchecked(namespace)], other))
            await scene.kubectl(
                "wait", f"canary/{other}", "--for=jsonpath={.status.phase}=Initialized", "--timeout=60s"
            )
            async with asyncio.timeout(PATIENCE_SECONDS):
                await meanwhile.all_broken.wait()
            await scene.release()
            await scene.kubectl("set", "image", f"deployment/{other}", "podinfod=podinfo:6.0.1")
            await scene.kubectl("wait", f"canary/{other}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
            phase = await scene.until_over()
            return Tale([], "", list(scene.texts), phase, 0)
    finally:
        meanwhile.healthy_done.set()


BROKEN = {
    story.__name__: story
    for story in (
        missing_target,
        unsupported_provider,
        missing_config,
        unselectable_target,
        missing_template,
        unreachable_hook,
        unreachable_prometheus,
        talkative_prometheus,
    )
}


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time, with one worker that must live through them."""
    meanwhile = Meanwhile(len(BROKEN))
    worker = stage.worker.process.pid if stage.worker.process else None
    told = {name: story(stage, meanwhile) for name, story in BROKEN.items()}
    async with at_once(healthy=healthy(stage, meanwhile), **told) as running:
        yield running
    assert stage.worker.process is not None
    assert stage.worker.process.pid == worker, "the worker did not crash"


TEXTS = {
    "missing_target": 'deployment podinfo.bad-target get query error: deployments "podinfo" not found',
    "unsupported_provider": "spec.provider: appmesh is not supported yet; use one of apisix, contour, ",
    "missing_config": 'configmap absent.bad-config get query error: configmaps "absent" not found',
    "unselectable_target": (
        "deployment podinfo.bad-selector spec.selector.matchLabels must contain one of "
        "['app', 'name', 'app.kubernetes.io/name']"
    ),
    "missing_template": ('Metric template absent.bad-template error: metrictemplates.flagger.app "absent" not found'),
    "unreachable_hook": "Halt podinfo.bad-hook advancement pre-rollout check smoke failed http://127.0.0.1:1/",
    "unreachable_prometheus": "Prometheus query failed: http://127.0.0.1:1",
    "talkative_prometheus": (
        "Prometheus query failed: not an answer of Prometheus: <html><body>please log in</body></html>"
    ),
}
AT_BOOTSTRAP = {"missing_target", "unsupported_provider", "missing_config", "unselectable_target"}


@pytest.mark.parametrize("story", list(BROKEN))
async def test_what_is_wrong_is_told_once(stories: Stories[Tale], story: str) -> None:
    """By the documented text, however often it is met again."""
    tale = await stories.told(story)
    assert [text for text in tale.told if text.startswith(TEXTS[story])] == [tale.told[-1]]


@pytest.mark.parametrize("story", list(BROKEN))
async def test_what_is_put_right_goes_on(stories: Stories[Tale], story: str) -> None:
    """Without a check counted as failed, and without anybody else's doing."""
    tale = await stories.told(story)
    before, after = ("Initializing", "Initialized") if story in AT_BOOTSTRAP else ("Progressing", "Succeeded")
    assert (tale.phase_while_broken, tale.phase, tale.failed_checks) == (before, after, 0)


async def test_canaries_on_other_targets_go_on_meanwhile(stories: Stories[Tale]) -> None:
    """Two healthy releases are promoted while everything around them is broken."""
    assert (await stories.told("healthy")).phase == "Succeeded"


async def test_an_unknown_provider_is_refused_on_apply(stage: Stage) -> None:
    """The API server says which there are."""
    canary: Json = unchecked("default")
    canary["spec"]["provider"] = "nonsense"
    with pytest.raises(
        KubectlFailed, match=r'spec\.provider: Unsupported value: "nonsense": supported values: "apisix"'
    ):
        await stage.world.kubectl("apply", "--dry-run=server", "-f", "-", manifest=json.dumps(canary))
