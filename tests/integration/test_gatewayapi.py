"""The router on the real HTTPRoute definition, v1 and v1beta1: what it changes, and what of others it leaves alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import CANARIES, HTTP_ROUTES_V1, HTTP_ROUTES_V1BETA1, Resource
from k8s.routers.base import Split
from k8s.routers.gatewayapi import GatewayApiRouter
from playground.stage import Stage
from tests.integration.scenario import (
    NAME,
    USER_AGENT,
    Eye,
    Scene,
    a_canary,
    a_scene,
    assert_in_order,
    unchecked,
)

pytestmark = pytest.mark.integration

VERSIONS = {"v1": HTTP_ROUTES_V1, "v1beta1": HTTP_ROUTES_V1BETA1}
NOTE = {"example.com/owner": "birds"}


@dataclass(frozen=True)
class Rig:
    """A router with a Canary that no worker acts on, since it is suspended."""

    cluster: Cluster
    router: GatewayApiRouter
    resource: Resource
    canary: Canary
    raw: Json

    async def route(self) -> Json:
        """The HTTPRoute as it is now."""
        return await self.cluster.get(self.path)

    @property
    def path(self) -> str:
        """Of the HTTPRoute."""
        return self.resource.path(self.canary.namespace, NAME)

    async def initialize(self) -> None:
        """As at bootstrap."""
        await self.router.initialize(self.cluster, self.canary, self.raw)

    async def set(self, weight: int, cluster: Cluster | None = None) -> None:
        """As at a step."""
        await self.router.set(cluster or self.cluster, self.canary, self.raw, Split(weight))

    async def get(self) -> Split | None:
        """What the cluster says."""
        return await self.router.get(self.cluster, self.canary)

    async def obstacle(self) -> str:
        """Why the data plane does not honour the route."""
        return await self.router.obstacle(self.cluster, self.canary)


def substance(route: Json) -> Json:
    """All but what the mesh writes beside us, the status, and the marks of its writing."""
    metadata = {k: v for k, v in route["metadata"].items() if k not in {"resourceVersion", "managedFields"}}
    return {"metadata": metadata, "spec": route["spec"]}


class Interfered(Cluster):
    """A cluster in which somebody else edits the object just before our first patch of it arrives."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster._api)
        self.conflicts = 1

    async def merge(self, path: str, body: Json) -> Json:
        """Let the other one go first, once."""
        if self.conflicts:
            self.conflicts -= 1
            await super().merge(path, {"metadata": {"annotations": NOTE}})
        return await super().merge(path, body)


@pytest.fixture(scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """An empty namespace."""
    async with a_scene(stage, "router") as scene:
        yield scene


@pytest.fixture(params=list(VERSIONS))
async def rig(scene: Scene, stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """The router of each version, before there is a route."""
    canary = unchecked(scene.namespace)
    canary["spec"]["suspend"] = True
    async with AsyncExitStack() as stack:
        connecting = Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT)
        cluster = await stack.enter_async_context(connecting)
        raw = await cluster.create(CANARIES.path(scene.namespace), canary)
        stack.push_async_callback(cluster.delete, CANARIES.path(scene.namespace, NAME))
        resource = VERSIONS[request.param]
        rig = Rig(cluster, GatewayApiRouter(resource), resource, load_canary(raw), raw)
        stack.push_async_callback(rig.router.finalize, cluster, rig.canary, raw)
        yield rig


# -- making and changing it -------------------------------------------------------------------------------------------


async def test_it_is_made_once(rig: Rig) -> None:
    """All traffic on the primary, attached as the Canary says, and the second time nothing is changed."""
    await rig.initialize()
    first = await rig.route()
    await rig.initialize()
    assert substance(await rig.route()) == substance(first)
    [parent] = first["spec"]["parentRefs"]
    assert parent == {"group": "core", "kind": "Service", "name": NAME, "namespace": "router", "port": 9898}
    assert await rig.get() == Split(0)
    assert first["metadata"]["ownerReferences"][0]["uid"] == rig.raw["metadata"]["uid"]


async def test_weights_are_set_and_read(rig: Rig) -> None:
    """In percent, summing to 100; the same weight again changes nothing."""
    await rig.initialize()
    for weight in (5, 100, 0, 40):
        await rig.set(weight)
        assert await rig.get() == Split(weight)
    before = await rig.route()
    await rig.set(40)
    assert substance(await rig.route()) == substance(before)


async def test_initializing_keeps_the_weights(rig: Rig) -> None:
    """An edit of the spec in the middle of a rollout brings the attachment, and moves no traffic."""
    await rig.initialize()
    await rig.set(30)
    service = rig.raw["spec"]["service"] | {"hosts": ["podinfo.example.com"]}
    edited = load_canary(rig.raw | {"spec": rig.raw["spec"] | {"service": service}})
    await rig.router.initialize(rig.cluster, edited, rig.raw)
    assert (await rig.route())["spec"]["hostnames"] == ["podinfo.example.com"]
    assert await rig.get() == Split(30)


async def test_a_concurrent_edit_survives(rig: Rig) -> None:
    """Somebody was faster: the write is refused by the server, and done again on what they wrote."""
    await rig.initialize()
    interfered = Interfered(rig.cluster)
    await rig.set(25, interfered)
    route = await rig.route()
    assert (interfered.conflicts, route["metadata"]["annotations"].items() >= NOTE.items()) == (0, True)
    assert await rig.get() == Split(25)


async def test_what_others_wrote_survives(rig: Rig) -> None:
    """Annotations, rules of their own, and filters and time-outs in ours."""
    await rig.initialize()
    rules = (await rig.route())["spec"]["rules"]
    theirs = {
        "matches": [{"path": {"type": "Exact", "value": "/static"}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": "cdn", "port": 80, "weight": 1}],
    }
    header = {"name": "x-seen", "value": "yes"}
    rules[0]["filters"] = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [header]}}]
    rules[0]["timeouts"] = {"request": "5s"}
    await rig.cluster.merge(rig.path, {"metadata": {"annotations": NOTE}, "spec": {"rules": [theirs, *rules]}})
    await rig.set(15)
    await rig.initialize()
    route = await rig.route()
    assert route["metadata"]["annotations"].items() >= NOTE.items()
    assert route["spec"]["rules"][0] == theirs
    assert route["spec"]["rules"][1]["filters"] == rules[0]["filters"]
    assert route["spec"]["rules"][1]["timeouts"] == {"request": "5s"}
    assert await rig.get() == Split(15)


async def test_a_deleted_route_is_made_again(rig: Rig) -> None:
    """With the weight that is wanted."""
    await rig.initialize()
    await rig.cluster.delete(rig.path)
    assert await rig.get() is None
    await rig.set(35)
    assert await rig.get() == Split(35)


async def test_rules_without_both_services_are_replaced(rig: Rig) -> None:
    """Somebody led the route elsewhere: the next step leads the traffic again."""
    await rig.initialize()
    await rig.cluster.merge(rig.path, {"spec": {"rules": [{"backendRefs": [{"name": "other", "port": 80}]}]}})
    assert await rig.get() is None
    await rig.set(10)
    assert await rig.get() == Split(10)


async def test_finalizing_deletes_only_ours(rig: Rig) -> None:
    """A route of the same name that belongs to nobody stays."""
    await rig.initialize()
    await rig.router.finalize(rig.cluster, rig.canary, rig.raw)
    assert await rig.get() is None
    spec = {"rules": [{"backendRefs": [{"name": "other", "port": 80}]}]}
    await rig.cluster.create(
        rig.resource.path(rig.canary.namespace), rig.resource.header("router", NAME) | {"spec": spec}
    )
    await rig.router.finalize(rig.cluster, rig.canary, rig.raw)
    await rig.cluster.delete(rig.path)


# -- whether the data plane honours it --------------------------------------------------------------------------------


def spoken(status: str, **more: object) -> Json:
    """What a controller says of a parent."""
    now = "2026-01-01T00:00:00Z"
    accepted = {"type": "Accepted", "status": status, "reason": "Tested", "message": "", "lastTransitionTime": now}
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
    return {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": [accepted | more]}


@pytest.mark.parametrize(
    ("parent", "honoured"),
    [
        (spoken("True"), True),
        (spoken("True", observedGeneration=99), True),
        (spoken("True", observedGeneration=0), False),
        (spoken("False"), False),
        (spoken("Unknown"), False),
    ],
    ids=["as-linkerd-writes-it", "current", "of-an-older-generation", "refused", "undecided"],
)
async def test_acceptance(rig: Rig, parent: Json, *, honoured: bool) -> None:
    """Accepted counts without observedGeneration too, and not when it speaks of an older generation."""
    await rig.initialize()
    await rig.cluster.merge(f"{rig.path}/status", {"status": {"parents": [parent]}})
    assert (await rig.obstacle() == "") is honoured


async def test_a_refused_route_holds_the_rollout(stage: Stage) -> None:
    """Told once by the documented text, counted as no failure, and over as soon as the parent accepts."""
    namespace = "router-refused"
    async with (
        a_canary(stage, namespace, unchecked(namespace, 20, 40)) as scene,
        Eye(scene.cluster, HTTP_ROUTES_V1, namespace) as routes,
    ):
        status = f"{HTTP_ROUTES_V1.path(namespace, NAME)}/status"
        linkerd = (routes.get(NAME) or {})["status"]["parents"]
        await scene.cluster.merge(status, {"status": {"parents": [*linkerd, spoken("False")]}})
        await scene.release()
        text = (
            rf"HTTPRoute podinfo\.{namespace} parent public is not ready \(status: False, .*current generation: \d+\)"
        )
        await scene.until_event(f"HTTPRoute podinfo.{namespace}")
        assert scene.watcher.weight == 20
        await scene.cluster.merge(status, {"status": {"parents": [*linkerd, spoken("True")]}})
        assert await scene.until_over() == "Succeeded"
        assert_in_order(scene.texts, [r"Advance .* weight 20", text, r"Advance .* weight 40"])
        assert len([line for line in scene.texts if line.startswith("HTTPRoute")]) == 1
        assert scene.watcher.status["failedChecks"] == 0
