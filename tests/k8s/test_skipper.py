"""Skipper: the shadow and its annotations, beyond what the contract of all routers says."""

import json
from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.resources import INGRESSES
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.skipper import PREDICATE, ROUTES, WEIGHTS, SkipperRouter
from tests.api_server import ApiServer
from tests.objects import a_canary, an_analysis, an_ingress

Json = dict[str, Any]
ROUTER = SkipperRouter()
REF = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"}
INGRESS, SHADOW = INGRESSES.path("test", "podinfo"), INGRESSES.path("test", "podinfo-canary")
THEIRS = 'Source("10.0.0.0/8")'
INSIDER = {"headers": {"x-canary": {"exact": "insider"}}}


def a_raw(*match: Json) -> Json:
    """A Canary of weights, or with a match of an A/B test."""
    tested = {"iterations": 5, "stepWeight": None, "maxWeight": None, "match": list(match)} if match else {}
    return a_canary(provider="skipper", ingressRef=REF, analysis=an_analysis(**tested))


async def the_shadow(api: ApiServer, cluster: Cluster, raw: Json, weight: int, **annotations: str) -> Json:
    """Of an Ingress with these annotations, at that weight."""
    await api.put(INGRESS, an_ingress(**annotations))
    await ROUTER.initialize(cluster, load_canary(raw), raw)
    await ROUTER.set(cluster, load_canary(raw), raw, Split(weight))
    shadow = api.read(SHADOW)
    assert shadow
    return shadow


def backends(shadow: Json) -> list[tuple[str, str]]:
    """Path and Service of each."""
    return [
        (path["path"], path["backend"]["service"]["name"])
        for rule in shadow["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]


@pytest.mark.parametrize(("weight", "predicate"), [(0, "False()"), (30, "Weight(100)"), (100, "Weight(100)")])
async def test_weights(api: ApiServer, cluster: Cluster, weight: int, predicate: str) -> None:
    """By name of the Service; without traffic for the canary the shadow is passed by."""
    annotations = (await the_shadow(api, cluster, a_raw(), weight))["metadata"]["annotations"]
    assert json.loads(annotations[WEIGHTS]) == {"podinfo-primary": 100 - weight, "podinfo-canary": weight}
    assert annotations[PREDICATE] == predicate


async def test_shadow(api: ApiServer, cluster: Cluster) -> None:
    """Both sides behind each path to the apex Service, beside the others; the original is not written."""
    shadow = await the_shadow(api, cluster, a_raw(), 10, **{"example.com/team": "a", PREDICATE: THEIRS})
    assert backends(shadow) == [("/", "podinfo-primary"), ("/", "podinfo-canary"), ("/other", "other")]
    assert shadow["metadata"]["annotations"]["example.com/team"] == "a"
    assert shadow["metadata"]["annotations"][PREDICATE] == f"Weight(100) && {THEIRS}"
    original = api.read(INGRESS)
    assert original
    assert original["metadata"]["annotations"] == {"example.com/team": "a", PREDICATE: THEIRS}
    assert backends(original) == [("/", "podinfo"), ("/other", "other")]


async def test_ab_test(api: ApiServer, cluster: Cluster) -> None:
    """Who matches goes to the canary, and nobody else; others' predicates stay behind, however often it is set."""
    raw = a_raw(INSIDER)
    shadow = await the_shadow(api, cluster, raw, 100, **{PREDICATE: THEIRS})
    conditions = f'Header("x-canary", "insider") && {THEIRS}'
    assert backends(shadow) == [("/", "podinfo-canary"), ("/other", "other")]
    assert shadow["metadata"]["annotations"][PREDICATE] == f"Weight(100) && {conditions}"
    shadow = await the_shadow(api, cluster, raw, 0, **{PREDICATE: THEIRS})
    assert shadow["metadata"]["annotations"][PREDICATE] == f"False() && {conditions}"


async def test_conditions_that_somebody_took_away(api: ApiServer, cluster: Cluster) -> None:
    """Are written again: without them everybody would be sent to the canary."""
    raw = a_raw(INSIDER)
    await the_shadow(api, cluster, raw, 0)
    await cluster.merge(SHADOW, {"metadata": {"annotations": {PREDICATE: None}}})
    await ROUTER.set(cluster, load_canary(raw), raw, Split(100))
    shadow = api.read(SHADOW)
    assert shadow
    assert shadow["metadata"]["annotations"][PREDICATE] == 'Weight(100) && Header("x-canary", "insider")'


@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        ({"headers": {"x": {"exact": 'a"b'}}}, r'Header("x", "a\"b")'),
        ({"headers": {"x": {"regex": "a|b"}}}, 'HeaderRegexp("x", "^(?:a|b)$")'),
        ({"headers": {"x": {"prefix": "a.b"}}}, r'HeaderRegexp("x", "^a\\.b")'),
        ({"headers": {"x": {"suffix": "a.b"}}}, r'HeaderRegexp("x", "a\\.b$")'),
        ({"queryParams": {"v": {"exact": "1.0"}}}, r'QueryParam("v", "^1\\.0$")'),
        ({"queryParams": {"v": {}}}, 'QueryParam("v", "^(?:.*)$")'),
        (
            {"headers": {"y": {"exact": "b"}, "x": {"exact": "a"}}, "queryParams": {"v": {"prefix": "2"}}},
            'Header("x", "a") && Header("y", "b") && QueryParam("v", "^2")',
        ),
    ],
)
async def test_conditions(api: ApiServer, cluster: Cluster, match: Json, conditions: str) -> None:
    """Each in Skipper's language, where an expression is looked for anywhere in the text; all must hold."""
    shadow = await the_shadow(api, cluster, a_raw(match), 100)
    assert shadow["metadata"]["annotations"][PREDICATE] == f"Weight(100) && {conditions}"


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ([INSIDER, INSIDER], "spec.analysis.match[1]: provider skipper knows one match"),
        ([{"sourceLabels": {"app": "x"}}], "spec.analysis.match[0]: provider skipper matches by headers"),
    ],
)
def test_refusals(match: list[Json], problem: str) -> None:
    """Left out, a condition would send the wrong users to the canary."""
    canary: Canary = load_canary(a_raw(*match))
    assert ROUTER.problem(canary).startswith(problem)


def test_no_ingress_named() -> None:
    """There is nothing to shadow."""
    assert ROUTER.problem(load_canary(a_canary(provider="skipper"))).startswith("spec.ingressRef: required by provider")


@pytest.mark.parametrize(
    ("default", "refusal"),
    [
        ("other", "backend podinfo not found in ingress podinfo"),
        ("podinfo", "ingress podinfo: defaultBackend leads to podinfo, .*; write a rule with path / instead"),
    ],
)
async def test_an_ingress_without_such_a_path(api: ApiServer, cluster: Cluster, default: str, refusal: str) -> None:
    """There is nothing that could be divided."""
    ingress = an_ingress()
    ingress["spec"]["rules"][0]["http"]["paths"].pop(0)
    ingress["spec"]["defaultBackend"] = {"service": {"name": default, "port": {"number": 80}}}
    await api.put(INGRESS, ingress)
    raw = a_raw()
    with pytest.raises(UnfitRoute, match=refusal):
        await ROUTER.initialize(cluster, load_canary(raw), raw)


@pytest.mark.parametrize("annotation", [WEIGHTS, ROUTES])
async def test_annotations_that_would_be_lost(api: ApiServer, cluster: Cluster, annotation: str) -> None:
    """The shadow goes before the routes that they make."""
    await api.put(INGRESS, an_ingress(**{annotation: "{}"}))
    raw = a_raw()
    with pytest.raises(UnfitRoute, match=rf"ingress podinfo: .* {annotation} .*; move it to an Ingress of its own"):
        await ROUTER.initialize(cluster, load_canary(raw), raw)
