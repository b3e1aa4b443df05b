"""The router on the real HTTPRoute definition, v1 and v1beta1: what it changes, and what of others it leaves alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import pytest

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import CANARIES, HTTP_ROUTES_V1, HTTP_ROUTES_V1BETA1, SERVICES, Resource
from k8s.routers.base import Split
from k8s.routers.gatewayapi.router import GatewayApiRouter
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

    async def set(self, weight: int) -> None:
        """As at a step."""
        await self.router.set(self.cluster, self.canary, self.raw, Split(weight))

    def with_spec(self, **spec: Json) -> "Rig":
        """The Canary with these parts of its spec replaced, and cookies in its status."""
        status = {"sessionAffinityCookie": "side=abc", "primarySessionAffinityCookie": "side-primary=def"}
        raw = {**self.raw, "spec": {**self.raw["spec"], **spec}, "status": status}
        return replace(self, raw=raw, canary=load_canary(raw))

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


@pytest.fixture(scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """A namespace with the apex Service alone: a route to a Service that is not there would be refused by the mesh."""
    async with a_scene(stage, "router") as scene:
        service = SERVICES.header(scene.namespace, "podinfo") | {"spec": {"ports": [{"port": 9898}]}}
        await scene.cluster.create(SERVICES.path(scene.namespace), service)
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


EVERYTHING: Json = {
    "port": 9898,
    "gatewayRefs": [{"name": "public"}],
    "hosts": ["podinfo.example.com"],
    "match": [
        {"uri": {"prefix": "/api"}, "method": {"exact": "GET"}, "headers": {"x-a": {"exact": "1"}}},
        {"uri": {"regex": "/v[0-9]+"}, "queryParams": {"q": {"regex": "a.*"}}},
    ],
    "rewrite": {"uri": "/new", "authority": "example.com"},
    "headers": {
        "request": {"add": {"x-b": "1"}, "set": {"x-c": "2"}, "remove": ["x-d"]},
        "response": {"remove": ["server"]},
    },
    "mirror": [
        {"backendRef": {"name": "audit", "port": 80}, "fraction": {"numerator": 5}},
        {"backendRef": {"name": "log", "port": 80}, "percent": 3},
    ],
    "corsPolicy": {
        "allowOrigin": ["https://a.example"],
        "allowMethods": ["GET"],
        "allowHeaders": ["x-a"],
        "exposeHeaders": ["x-b"],
        "maxAge": "24h",
        "allowCredentials": True,
    },
    "timeout": "15s",
    "backendTimeout": "5s",
}
COMMON: Json = {"interval": "30s", "threshold": 5}
MATCH: list[Json] = [{"headers": {"x-canary": {"exact": "insider"}}}, {"queryParams": {"v": {"exact": "2"}}}]
ANALYSES: dict[str, Json] = {
    "weights": {"stepWeight": 10, "mirror": True, "mirrorWeight": 25},
    "ab-testing": {"iterations": 5, "match": MATCH},
    "affinity": {"stepWeight": 10, "sessionAffinity": {"cookieName": "side", "path": "/", "secure": True}},
}


@pytest.mark.parametrize("analysis", list(ANALYSES))
async def test_the_definition_knows_all_that_is_written(rig: Rig, analysis: str) -> None:
    """Every field in each strategy; nothing of it is dropped, and what is read back is what would be written."""
    rig = rig.with_spec(service=EVERYTHING, analysis=COMMON | ANALYSES[analysis])
    assert rig.router.problem(rig.canary) == ""
    await rig.initialize()
    for split in (Split(0, mirrored=analysis == "weights"), Split(30)):
        await rig.router.set(rig.cluster, rig.canary, rig.raw, split)
        assert await rig.get() == split
        before = await rig.route()
        await rig.initialize()
        assert (await rig.route())["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_what_others_wrote_survives(rig: Rig) -> None:
    """Annotations, and rules that lead elsewhere."""
    await rig.initialize()
    rules = (await rig.route())["spec"]["rules"]
    theirs = {
        "matches": [{"path": {"type": "Exact", "value": "/static"}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": "cdn", "port": 80, "weight": 1}],
    }
    await rig.cluster.merge(rig.path, {"metadata": {"annotations": NOTE}, "spec": {"rules": [theirs, *rules]}})
    await rig.set(15)
    await rig.initialize()
    route = await rig.route()
    assert route["metadata"]["annotations"].items() >= NOTE.items()
    assert route["spec"]["rules"][0] == theirs
    assert await rig.get() == Split(15)


async def test_only_backends_of_a_users_route_change(rig: Rig) -> None:
    """By the annotation; and in the end the route is as it was."""
    rule = {
        "matches": [{"path": {"type": "Exact", "value": "/api"}}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}],
    }
    led = {"timeouts": {"request": "5s"}, "backendRefs": [{"name": NAME, "port": 9898}]}
    spec = {"parentRefs": [{"name": "theirs"}], "rules": [rule, led]}
    await rig.cluster.create(rig.resource.path("router"), rig.resource.header("router", NAME) | {"spec": spec})
    theirs = substance(await rig.route())["spec"]
    raw = rig.raw | {"metadata": rig.raw["metadata"] | {"annotations": {"serinus.dev/http-route": "backendRefs"}}}
    rig = replace(rig, raw=raw, canary=load_canary(raw))
    await rig.initialize()
    await rig.set(40)
    assert await rig.get() == Split(40)
    changed = (await rig.route())["spec"]
    assert (changed["parentRefs"], changed["rules"][0]) == (theirs["parentRefs"], theirs["rules"][0])
    assert changed["rules"][1]["timeouts"] == {"request": "5s"}
    await rig.router.finalize(rig.cluster, rig.canary, rig.raw)
    assert substance(await rig.route())["spec"] == theirs
    await rig.cluster.delete(rig.path)


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
