"""Every router of the registry keeps the contract on a real API server, with the real definitions."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from k8s.client import Cluster
from k8s.resources import CANARIES, SERVICES
from k8s.routers.registry import router_for
from playground.stage import Stage
from tests.integration.scenario import USER_AGENT, Scene, a_scene
from tests.router_contract import CASES, CONTRACT, Claim, Rig, a_rig

pytestmark = pytest.mark.integration
NAMESPACE = "routers"


@pytest.fixture(scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """Every mesh's definitions, and the apex Service alone: a route to none would be refused by the mesh."""
    await stage.world.define(*stage.world.binaries.definitions.values())
    async with a_scene(stage, NAMESPACE) as scene:
        service = SERVICES.header(scene.namespace, "podinfo") | {"spec": {"ports": [{"port": 9898}]}}
        await scene.cluster.create(SERVICES.path(scene.namespace), service)
        yield scene


@pytest.fixture(params=[provider for provider, case in CASES.items() if case.in_playground])
async def rig(scene: Scene, stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """The router of each provider, with a Canary that no worker acts on, since it is suspended."""
    async with AsyncExitStack() as stack:
        connecting = Cluster.connect(stage.world.kubeconfig, user_agent=USER_AGENT)
        cluster = await stack.enter_async_context(connecting)
        rig = a_rig(cluster, router_for(request.param), request.param, scene.namespace)
        for path, obj in rig.case.needs.items():
            collection, _, name = path.format(namespace=scene.namespace).rpartition("/")
            await cluster.create(collection, obj)
            stack.push_async_callback(cluster.delete, f"{collection}/{name}")
        wanted = {**rig.raw, "spec": {**rig.raw["spec"], "suspend": True}}
        raw = await cluster.create(CANARIES.path(scene.namespace), wanted)
        stack.push_async_callback(cluster.delete, CANARIES.path(scene.namespace, rig.canary.name))
        rig = replace(rig, raw=raw)
        stack.push_async_callback(rig.router.finalize, cluster, rig.canary, raw)
        yield rig


@pytest.mark.parametrize("claim", CONTRACT, ids=lambda claim: claim.__name__)
async def test_contract(rig: Rig, claim: Claim) -> None:
    """Each claim of `tests.router_contract` holds for each router."""
    await claim(rig)
