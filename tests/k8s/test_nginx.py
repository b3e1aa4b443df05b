"""NGINX Ingress: what of a Canary becomes annotations of the shadow, and what is refused. See also the contract."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import INGRESSES
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.nginx import PREFIX, NginxRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, a_service, an_analysis, an_ingress

Json = dict[str, Any]
ROUTER = NginxRouter()
REF = {"apiVersion": "extensions/v1beta1", "kind": "Ingress", "name": "podinfo"}
INGRESS, SHADOW = INGRESSES.path("test", "podinfo"), INGRESSES.path("test", "podinfo-canary")
INSIDER, COOKIE = {"headers": {"x-canary": {"exact": "insider"}}}, {"headers": {"cookie": {"exact": "canary"}}}


def a_raw(**analysis: Any) -> Json:
    """The guide's Canary on an Ingress."""
    return a_canary(provider="nginx", ingressRef=REF, service=a_service(), analysis=an_analysis(**analysis))


def an_ab_test(*match: Json) -> Canary:
    """A Canary of an A/B test."""
    return load_canary(a_raw(iterations=5, stepWeight=None, maxWeight=None, match=list(match)))


async def annotations(api: ApiServer, cluster: Cluster, raw: Json, weight: int) -> Json:
    """Of the shadow at that weight, those of a canary, without their prefix."""
    await api.put(INGRESS, an_ingress())
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(weight))
    shadow = api.read(SHADOW)
    assert shadow
    return {key.removeprefix(f"{PREFIX}/"): value for key, value in shadow["metadata"]["annotations"].items()}


async def test_weight(api: ApiServer, cluster: Cluster) -> None:
    """A number as text."""
    assert await annotations(api, cluster, a_raw(), 30) == {"canary": "true", "canary-weight": "30"}


@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        ([INSIDER], {"canary-by-header": "x-canary", "canary-by-header-value": "insider"}),
        (
            [{"headers": {"x-canary": {"regex": "in.*"}}}],
            {"canary-by-header": "x-canary", "canary-by-header-pattern": "in.*"},
        ),
        ([COOKIE], {"canary-by-cookie": "canary"}),
        (
            [INSIDER, COOKIE],
            {"canary-by-header": "x-canary", "canary-by-header-value": "insider", "canary-by-cookie": "canary"},
        ),
    ],
)
async def test_ab_test(api: ApiServer, cluster: Cluster, match: list[Json], conditions: Json) -> None:
    """As the guide of ingress-nginx has it: a header, a cookie, or either of them; gone again at weight 0."""
    raw = a_raw(iterations=5, stepWeight=None, maxWeight=None, match=match)
    base = {"canary": "true", "canary-weight": "0"}
    assert await annotations(api, cluster, raw, 100) == base | conditions
    await ROUTER.set(cluster, load_canary(raw), raw, Split(0))
    shadow = api.read(SHADOW)
    assert shadow
    assert {key.partition("/")[2] for key in shadow["metadata"]["annotations"]} == set(base)


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        (
            [{"headers": {"x": {"prefix": "a"}}}],
            "spec.analysis.match[0].headers.x: provider nginx matches by exact or regex",
        ),
        ([{"headers": {"cookie": {"regex": ".*"}}}], "spec.analysis.match[0].headers.cookie: provider nginx knows"),
        (
            [{"headers": {"x": {"exact": "a"}, "y": {"exact": "b"}}}],
            "spec.analysis.match[0]: provider nginx matches one header in each",
        ),
        ([{"queryParams": {"x": {"exact": "a"}}}], "spec.analysis.match[0]: provider nginx matches one header in each"),
        ([INSIDER, {"headers": {"y": {"exact": "b"}}}], "spec.analysis.match[1].headers.y: provider nginx knows one"),
    ],
)
def test_matches_that_nginx_does_not_know(match: list[Json], problem: str) -> None:
    """Left out, they would send the wrong users to the canary."""
    assert ROUTER.problem(an_ab_test(*match)).startswith(problem)


def test_no_ingress_named() -> None:
    """There is nothing to shadow."""
    raw = a_raw()
    del raw["spec"]["ingressRef"]
    assert ROUTER.problem(load_canary(raw)).startswith("spec.ingressRef: required by provider nginx")


async def test_shadow(api: ApiServer, cluster: Cluster) -> None:
    """A copy of the original that leads to the canary where that leads to the apex Service, and nowhere else."""
    raw = a_raw()
    users = {"example.com/team": "a", f"{PREFIX}/canary-weight": "99", f"{PREFIX}/rewrite-target": "/"}
    await api.put(INGRESS, an_ingress(**users))
    await ROUTER.initialize(cluster, load_canary(raw), raw)

    shadow, original = api.read(SHADOW), api.read(INGRESS)
    assert shadow
    assert original
    paths = shadow["spec"]["rules"][0]["http"]["paths"]
    assert [path["backend"]["service"]["name"] for path in paths] == ["podinfo-canary", "other"]
    assert shadow["metadata"]["labels"] == {"app": "podinfo"}
    assert shadow["metadata"]["annotations"] == {
        "example.com/team": "a",
        f"{PREFIX}/rewrite-target": "/",
        f"{PREFIX}/canary": "true",
        f"{PREFIX}/canary-weight": "0",
    }
    assert original["metadata"]["annotations"] == users


async def test_an_edited_original_is_followed(api: ApiServer, cluster: Cluster) -> None:
    """Rules and annotations, in the middle of a rollout; the weight stays."""
    raw = a_raw()
    await annotations(api, cluster, raw, 40)
    edited = an_ingress(**{"example.com/team": "b"})
    edited["spec"]["rules"][0]["host"] = "new.example.com"
    await api.put(INGRESS, edited)
    await ROUTER.initialize(cluster, load_canary(raw), raw)

    shadow = api.read(SHADOW)
    assert shadow
    assert shadow["spec"]["rules"][0]["host"] == "new.example.com"
    assert shadow["metadata"]["annotations"]["example.com/team"] == "b"
    assert await ROUTER.get(cluster, load_canary(raw)) == Split(40)


async def test_an_ingress_that_leads_elsewhere(api: ApiServer, cluster: Cluster) -> None:
    """Said as Flagger says it."""
    ingress = an_ingress()
    ingress["spec"]["rules"][0]["http"]["paths"].pop(0)
    await api.put(INGRESS, ingress)
    raw = a_raw()
    with pytest.raises(UnfitRoute, match="backend podinfo not found in ingress podinfo"):
        await ROUTER.initialize(cluster, load_canary(raw), raw)
