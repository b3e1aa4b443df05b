"""Traefik: the weights of the TraefikService, beyond what the contract of all routers says."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import TRAEFIK_SERVICES
from k8s.routers.base import Split
from k8s.routers.traefik import TraefikRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service

Json = dict[str, Any]
ROUTER = TraefikRouter()
PATH = TRAEFIK_SERVICES.path("test", "podinfo")
RAW = a_canary(provider="traefik", service=a_service(apex={"labels": {"team": "birds"}}))


def services(api: ApiServer) -> list[Json]:
    """Those behind it."""
    there = api.read(PATH)
    assert there
    return list(there["spec"]["weighted"]["services"])


def side(name: str, weight: int, **settings: Any) -> Json:
    """One of them."""
    return {"name": name, "namespace": "test", "port": 9898, "weight": weight, **settings}


@pytest.mark.parametrize(
    ("weight", "sides"),
    [
        (0, [side("podinfo-primary", 100)]),
        (30, [side("podinfo-primary", 70), side("podinfo-canary", 30)]),
        (100, [side("podinfo-primary", 0), side("podinfo-canary", 100)]),
    ],
)
async def test_weights(api: ApiServer, cluster: Cluster, weight: int, sides: list[Json]) -> None:
    """Without traffic the canary is left out: Traefik serves nothing at all beside a Service without pods."""
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(40))
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(weight))
    assert services(api) == sides


async def test_an_edit_in_the_middle_of_a_rollout(api: ApiServer, cluster: Cluster) -> None:
    """Both keep their weights; Flagger writes 100 for both, reads the canary's as 0, and is stuck."""
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(30))
    edited = a_canary(provider="traefik", service=a_service(port=80))
    await ROUTER.initialize(cluster, load_canary(edited), edited)
    assert [(each["weight"], each["port"]) for each in services(api)] == [(70, 80), (30, 80)]


async def test_settings_of_others(api: ApiServer, cluster: Cluster) -> None:
    """Cookies, and what somebody wrote beside a side, stay."""
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    sticky = {"cookie": {"name": "side"}}
    mine = {"sticky": sticky, "services": [side("podinfo-primary", 100, passHostHeader=False)]}
    await cluster.merge(PATH, {"metadata": {"labels": {"mine": "yes"}}, "spec": {"weighted": mine}})
    await ROUTER.set(cluster, load_canary(RAW), RAW, Split(10))
    await ROUTER.initialize(cluster, load_canary(RAW), RAW)
    there = api.read(PATH)
    assert there
    assert there["spec"]["weighted"]["sticky"] == sticky
    assert services(api) == [side("podinfo-primary", 90, passHostHeader=False), side("podinfo-canary", 10)]
    assert there["metadata"]["labels"] == {"team": "birds", "mine": "yes"}


async def test_somebody_elses_service(api: ApiServer, cluster: Cluster) -> None:
    """A third Service behind it means that the split is not ours."""
    await api.put(PATH, {"spec": {"weighted": {"services": [side("podinfo-primary", 100), side("other", 1)]}}})
    assert await ROUTER.get(cluster, load_canary(RAW)) is None
