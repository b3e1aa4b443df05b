"""The shadows of users' routes, of each router that makes one: they follow what they shadow at each step."""

from copy import deepcopy
from dataclasses import dataclass

import pytest

from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.registry import ROUTERS
from k8s.routers.shadow import ShadowRouter
from tests.api_server import ApiServer
from tests.objects import NAMESPACE
from tests.router_contract import CASES, Rig, a_rig


@dataclass(frozen=True)
class Shadowing:
    """A router, with a shadow at a weight of 10, and the original."""

    rig: Rig
    api: ApiServer
    path: str

    async def edit(self, old: str, new: str) -> None:
        """The original, as its owner would: a word of its spec replaced."""
        original = self.api.read(self.path)
        assert original
        edited: Json = deepcopy(original)
        edited["spec"] = replaced(edited["spec"], old, new)
        await self.api.put(self.path, edited)

    def shadow(self) -> str:
        """Its spec as text."""
        [kind] = self.rig.case.objects
        there = self.api.read(kind.path(NAMESPACE, self.rig.case.name))
        assert there
        return str(there["spec"])


def replaced(value: object, old: str, new: str) -> object:
    """The value with one text in the place of another, wherever it stands alone."""
    if isinstance(value, dict):
        return {key: replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, old, new) for each in value]
    return new if value == old else value


@pytest.fixture(params=[name for name, router in ROUTERS.items() if isinstance(router, ShadowRouter)])
async def shadowing(api: ApiServer, cluster: Cluster, request: pytest.FixtureRequest) -> Shadowing:
    """Each of the routers."""
    provider = request.param
    rig = a_rig(cluster, ROUTERS[provider], provider, NAMESPACE)
    [(path, original)] = CASES[provider].needs.items()
    path = path.format(namespace=NAMESPACE)
    await api.put(path, original)
    await rig.initialize()
    await rig.set(Split(10))
    return Shadowing(rig, api, path)


async def test_an_edit_of_the_original(shadowing: Shadowing) -> None:
    """Counts from the next step on, without an edit of the Canary."""
    await shadowing.edit("app.example.com", "new.example.com")
    await shadowing.rig.set(Split(20))
    assert "new.example.com" in shadowing.shadow()
    assert "app.example.com" not in shadowing.shadow()


async def test_what_the_original_no_longer_has(shadowing: Shadowing) -> None:
    """Goes from the shadow too."""
    original = shadowing.api.read(shadowing.path)
    assert original
    spec = {key: value for key, value in original["spec"].items() if key != "ingressClassName"}
    await shadowing.api.put(shadowing.path, {**original, "spec": spec})
    assert "ingressClassName" in shadowing.shadow()
    await shadowing.rig.set(Split(20))
    assert "ingressClassName" not in shadowing.shadow()


async def test_an_original_that_leads_elsewhere(shadowing: Shadowing) -> None:
    """The canary gets no more traffic, but the way back is open."""
    await shadowing.edit("podinfo", "other")
    with pytest.raises(UnfitRoute):
        await shadowing.rig.set(Split(20))
    assert await shadowing.rig.get() == Split(10)
    await shadowing.rig.set(Split(0))


async def test_an_original_that_is_gone(shadowing: Shadowing) -> None:
    """The same, also when the shadow went too."""
    await shadowing.api.remove(shadowing.path)
    with pytest.raises(NotFound):
        await shadowing.rig.set(Split(20))
    await shadowing.rig.set(Split(0))
    await shadowing.rig.router.finalize(shadowing.rig.cluster, shadowing.rig.canary, shadowing.rig.raw)
    await shadowing.rig.router.set(shadowing.rig.cluster, shadowing.rig.canary, shadowing.rig.raw, Split(0))
    assert await shadowing.rig.get() is None
