"""The objects that bootstrap, scaling and the finalizer make or change beside the primary's template."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench, Defaults
from activities.bootstrap import Bootstrap
from activities.finalize import Finalize
from activities.observe import Observe
from activities.promote import Promote
from activities.report import Reporter
from activities.scale import ScaleTarget
from k8s.capacity import AFTERWARDS
from k8s.errors import Unavailable
from k8s.resources import AUTOSCALERS, CANARIES, DEPLOYMENTS, EVENTS, SCALED_OBJECTS, SERVICES
from k8s.revision import template_hash
from k8s.scalers import copies
from tests.api_server import ApiServer, status
from tests.objects import a_canary, a_deployment, a_service, a_template, an_analysis
from workflows.effects import Look, Promotion, PromotionOutcome, Report, Scale
from workflows.observation import Observation, Phase, Revision

Json = dict[str, Any]
PODINFO = Look(namespace="test", name="podinfo")
CANARY = CANARIES.path("test", "podinfo")
TARGET, PRIMARY = DEPLOYMENTS.path("test", "podinfo"), DEPLOYMENTS.path("test", "podinfo-primary")
HPA, HPA_COPY = AUTOSCALERS.path("test", "podinfo"), AUTOSCALERS.path("test", "podinfo-primary")
KEDA = SCALED_OBJECTS.path("test", "podinfo")
HPA_REF = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
KEDA_REF = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "podinfo"}
PAUSED = {"autoscaling.keda.sh/paused-replicas": "0"}


class Rig:
    """The activities over one API server."""

    def __init__(self, api: ApiServer, bench: Bench) -> None:
        self.api, self.bench = api, bench

    def set(self, **settings: Any) -> None:
        """Other settings of the worker."""
        self.bench = replace(self.bench, defaults=Defaults(**settings))

    async def given(self, *, canary: Json | None = None, target: Json | None = None, **spec: Any) -> None:
        """A Canary of this spec, and a target of two pods."""
        await self.api.put(CANARY, canary or a_canary(**spec))
        await self.api.put(TARGET, target or a_deployment())

    async def bootstrapped(self, **spec: Any) -> None:
        """A primary of the target's first version; the target has the second."""
        await self.given(**spec)
        await self.create_primary()
        await self.open_traffic()
        await self.api.put(TARGET, a_deployment(template=a_template(image="podinfo:2"), replicas=2))

    async def observe(self) -> Observation:
        """Look."""
        return await ActivityEnvironment().run(Observe(self.bench).observe, PODINFO)

    async def create_primary(self) -> None:
        """Bootstrap, its first half."""
        await ActivityEnvironment().run(Bootstrap(self.bench, Reporter(self.bench)).create_primary, PODINFO)

    async def open_traffic(self) -> None:
        """Bootstrap, its second half; also what follows an edit of the Canary."""
        await ActivityEnvironment().run(Bootstrap(self.bench, Reporter(self.bench)).open_traffic, PODINFO)

    async def scale(self, *, up: bool) -> None:
        """The target, at the start or the end of a rollout."""
        scaler = ScaleTarget(self.bench, Reporter(self.bench))
        await ActivityEnvironment().run(scaler.scale, Scale(canary=PODINFO, up=up))

    async def promote(self) -> None:
        """The target's template goes to the primary."""
        order = Promotion(
            canary=PODINFO,
            revision=Revision(template=template_hash(self.read(TARGET)["spec"]["template"])),
            report=Report(canary=PODINFO, phase=Phase.PROMOTING),
        )
        promotion = Promote(self.bench, Reporter(self.bench))
        assert await ActivityEnvironment().run(promotion.promote, order) is PromotionOutcome.COPIED

    async def undo(self) -> None:
        """Take the promotion back."""
        await ActivityEnvironment().run(Promote(self.bench, Reporter(self.bench)).undo_promotion, PODINFO)

    async def hand_back(self) -> None:
        """The finalizer."""
        assert await ActivityEnvironment().run(Finalize(self.bench).hand_back, PODINFO)

    async def change(self, path: str, **fields: Any) -> None:
        """Somebody else changes fields of an object, be they of its metadata, its spec or its status."""
        obj = deepcopy(self.read(path))
        for field, change in fields.items():
            obj[field] = obj.get(field, {}) | change
        await self.api.put(path, obj)

    def read(self, path: str) -> Json:
        """An object as it is now."""
        obj = self.api.read(path)
        assert obj
        return obj

    @property
    def warnings(self) -> list[str]:
        """Texts of the Warning events."""
        events = [obj for where, obj in self.api.objects.items() if where.plural == EVENTS.plural]
        return [event["message"] for event in events if event["type"] == "Warning"]


@pytest.fixture
def rig(api: ApiServer, bench: Bench) -> Rig:
    """With the settings' defaults."""
    return Rig(api, bench)


def a_hpa(**spec: Any) -> Json:
    """Of the target, between 1 and 10 replicas."""
    return {"metadata": {}, "spec": {"scaleTargetRef": {"name": "podinfo"}, "minReplicas": 1, "maxReplicas": 10} | spec}


def a_scaled_object() -> Json:
    """Of the target, between 3 and 10 replicas."""
    return {
        "metadata": {},
        "spec": {"scaleTargetRef": {"name": "podinfo"}, "minReplicaCount": 3, "maxReplicaCount": 10},
    }


# -- services ---------------------------------------------------------------------------------------------------------


async def test_discovered_ports(rig: Rig) -> None:
    """All three Services get the ports of the containers."""
    template = a_template()
    template["spec"]["containers"].append({"name": "metrics", "ports": [{"containerPort": 9797}]})
    await rig.given(target=a_deployment(template=template), service=a_service(portDiscovery=True))
    await rig.create_primary()
    await rig.open_traffic()
    for name in ("podinfo", "podinfo-primary", "podinfo-canary"):
        ports = rig.read(SERVICES.path("test", name))["spec"]["ports"]
        assert [port["name"] for port in ports] == ["http", "tcp-metrics-0"]


async def test_ports_that_no_service_can_have(rig: Rig) -> None:
    """They are a problem of the Canary, seen before anything is made."""
    await rig.given(service=a_service(portName="HTTP"))
    assert "'HTTP' cannot name a port of a Service" in (await rig.observe()).problem


async def test_another_service_name(rig: Rig) -> None:
    """The former objects stay, and are named once."""
    await rig.given(service=a_service(name="old"))
    await rig.create_primary()
    await rig.open_traffic()
    assert rig.warnings == []
    await rig.given(service=a_service(name="new"))
    for _ in range(2):
        await rig.open_traffic()
    (warning,) = rig.warnings
    assert warning == (
        "The service name changed to new, remove old objects to avoid routing conflicts: "
        "Service old, old-canary, old-primary, and the route between them"
    )
    assert rig.read(SERVICES.path("test", "old-primary"))


# -- the primary's metadata -------------------------------------------------------------------------------------------


async def test_target_of_another_canary(rig: Rig) -> None:
    """Two would release against each other: the one that made the primary keeps it, and the other is told why."""
    first = CANARIES.path("test", "first")
    await rig.given()
    await rig.create_primary()
    primary = rig.read(PRIMARY)
    (owner,) = primary["metadata"]["ownerReferences"]
    assert (await rig.observe()).problem == ""
    await rig.api.put(first, a_canary(metadata={"name": "first", "uid": "uid-first"}))
    await rig.change(PRIMARY, metadata={"ownerReferences": [owner | {"name": "first", "uid": "uid-first"}]})
    assert (await rig.observe()).problem == (
        "spec.targetRef: deployment podinfo.test is the target of Canary first too; "
        "delete one of the two Canaries, or write another target"
    )
    elsewhere = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    await rig.api.put(first, a_canary(metadata={"name": "first", "uid": "uid-first"}, targetRef=elsewhere))
    assert (await rig.observe()).problem == ""
    await rig.api.remove(first)
    assert (await rig.observe()).problem == ""


async def test_metadata_is_stable(rig: Rig) -> None:
    """What passes the prefix filter follows the target, at the making of the primary as at every promotion."""
    rig.set(include_label_prefix=("team/",))
    target = a_deployment()
    target["metadata"] |= {"labels": {"team/a": "1", "app": "x"}, "annotations": {"team/note": "1", "other": "x"}}
    await rig.given(target=target)
    await rig.create_primary()
    metadata = rig.read(PRIMARY)["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == (
        {"team/a": "1", "app": "podinfo-primary"},
        {"team/note": "1"},
    )
    await rig.change(
        PRIMARY, metadata={"annotations": metadata["annotations"] | {"deployment.kubernetes.io/revision": "1"}}
    )
    newer = a_deployment(template=a_template(image="podinfo:2"))
    newer["metadata"] |= {"labels": {"team/b": "2"}}
    await rig.api.put(TARGET, newer)
    await rig.promote()
    metadata = rig.read(PRIMARY)["metadata"]
    assert metadata["labels"] == {"team/b": "2", "app": "podinfo-primary"}
    assert metadata["annotations"] == {"deployment.kubernetes.io/revision": "1"}


async def test_promotion_of_the_same(rig: Rig) -> None:
    """Pods roll only if the template differs."""
    await rig.bootstrapped()
    await rig.promote()
    before = deepcopy(rig.read(PRIMARY))
    await rig.promote()
    assert rig.read(PRIMARY) == before


# -- configs ----------------------------------------------------------------------------------------------------------


async def test_tracking_off(rig: Rig) -> None:
    """The primary shares the target's configs, and configs that were tracked before start no rollout."""
    template = a_template()
    template["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    await rig.given(
        canary=a_canary(status={"trackedConfigs": {"configmap/settings": "c0ffee"}}),
        target=a_deployment(template=template),
    )
    rig.set(enable_config_tracking=False)
    await rig.create_primary()
    seen = await rig.observe()
    assert seen.problem == ""
    assert seen.revision == Revision(template=template_hash(template))
    assert seen.status.configs is None
    primary = rig.read(PRIMARY)["spec"]["template"]["spec"]["containers"][0]
    assert primary["envFrom"] == [{"configMapRef": {"name": "settings"}}]
    await Reporter(rig.bench).report(Report(canary=PODINFO, phase=Phase.INITIALIZED, applied=seen.revision))
    assert "trackedConfigs" not in rig.read(CANARY)["status"]


# -- references -------------------------------------------------------------------------------------------------------


async def test_references_to_other_namespaces(rig: Rig) -> None:
    """Allowed until the worker's setting says otherwise."""
    metric = {"name": "latency", "templateRef": {"name": "latency", "namespace": "other"}}
    await rig.given(analysis=an_analysis(metrics=[metric]))
    assert (await rig.observe()).problem == ""
    rig.set(no_cross_namespace_refs=True)
    assert "can't access metric template latency.other" in (await rig.observe()).problem


# -- autoscalers ------------------------------------------------------------------------------------------------------


async def test_pause_of_the_target(rig: Rig) -> None:
    """At zero outside of rollouts, working during one and after the Canary; each twice as once."""
    await rig.api.put(KEDA, a_scaled_object())
    await rig.bootstrapped(autoscalerRef=KEDA_REF)
    up, down = partial(rig.scale, up=True), partial(rig.scale, up=False)
    for step, annotations, replicas in ((down, PAUSED, 0), (up, {}, 3), (down, PAUSED, 0), (rig.hand_back, {}, 2)):
        for _ in range(2):
            await step()
            assert rig.read(KEDA)["metadata"].get("annotations", {}) == annotations
            assert rig.read(TARGET)["spec"]["replicas"] == replicas


async def test_sync_at_rest(rig: Rig) -> None:
    """Only where it was opted in is a changed autoscaler seen, until it was followed."""
    await rig.api.put(HPA, a_hpa())
    await rig.bootstrapped(autoscalerRef=HPA_REF)
    await rig.change(HPA, spec={"maxReplicas": 20})
    assert (await rig.observe()).scaler_is_current
    rig.set(sync_scalers=True)
    assert not (await rig.observe()).scaler_is_current
    await rig.open_traffic()
    assert (await rig.observe()).scaler_is_current
    assert rig.read(HPA_COPY)["spec"]["maxReplicas"] == 20


async def with_scaled_in_primary(rig: Rig) -> None:
    """Two pods of the primary and two of the canary serve what the primary is going to serve alone."""
    await rig.api.put(HPA, a_hpa())
    await rig.bootstrapped(autoscalerRef=HPA_REF)
    await rig.change(HPA_COPY, status={"conditions": [{"type": "ScalingActive", "status": "True"}]})


def size(rig: Rig) -> tuple[int, int]:
    """Of the primary, and the least that its autoscaler allows."""
    return rig.read(PRIMARY)["spec"]["replicas"], rig.read(HPA_COPY)["spec"]["minReplicas"]


async def test_capacity_for_the_returning_traffic(rig: Rig) -> None:
    """The primary has as many pods as served until the target goes, and then its autoscaler is free again."""
    await with_scaled_in_primary(rig)
    await rig.promote()
    assert size(rig) == (4, 4)
    await rig.promote()
    assert size(rig) == (4, 4)
    for _ in range(2):
        await rig.scale(up=False)
        assert size(rig) == (4, 1)


async def test_capacity_is_kept_through_a_rollout(rig: Rig) -> None:
    """An abort, or a newer revision, brings all traffic back at once: the primary was not scaled in meanwhile."""
    await with_scaled_in_primary(rig)
    await rig.change(PRIMARY, spec={"replicas": 4})
    for _ in range(2):
        await rig.scale(up=True)
        assert size(rig) == (4, 4)
    await rig.scale(up=False)
    assert size(rig) == (4, 1)


async def test_capacity_after_a_crash(rig: Rig) -> None:
    """A second attempt neither forgets nor multiplies."""
    await with_scaled_in_primary(rig)

    async def crash(request: web.Request) -> web.Response | None:
        return status(503, "away") if (request.method, request.path) == ("PUT", PRIMARY) else None

    rig.api.intercepts.append(crash)
    with pytest.raises(Unavailable):
        await rig.promote()
    assert size(rig) == (2, 4)
    await rig.change(PRIMARY, spec={"replicas": 4})  # as the autoscaler does meanwhile
    rig.api.intercepts.clear()
    await rig.promote()
    assert size(rig) == (4, 4)


async def test_capacity_after_taking_back(rig: Rig) -> None:
    """The former revision bears the traffic as well; then the autoscaler is free."""
    await with_scaled_in_primary(rig)
    await rig.promote()
    await rig.undo()
    assert size(rig) == (4, 4)
    await rig.scale(up=False)
    assert size(rig) == (4, 1)


async def test_capacity_without_an_autoscaler(rig: Rig) -> None:
    """A target that was made smaller makes the primary smaller once the traffic is back, not before."""
    await rig.bootstrapped()
    await rig.change(PRIMARY, spec={"replicas": 5})
    for _ in range(2):
        await rig.promote()
        assert rig.read(PRIMARY)["spec"]["replicas"] == 5
    for _ in range(2):
        await rig.scale(up=False)
        assert rig.read(PRIMARY)["spec"]["replicas"] == 2
        assert AFTERWARDS not in rig.read(PRIMARY)["metadata"].get("annotations", {})


async def test_size_after_taking_back(rig: Rig) -> None:
    """The size of a revision that was not kept is not kept either."""
    await rig.bootstrapped()
    await rig.change(PRIMARY, spec={"replicas": 5})
    await rig.promote()
    await rig.undo()
    await rig.scale(up=False)
    assert rig.read(PRIMARY)["spec"]["replicas"] == 5


async def test_target_that_is_gone(rig: Rig) -> None:
    """It cannot be scaled down further, and the primary is let go all the same."""
    await with_scaled_in_primary(rig)
    await rig.promote()
    await rig.api.remove(TARGET)
    await rig.scale(up=False)
    assert copies.held_by(rig.read(HPA_COPY)) == 0
