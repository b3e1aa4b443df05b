"""Narrow writes on fresh state."""

from copy import deepcopy
from typing import Any

import pytest
from aiohttp import web

from k8s import apply
from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster
from k8s.errors import Conflict, NotFound
from k8s.resources import CANARIES, CONFIG_MAPS
from tests.api_server import ApiServer
from tests.objects import a_canary

Json = dict[str, Any]
PATH = CONFIG_MAPS.path("test", "counter")


def incremented(obj: Json) -> Json:
    """A patch that counts one up from what was read."""
    return {"data": {"count": str(int(obj["data"]["count"]) + 1)}}


def interfering(api: ApiServer, times: int) -> None:
    """Somebody else counts too, between our reading and our writing."""
    left = [times]

    async def interfere(request: web.Request) -> None:
        if request.method == "PATCH" and left[0]:
            left[0] -= 1
            theirs = deepcopy(api.read(PATH)) or {}
            await api.put(PATH, theirs | incremented(theirs))

    api.intercepts.append(interfere)


async def test_conflicts(api: ApiServer, cluster: Cluster) -> None:
    """Each attempt starts from what is there now, so nobody's count is lost."""
    await api.put(PATH, {"data": {"count": "0"}})
    interfering(api, 3)
    written = await amend(cluster, PATH, incremented)
    assert written["data"] == {"count": "4"}
    assert api.read(PATH) == written


async def test_known(api: ApiServer, cluster: Cluster) -> None:
    """What was read a moment ago is not read again, unless somebody wrote since."""
    known = await api.put(PATH, {"data": {"count": "0"}})
    assert (await amend(cluster, PATH, incremented, known=known))["data"] == {"count": "1"}
    assert api.asked("GET") == []
    assert (await amend(cluster, PATH, incremented, known=known))["data"] == {"count": "2"}
    assert len(api.asked("GET")) == 1


async def test_subresource(api: ApiServer, cluster: Cluster) -> None:
    """Written to; the object is read whole."""
    path = CANARIES.path("test", "podinfo")
    await api.put(path, a_canary())
    await amend(cluster, path, lambda _: {"status": {"phase": "Failed"}}, subresource="status")
    assert [*api.asked("GET"), *api.asked("PATCH")] == [path, f"{path}/status"]


async def test_conflicts_without_end(api: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some attempts the conflict is the caller's."""
    monkeypatch.setattr(apply, "CONFLICT_ATTEMPTS", 2)
    await api.put(PATH, {"data": {"count": "0"}})
    interfering(api, 10)
    with pytest.raises(Conflict):
        await amend(cluster, PATH, incremented)
    assert len(api.asked("PATCH")) == 2


async def test_nothing_to_change(api: ApiServer, cluster: Cluster) -> None:
    """Then nothing is written, and the object is answered as read."""
    stored = await api.put(PATH, {"data": {"count": "0"}})
    assert await amend(cluster, PATH, lambda _: None) == stored
    assert api.asked("PATCH") == []


async def test_nobody_there(cluster: Cluster) -> None:
    """Amending needs an object, finding does not."""
    with pytest.raises(NotFound):
        await amend(cluster, PATH, incremented)
    assert await find(cluster, CONFIG_MAPS, "test", "counter") is None


async def test_only_given_fields(api: ApiServer, cluster: Cluster) -> None:
    """What the patch does not name stays, metadata too."""
    await api.put(PATH, {"metadata": {"labels": {"team": "a"}}, "data": {"count": "0", "other": "x"}})
    await amend(cluster, PATH, lambda _: {"metadata": {"labels": {"ours": "b"}}, "data": {"count": "1"}})
    written = api.read(PATH)
    assert written
    assert written["metadata"]["labels"] == {"team": "a", "ours": "b"}
    assert written["data"] == {"count": "1", "other": "x"}


def test_owner() -> None:
    """An object made for a Canary names it as its controller, and is recognised by the Canary's identity."""
    canary = a_canary()
    owned = {"metadata": {"ownerReferences": [owner_of(canary)]}}
    assert owner_of(canary) == {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "name": "podinfo",
        "uid": "uid-canary",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert is_owned_by(owned, canary)
    assert not is_owned_by(owned, a_canary(metadata={"uid": "made again"}))
    assert not is_owned_by({"metadata": {"ownerReferences": None}}, canary)
