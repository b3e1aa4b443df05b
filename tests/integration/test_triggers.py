"""What starts a rollout: the pod template, a tracked ConfigMap, a tracked Secret; and what does not."""

import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import pytest

from k8s.client import Json
from k8s.resources import CONFIG_MAPS, DEPLOYMENTS, SECRETS
from playground.stage import Stage
from tests.integration.scenario import NAME, Scene, Stories, a_canary, at_once, unchecked
from tests.measuring import Measured

pytestmark = pytest.mark.integration

CONFIG, CREDENTIALS = "podinfo-config", "podinfo-credentials"
REFERENCES = {
    "envFrom": [{"configMapRef": {"name": CONFIG}}],
    "env": [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": CREDENTIALS, "key": "password"}}},
        {"name": "REGION", "value": "north"},
    ],
}
Change = Callable[[Scene], Awaitable[object]]


def config(color: str) -> Json:
    """The ConfigMap that the target reads."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG}, "data": {"COLOR": color}}


def credentials(password: str) -> Json:
    """The Secret that the target reads."""
    data = {"password": base64.b64encode(password.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": CREDENTIALS}, "type": "Opaque", "data": data}


async def with_configs(scene: Scene) -> None:
    """The target reads both."""
    await scene.apply(config("blue"), credentials("old"))
    target = await scene.read("deployment", NAME)
    target["spec"]["template"]["spec"]["containers"][0] |= REFERENCES
    await scene.apply({**target, "metadata": {"name": NAME, "namespace": scene.namespace}})


@dataclass(frozen=True)
class Tale:
    """A rollout from the change to its end."""

    phase: str
    texts: list[str]
    noticed_seconds: float
    container: Json
    config: Json
    credentials: Json
    images: tuple[str, str]


async def told(stage: Stage, namespace: str, change: Change) -> Tale:
    """Make the change, time the first event, wait for the end, and look at the primary."""
    async with a_canary(stage, namespace, unchecked(namespace), with_configs) as scene:
        scene.watcher.events.clear()
        started = time.monotonic()
        await change(scene)
        await scene.until_event("New revision detected!")
        noticed = scene.watcher.when("New revision detected!") - started
        phase = await scene.until_over()
        primary = await scene.read("deployment", f"{NAME}-primary")
        return Tale(
            phase=phase,
            texts=list(scene.texts),
            noticed_seconds=noticed,
            container=primary["spec"]["template"]["spec"]["containers"][0],
            config=await scene.read("configmap", f"{CONFIG}-primary"),
            credentials=await scene.read("secret", f"{CREDENTIALS}-primary"),
            images=(scene.watcher.image(NAME), scene.watcher.image(f"{NAME}-primary")),
        )


async def new_image(scene: Scene) -> None:
    """As `kubectl set image`, without the time that kubectl takes."""
    containers = (await scene.cluster.get(DEPLOYMENTS.path(scene.namespace, NAME)))["spec"]["template"]["spec"][
        "containers"
    ]
    containers[0]["image"] = "ghcr.io/stefanprodan/podinfo:6.0.1"
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await scene.cluster.merge(DEPLOYMENTS.path(scene.namespace, NAME), patch)


async def new_config(scene: Scene) -> None:
    """Another value in the ConfigMap."""
    await scene.cluster.merge(CONFIG_MAPS.path(scene.namespace, CONFIG), {"data": {"COLOR": "green"}})


async def new_credentials(scene: Scene) -> None:
    """Another value in the Secret."""
    patch = {"data": credentials("new")["data"]}
    await scene.cluster.merge(SECRETS.path(scene.namespace, CREDENTIALS), patch)


async def restart(scene: Scene) -> None:
    """As `kubectl rollout restart`."""
    mark = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    patch = {"spec": {"template": {"metadata": {"annotations": mark}}}}
    await scene.cluster.merge(DEPLOYMENTS.path(scene.namespace, NAME), patch)


async def harmless_edits(scene: Scene) -> None:
    """Everything but the template and the configs' content, and only in the end a new image."""
    await scene.kubectl("scale", f"deployment/{NAME}", "--replicas=1")
    await scene.kubectl("label", f"deployment/{NAME}", "team=birds")
    await scene.kubectl("annotate", f"deployment/{NAME}", "note=none")
    await scene.kubectl("label", f"configmap/{CONFIG}", "team=birds")
    await scene.kubectl("annotate", f"secret/{CREDENTIALS}", "note=none")
    await scene.kubectl("label", f"canary/{NAME}", "team=birds")
    await scene.kubectl("scale", f"deployment/{NAME}", "--replicas=0")
    await new_image(scene)


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time."""
    changes = {change.__name__: change for change in (new_image, new_config, new_credentials, restart, harmless_edits)}
    told_ = {name: told(stage, f"trigger-{name.replace('_', '-')}", change) for name, change in changes.items()}
    async with at_once(**told_) as running:
        yield running


@pytest.mark.parametrize("story", ["new_image", "new_config", "new_credentials", "restart"])
async def test_a_change_of_what_runs_starts_a_rollout(stories: Stories[Tale], story: str) -> None:
    """It is noticed, climbs its steps and is promoted."""
    tale = await stories.told(story)
    assert tale.phase == "Succeeded"
    assert [text for text in tale.texts if "Advance" in text][-1].endswith("canary weight 40")


async def test_detection_is_measured(stories: Stories[Tale], measured: Measured) -> None:
    """From the change to the first event, which tells of a target that is scaled up already."""
    names = ("new_image", "new_config", "new_credentials", "restart")
    seconds = [(await stories.told(name)).noticed_seconds for name in names]
    assert all(second > 0 for second in seconds)
    measured(f"change to first event, four canaries at once: median {median(seconds):.2f} s, worst {max(seconds):.2f}")


async def test_scale_labels_and_annotations_start_nothing(stories: Stories[Tale]) -> None:
    """After half a dozen such edits the first revision that is detected is the new image."""
    tale = await stories.told("harmless_edits")
    assert [text for text in tale.texts if "New revision" in text or "Promotion completed" in text] == [
        "New revision detected! Scaling up podinfo.trigger-harmless-edits",
        "Promotion completed! Scaling down podinfo.trigger-harmless-edits",
    ]
    assert tale.images[0] == tale.images[1]


async def test_the_primary_reads_copies_of_its_own(stories: Stories[Tale]) -> None:
    """References to tracked configs lead to the `-primary` copies; plain variables stay."""
    container = (await stories.told("new_image")).container
    assert container["envFrom"] == [{"configMapRef": {"name": f"{CONFIG}-primary"}}]
    assert container["env"] == [
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": f"{CREDENTIALS}-primary", "key": "password"}}},
        {"name": "REGION", "value": "north"},
    ]


@pytest.mark.parametrize(
    ("story", "color", "password"),
    [("new_image", "blue", "old"), ("new_config", "green", "old"), ("new_credentials", "blue", "new")],
)
async def test_the_copies_hold_what_was_promoted(stories: Stories[Tale], story: str, color: str, password: str) -> None:
    """The content at the promotion, of the ConfigMap and of the Secret."""
    tale = await stories.told(story)
    assert (tale.config["data"], tale.credentials["data"]) == ({"COLOR": color}, credentials(password)["data"])
    assert {owner["kind"] for owner in tale.config["metadata"]["ownerReferences"]} == {"Canary"}
