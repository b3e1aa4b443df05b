"""What the rules of an HTTPRoute say is what users see: the router writes them, real requests go through the mesh."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from k8s.client import Json
from k8s.models.loading import load_canary
from k8s.ports import service_ports
from k8s.resources import CANARIES, HTTP_ROUTES_V1
from k8s.routers.base import Split
from k8s.routers.gatewayapi.router import GatewayApiRouter
from k8s.services import Lead, ensure_apex_service, ensure_side_services
from k8s.targets.base import Selector
from playground.stage import Stage
from tests.integration.scenario import IMAGE, NAME, Scene, a_scene, podinfo_of, renamed, unchecked

pytestmark = pytest.mark.integration

NAMESPACE = "rules"
ROUTER = GatewayApiRouter(HTTP_ROUTES_V1)
PRIMARY, CANARY = "6.0.0", "6.0.1"
INSIDER = {"x-canary": "insider"}
MANY = 30


@dataclass(frozen=True)
class Rig:
    """Both sides serve; the Canary is suspended, so that no worker acts on it."""

    scene: Scene
    users: httpx.AsyncClient
    raw: Json

    async def set(self, split: Split, status: Json | None = None, **analysis: Any) -> None:
        """Write the rules of a Canary with this analysis and this status."""
        spec = self.raw["spec"] | {"analysis": {"interval": "30s", "threshold": 5} | analysis}
        raw = self.raw | {"spec": spec, "status": status or {}}
        canary = load_canary(raw)
        assert ROUTER.problem(canary) == ""
        await ROUTER.set(self.scene.cluster, canary, raw, split)

    async def get(self, **headers: str) -> httpx.Response:
        """A user's request; the client keeps no cookies."""
        self.users.cookies.clear()
        return (await self.users.get(self.scene.url("version"), headers=headers)).raise_for_status()

    async def versions(self, **headers: str) -> Counter[str]:
        """Who answers many of them."""
        return Counter([(await self.get(**headers)).json()["version"] for _ in range(MANY)])

    async def copies(self) -> int:
        """Requests that reached the canary's pods."""
        async with httpx.AsyncClient(trust_env=False) as direct:
            text = (await direct.get(self.scene.stage.mesh_metrics)).text
        wanted = {"namespace": NAMESPACE, "deployment": NAME, "direction": "inbound", "srv_port": "9898"}
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        counted = [one for one in samples if one.name == "request_total" and wanted.items() <= one.labels.items()]
        return int(sum(sample.value for sample in counted))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once it holds: the mesh has seen the route. The requests themselves set the pace."""
    async with asyncio.timeout(60):
        while not await holds():
            pass


@pytest.fixture(scope="module")
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    """Canary and primary, each with its Service."""
    async with AsyncExitStack() as stack:
        scene = await stack.enter_async_context(a_scene(stage, NAMESPACE))
        [target] = [obj for obj in podinfo_of(NAMESPACE) if obj["kind"] == "Deployment"]
        [primary] = renamed([target], f"{NAME}-primary")
        for deployment, version in ((target, CANARY), (primary, PRIMARY)):
            deployment["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}:{version}"
        await scene.apply(target, primary)
        canary = unchecked(NAMESPACE)
        canary["spec"]["suspend"] = True
        canary["spec"]["service"]["gatewayRefs"] = [{"group": "", "kind": "Service", "name": NAME, "port": 9898}]
        raw = await scene.cluster.create(CANARIES.path(NAMESPACE), canary)
        model = load_canary(raw)
        lead = Lead(Selector("app", NAME), service_ports(model, target["spec"]["template"]))
        await ensure_side_services(scene.cluster, model, raw, lead)
        await ensure_apex_service(scene.cluster, model, raw, lead)
        await scene.kubectl("wait", "--for=condition=available", f"deployment/{NAME}", f"deployment/{NAME}-primary")
        users = await stack.enter_async_context(httpx.AsyncClient(proxy=stage.proxy, trust_env=False))
        yield Rig(scene, users, raw)


async def test_an_ab_test_takes_the_matching_requests_only(rig: Rig) -> None:
    """Insiders go to the canary, and back; nobody else ever does."""
    match = [{"headers": {"x-canary": {"regex": "ins.*"}}}]
    await rig.set(Split(100), iterations=5, match=match)

    async def insider_on_canary() -> bool:
        return str((await rig.get(**INSIDER)).json()["version"]) == CANARY

    await until(insider_on_canary)
    assert await rig.versions(**INSIDER) == {CANARY: MANY}
    assert await rig.versions() == {PRIMARY: MANY}
    await rig.set(Split(0), iterations=5, match=match)

    async def insider_on_primary() -> bool:
        return not await insider_on_canary()

    await until(insider_on_primary)
    assert await rig.versions(**INSIDER) == {PRIMARY: MANY}


async def test_a_mirrored_canary_gets_copies_and_answers_nobody(rig: Rig) -> None:
    """All answers are the primary's; once the split is no longer mirrored the copies end."""
    await rig.set(Split(0, mirrored=True), stepWeight=10, mirror=True)
    before = await rig.copies()

    async def copied() -> bool:
        await rig.get()
        return await rig.copies() > before

    await until(copied)
    copies = await rig.copies()
    assert await rig.versions() == {PRIMARY: MANY}

    async def all_arrived() -> bool:
        return await rig.copies() >= copies + MANY

    await until(all_arrived)


async def test_who_was_drawn_stays(rig: Rig) -> None:
    """By the cookie of either side; at the end the canary's cookie goes, and its holder goes to the primary."""
    affinity = {"cookieName": "side", "path": "/", "httpOnly": True}
    status = {"sessionAffinityCookie": "side=abcDEFghij", "primarySessionAffinityCookie": "side-primary=klmNOPqrst"}
    sticky = {"stepWeight": 10, "sessionAffinity": affinity}
    await rig.set(Split(50), status, **sticky)
    given = set()

    async def both_were_drawn() -> bool:
        answer = await rig.get()
        if "set-cookie" in answer.headers:
            given.add((answer.json()["version"], answer.headers["set-cookie"]))
        return len(given) == 2

    await until(both_were_drawn)
    assert given == {
        (PRIMARY, "side-primary=klmNOPqrst; Max-Age=30; HttpOnly; Path=/"),
        (CANARY, "side=abcDEFghij; Max-Age=86400; HttpOnly; Path=/"),
    }
    assert await rig.versions(cookie="a=b; side=abcDEFghij") == {CANARY: MANY}
    assert await rig.versions(cookie="side-primary=klmNOPqrst; a=b") == {PRIMARY: MANY}
    await rig.set(Split(0), {"previousSessionAffinityCookie": "side=abcDEFghij"}, **sticky)

    async def expired() -> bool:
        return "Max-Age=-1" in (await rig.get(cookie="side=abcDEFghij")).headers.get("set-cookie", "")

    await until(expired)
    answer = await rig.get(cookie="side=abcDEFghij")
    assert answer.json()["version"] == PRIMARY
    assert answer.headers["set-cookie"] == "side=abcDEFghij; Max-Age=-1; HttpOnly; Path=/"
    assert "set-cookie" not in (await rig.get()).headers
