"""Every router of the registry keeps the contract on a real API server, with the real definitions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from k8s.apply import amend
from k8s.client import Cluster, Json
from k8s.errors import NotFound, Unavailable
from k8s.resources import CANARIES, SERVICES, TRAFFIC_SPLITS_V1ALPHA3, Resource
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.registry import router_for
from playground.stage import Stage
from tests.integration.scenario import USER_AGENT, Scene, a_scene
from tests.router_contract import CASES, CONTRACT, Claim, Rig, a_rig

pytestmark = pytest.mark.integration
NAMESPACE = "routers"
DEFINITIONS = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
SECONDS = 90


@pytest.fixture(scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """Every mesh's definitions, and the apex Service alone: a route to none would be refused by the mesh."""
    await stage.world.define(*stage.world.binaries.definitions.values())
    async with a_scene(stage, NAMESPACE) as scene:
        service = SERVICES.header(scene.namespace, "podinfo") | {"spec": {"ports": [{"port": 9898}]}}
        await scene.cluster.create(SERVICES.path(scene.namespace), service)
        await serve(scene.cluster, TRAFFIC_SPLITS_V1ALPHA3, served=True)  # defined, and by Open Service Mesh not served
        yield scene


@pytest.fixture(params=[provider for provider, case in CASES.items() if case.in_playground])
async def rig(scene: Scene, stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """The router of each provider, with a Canary that no worker acts on, since it is suspended."""
    async with AsyncExitStack() as stack:
        connecting = Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT)
        cluster = await stack.enter_async_context(connecting)
        undefining = partial(undefined, cluster)
        rig = a_rig(cluster, router_for(request.param), request.param, scene.namespace, undefining)
        for path, obj in rig.case.needs.items():
            collection, _, name = path.format(namespace=scene.namespace).rpartition("/")
            await cluster.create(collection, {**obj, "metadata": {**obj["metadata"], "namespace": scene.namespace}})
            stack.push_async_callback(cluster.delete, f"{collection}/{name}")
        wanted = {**rig.raw, "spec": {**rig.raw["spec"], "suspend": True}}
        raw = await cluster.create(CANARIES.path(scene.namespace), wanted)
        stack.push_async_callback(cluster.delete, CANARIES.path(scene.namespace, rig.canary.name))
        rig = replace(rig, raw=raw)
        stack.push_async_callback(rig.router.finalize, cluster, rig.canary, raw)
        yield rig


@asynccontextmanager
async def undefined(cluster: Cluster, resource: Resource) -> AsyncIterator[None]:
    """The API server does not serve the kind, and keeps its objects."""
    await serve(cluster, resource, served=False)
    try:
        yield
    finally:
        await serve(cluster, resource, served=True)


async def serve(cluster: Cluster, resource: Resource, *, served: bool) -> None:
    """Serve that version of the kind, or no more; returns when it is so."""
    wanted = resource.api_version.rpartition("/")[2]

    def change(definition: Json) -> Json:
        versions = definition["spec"]["versions"]
        return {
            "spec": {"versions": [each | ({"served": served} if each["name"] == wanted else {}) for each in versions]}
        }

    await amend(cluster, DEFINITIONS.path(name=f"{resource.plural}.{resource.group}"), change)
    async with asyncio.timeout(SECONDS):
        while await is_served(cluster, resource) is not served:  # noqa: ASYNC110 - a handler that goes tells nobody
            await asyncio.sleep(0.05)


async def is_served(cluster: Cluster, resource: Resource) -> bool:
    """Whether the API server knows the kind."""
    try:
        await cluster.get(resource.path())
    except (NotFound, Unavailable):
        return False
    return True


@pytest.mark.parametrize("claim", CONTRACT, ids=lambda claim: claim.__name__)
async def test_contract(rig: Rig, claim: Claim) -> None:
    """Each claim of `tests.router_contract` holds for each router."""
    await claim(rig)


MATCH = [{"uri": {"prefix": "/api"}, "queryParams": {"v": {"exact": "2"}}}, {"headers": {"x": {"regex": "a.*"}}}]
COMMON = {
    "match": MATCH,
    "rewrite": {"uri": "/", "authority": "example.com"},
    "timeout": "15s",
    "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error,reset"},
    "apex": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
}
ISTIO = {
    "hosts": ["a.example"],
    "gateways": ["public", "mesh"],
    "portDiscovery": True,
    "headers": {"request": {"set": {"x-a": "1"}}, "response": {"add": {"x-b": "2"}, "remove": ["server"]}},
    "corsPolicy": {"allowOrigins": [{"regex": ".*"}], "allowMethods": ["GET"], "maxAge": "24h"},
    "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}, "connectionPool": {"http": {"http2MaxRequests": 5}}},
}
TCP = {"appProtocol": "tcp", "match": [{"port": 9898}], "hosts": ["a.example"]}


@pytest.mark.parametrize(
    ("rig", "service"),
    [
        ("istio", COMMON | ISTIO),
        ("istio", COMMON | {"delegation": True}),
        ("istio", TCP),
        ("contour", COMMON),
    ],
    indirect=["rig"],
    ids=["istio", "delegate", "tcp", "contour"],
)
async def test_the_definitions_keep_all_that_is_asked(rig: Rig, service: Json) -> None:
    """As it was written, so that the second time nothing is."""
    rig = rig.edited(service=service)
    assert rig.router.problem(rig.canary) == ""
    await rig.initialize()
    await rig.set(Split(30))
    [path] = [resource.path(rig.canary.namespace, rig.case.name) for resource in rig.case.objects]
    version = (await rig.cluster.get(path))["metadata"]["resourceVersion"]
    await rig.initialize()
    await rig.set(Split(30))
    assert (await rig.cluster.get(path))["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize("rig", ["istio"], indirect=True)
async def test_what_the_definitions_drop_is_refused(rig: Rig) -> None:
    """Without its suffix the condition would be one that every path fulfils."""
    with pytest.raises(UnfitRoute, match=r"does not know spec\.http\[0\]\.match\[0\]\.uri\.suffix"):
        await rig.edited(service={"match": [{"uri": {"suffix": ".html"}}]}).initialize()
