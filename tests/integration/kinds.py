"""The lives of canaries of other kinds than Deployments, as `test_targets` has them told.

A DaemonSet's pods are made by the real controller, a Service's traffic is split and counted by the mesh. Knative's
definitions are real; its controllers are not here, so the stories write what those would: revisions, and the status.
"""

from dataclasses import dataclass
from typing import Any

from k8s.client import Json
from k8s.resources import DAEMON_SETS, HTTP_ROUTES_V1, KNATIVE_REVISIONS, KNATIVE_SERVICES, SERVICES
from k8s.targets.daemonset import SCALE_TO_ZERO
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import IMAGE, NAME, Eye, Scene, a_scene, podinfo_of, temporal_of, unchecked
from workflows.state import Request
from workflows.steering import Command

SUCCESS_RATE = {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}
COLLECTION_SECONDS = 90.0
"""The cluster's garbage collector learns of new kinds every half minute: in a young world it takes its time."""
PATIENT = {"interval": "2s", "threshold": 8}
"""Prometheus needs two scrapes before it has anything to say of new pods."""


def a_canary_of(namespace: str, api_version: str, kind: str, *steps: int, **analysis: Any) -> Json:
    """A Canary of another kind than the guide's."""
    canary = unchecked(namespace, *steps, **analysis)
    canary["spec"]["targetRef"] = {"apiVersion": api_version, "kind": kind, "name": NAME}
    del canary["spec"]["autoscalerRef"]
    return canary


async def promoted(scene: Scene) -> list[str]:
    """The events of a release that is promoted."""
    await scene.until_event("Promotion completed!")
    await scene.until_phase("Succeeded")
    return list(scene.texts)


async def rolled_back(scene: Scene) -> list[str]:
    """The events of a release that is not."""
    await scene.until_event("Canary failed!")
    await scene.until_phase("Failed")
    return list(scene.texts)


# -- DaemonSet --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnNodes:
    """What was seen of a DaemonSet and its primary."""

    at_rest: tuple[Json, Json]
    after_promotion: tuple[Json, Json]
    good: list[str]
    after_rollback: tuple[Json, Json]
    bad: list[str]
    unschedulable: list[str]
    handed_back: Json


def daemon_set_of(namespace: str) -> Json:
    """The guide's application, one pod on every node."""
    deployment = podinfo_of(namespace)[0]
    spec = {key: deployment["spec"][key] for key in ("minReadySeconds", "selector", "template")}
    return DAEMON_SETS.header(namespace, NAME) | {"spec": spec}


async def on_every_node(stage: Stage) -> OnNodes:
    """Bootstrapped, promoted by its own built-in check, rolled back by it, rolled back by the deadline, handed back."""
    namespace = "target-daemonset"
    canary = a_canary_of(namespace, "apps/v1", "DaemonSet", metrics=[SUCCESS_RATE], **PATIENT)
    canary["spec"]["progressDeadlineSeconds"] = 5
    async with a_scene(stage, namespace) as scene, Eye(scene.cluster, DAEMON_SETS, namespace) as eye:

        def both() -> tuple[Json, Json]:
            return eye.get(NAME) or {}, eye.get(f"{NAME}-primary") or {}

        async def release(version: str) -> None:
            scene.watcher.events.clear()
            await scene.kubectl("set", "image", f"daemonset/{NAME}", f"podinfod={IMAGE}:{version}")

        await scene.apply(daemon_set_of(namespace), canary)
        await scene.until_phase("Initialized")
        await eye.until(lambda: available(both()[0]) == 0, "the target without pods")
        at_rest = both()
        async with Traffic(scene.url(canary=True), proxy=stage.proxy, per_second=10):
            await release("6.0.1")
            good = await promoted(scene)
        await eye.until(lambda: available(both()[0]) == 0, "the target without pods")
        after_promotion = both()
        async with Traffic(scene.url("status/500", canary=True), proxy=stage.proxy, per_second=10):
            await release("6.0.2")
            bad = await rolled_back(scene)
        after_rollback = both()
        scene.watcher.events.clear()
        await scene.patch("daemonset", NAME, nodes({"disk": "none"}))
        unschedulable = await rolled_back(scene)
        await scene.patch("daemonset", NAME, nodes({"disk": None}))
        await scene.kubectl("delete", "canary", NAME, "--timeout=40s")
        await eye.until(lambda: available(both()[0]) == 1, "the target on its node again")
        await eye.until(lambda: not both()[1], "the primary collected", seconds=COLLECTION_SECONDS)
        return OnNodes(at_rest, after_promotion, good, after_rollback, bad, unschedulable, both()[0])


def nodes(selector: Json) -> Json:
    """A patch of the node selector."""
    return {"spec": {"template": {"spec": {"nodeSelector": selector}}}}


def available(daemon_set: Json) -> int:
    """How many of its pods are; none is known while its status is old."""
    status = daemon_set.get("status") or {}
    current = status.get("observedGeneration") == daemon_set["metadata"]["generation"]
    return int(status.get("numberAvailable", 0)) if current else -1


def image(daemon_set: Json) -> str:
    """The tag that its pods run."""
    return str(daemon_set["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


def is_parked(daemon_set: Json) -> bool:
    """Whether it waits for nodes that do not exist."""
    return SCALE_TO_ZERO in daemon_set["spec"]["template"]["spec"].get("nodeSelector", {})


# -- Service ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Led:
    """Where the Services led."""

    at_rest: dict[str, str]
    good: list[str]
    after_promotion: dict[str, str]
    bad: list[str]
    after_rollback: dict[str, str]
    weights: list[int]
    users: dict[str, int]
    left: set[str]


def versioned(namespace: str, version: str, tag: str) -> Json:
    """A Deployment of podinfo beside others, told apart by a label of its pods."""
    deployment = podinfo_of(namespace)[0]
    labels = {"app": NAME, "version": version}
    deployment["metadata"]["name"] = f"{NAME}-{version}"
    deployment["spec"]["selector"] = {"matchLabels": labels}
    deployment["spec"]["template"]["metadata"]["labels"] = labels
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:{tag}"
    return deployment


def service_of(namespace: str, version: str) -> Json:
    """The Service that users call, as its team wrote it."""
    ports = [{"name": "http", "port": 9898, "targetPort": 9898}]
    return SERVICES.header(namespace, NAME) | {"spec": {"selector": {"app": NAME, "version": version}, "ports": ports}}


async def by_weights(stage: Stage) -> Led:
    """Led to a version that works, then to one that does not exist, then handed back."""
    namespace = "target-service"
    canary = a_canary_of(namespace, "core/v1", "Service", metrics=[SUCCESS_RATE], **PATIENT)
    async with a_scene(stage, namespace) as scene, Eye(scene.cluster, SERVICES, namespace) as eye:

        def versions() -> dict[str, str]:
            names = (NAME, f"{NAME}-primary", f"{NAME}-canary")
            return {name: obj["spec"]["selector"]["version"] for name in names if (obj := eye.get(name))}

        await scene.apply(versioned(namespace, "one", "6.0.0"), versioned(namespace, "two", "6.0.1"))
        await scene.kubectl("rollout", "status", f"deployment/{NAME}-one", f"deployment/{NAME}-two", "--timeout=60s")
        await scene.apply(service_of(namespace, "one"), canary)
        await scene.until_phase("Initialized")
        at_rest = versions()
        async with Traffic(scene.url(), proxy=stage.proxy, per_second=20) as users:
            scene.watcher.events.clear()
            await scene.patch("service", NAME, service_of(namespace, "two"))
            good = await promoted(scene)
            answers, after_promotion = dict(users.answers), versions()
            scene.watcher.events.clear()
            await scene.patch("service", NAME, service_of(namespace, "three"))
            bad = await rolled_back(scene)
        route = await scene.cluster.get(HTTP_ROUTES_V1.path(namespace, NAME))
        weights = [ref["weight"] for ref in route["spec"]["rules"][0]["backendRefs"]]
        after_rollback = versions()
        await scene.kubectl("delete", "canary", NAME, "--timeout=40s")
        await eye.until(lambda: set(versions()) == {NAME}, "the copies collected", seconds=COLLECTION_SECONDS)
        return Led(at_rest, good, after_promotion, bad, after_rollback, weights, answers, set(versions()))


async def blue_green(stage: Stage) -> list[str]:
    """All traffic at once, after two analyses beside it."""
    namespace = "target-service-bg"
    canary = a_canary_of(namespace, "v1", "Service", stepWeights=None, iterations=2)
    async with a_scene(stage, namespace) as scene:
        await scene.apply(service_of(namespace, "one"), canary)
        await scene.until_phase("Initialized")
        await scene.patch("service", NAME, service_of(namespace, "two"))
        texts = await promoted(scene)
        primary = await scene.cluster.get(SERVICES.path(namespace, f"{NAME}-primary"))
        assert primary["spec"]["selector"] == {"app": NAME, "version": "two"}
        return texts


# -- Knative ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Revised:
    """What was seen of a Knative Service."""

    early: list[str]
    at_rest: Json
    good: list[str]
    in_the_middle: Json
    after_promotion: Json
    bad: list[str]
    after_rollback: Json
    undone: Json
    handed_back: Json


def knative_of(namespace: str) -> Json:
    """A Knative Service as its team wrote it."""
    template = {"spec": {"containers": [{"image": f"{IMAGE}:6.0.0"}]}}
    return KNATIVE_SERVICES.header(namespace, NAME) | {"spec": {"template": template}}


async def revise(scene: Scene, number: int, *, ready: bool = True) -> None:
    """What Knative's controllers do after a change of the template: a revision, and the status of both."""
    name, state = f"{NAME}-0000{number}", "True" if ready else "False"
    revision = KNATIVE_REVISIONS.header(scene.namespace, name)
    revision["spec"] = {"containers": [{"image": f"{IMAGE}:6.0.{number}"}]}
    await scene.cluster.create(KNATIVE_REVISIONS.path(scene.namespace), revision)
    condition = {"type": "Ready", "status": state, "message": "no such image"}
    await scene.cluster.merge(
        f"{KNATIVE_REVISIONS.path(scene.namespace, name)}/status",
        {"status": {"observedGeneration": 1, "conditions": [condition]}},
    )
    routes = {"type": "RoutesReady", "status": "True"}
    await scene.cluster.merge(
        f"{KNATIVE_SERVICES.path(scene.namespace, NAME)}/status",
        {"status": {"latestCreatedRevisionName": name, "conditions": [routes]}},
    )


async def by_knative(stage: Stage) -> Revised:
    """A Canary that is there before Knative is, and then through its life."""
    namespace = "target-knative"
    canary = a_canary_of(namespace, "serving.knative.dev/v1", "Service")
    canary["spec"] |= {"provider": "knative", "service": {"port": 80}, "progressDeadlineSeconds": 5}
    definitions = stage.world.binaries.definitions["knative"]
    path = KNATIVE_SERVICES.path(namespace, NAME)
    await stage.world.kubectl("delete", "-f", str(definitions), "--ignore-not-found")
    async with a_scene(stage, namespace) as scene:
        await scene.apply(canary)
        await scene.until_event(f"service {NAME}.{namespace} get query error")
        await stage.world.define(definitions)
        await scene.cluster.create(KNATIVE_SERVICES.path(namespace), knative_of(namespace))
        await scene.until_event(f"Knative service {NAME}.{namespace} status.latestCreatedRevisionName is empty")
        early = list(scene.texts)
        await revise(scene, 1)
        await scene.until_phase("Initialized")
        at_rest = await scene.cluster.get(path)
        scene.watcher.events.clear()
        await revise(scene, 2)
        await scene.until(lambda: scene.watcher.weight == 40, "weight 40")
        in_the_middle = await scene.cluster.get(path)
        good = await promoted(scene)
        after_promotion = await scene.cluster.get(path)
        scene.watcher.events.clear()
        await revise(scene, 3, ready=False)
        bad = await rolled_back(scene)
        after_rollback = await scene.cluster.get(path)
        await undo(scene)
        undone = await scene.cluster.get(path)
        await scene.kubectl("delete", "canary", NAME, "--timeout=40s")
        handed_back = await scene.cluster.get(path)
    await stage.world.kubectl("delete", "-f", str(definitions), "--wait=false")
    return Revised(early, at_rest, good, in_the_middle, after_promotion, bad, after_rollback, undone, handed_back)


async def undo(scene: Scene) -> None:
    """As `serinus undo` does."""
    client = await temporal_of(scene.stage)
    handle = await client.start_workflow(
        "CanaryRollout",
        Request(canary=scene.ref),
        id=scene.workflow_id,
        task_queue="serinus",
        start_signal="undo",
        start_signal_args=[Command(by="ann", reason="orders are lost")],
    )
    await handle.result()


def traffic(service: Json) -> list[tuple[str, int]]:
    """Who gets how much."""
    return [(entry.get("revisionName", "latest"), entry["percent"]) for entry in service["spec"]["traffic"]]
