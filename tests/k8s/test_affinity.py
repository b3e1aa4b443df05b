"""What spreads the target's own pods spreads the primary's own pods in the primary's template."""

from copy import deepcopy
from typing import Any

import pytest

from k8s.affinity import PREFERRED, REQUIRED
from k8s.primary import primary_template
from k8s.targets.base import Selector
from tests.objects import a_template

Json = dict[str, Any]
HOSTS = "kubernetes.io/hostname"


def labels(key: str, value: str) -> Json:
    """A label selector by matchLabels."""
    return {"matchLabels": {key: value}}


def expression(key: str, *values: str) -> Json:
    """A label selector by matchExpressions."""
    return {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}


def required(selector: Json) -> Json:
    """A pod spec whose pods must stand apart."""
    return {"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": selector, "topologyKey": HOSTS}]}}}


def preferred(selector: Json) -> Json:
    """A pod spec whose pods should stand apart."""
    term = {"weight": 1, "podAffinityTerm": {"labelSelector": selector, "topologyKey": HOSTS}}
    return {"affinity": {"podAntiAffinity": {PREFERRED: [term]}}}


def spread(selector: Json) -> Json:
    """A pod spec whose pods are spread."""
    return {"topologySpreadConstraints": [{"labelSelector": selector, "maxSkew": 1, "topologyKey": HOSTS}]}


def near(selector: Json) -> Json:
    """A pod spec whose pods stand near others."""
    return {"affinity": {"podAffinity": {REQUIRED: [{"labelSelector": selector, "topologyKey": HOSTS}]}}}


def spec_of_primary(spec: Json, value: str = "podinfo", name: str = "podinfo") -> Json:
    """The pod spec of the primary of a Deployment of that name, whose pods have that label."""
    given = a_template(**spec)
    before = deepcopy(given)
    primary = primary_template(given, Selector("app", value), {}, name)
    assert given == before
    return {key: primary["spec"][key] for key in spec}


@pytest.mark.parametrize("place", [required, preferred, spread], ids=lambda place: place.__name__)
@pytest.mark.parametrize(
    ("selector", "primarys"),
    [
        (labels("app", "podinfo"), labels("app", "podinfo-primary")),
        (expression("app", "podinfo"), expression("app", "podinfo-primary")),
        (expression("app", "other", "podinfo"), expression("app", "other", "podinfo-primary")),
        (labels("app", "other"), labels("app", "other")),
        (labels("team", "podinfo"), labels("team", "podinfo")),
        (labels("app.kubernetes.io/name", "podinfo"), labels("app.kubernetes.io/name", "podinfo")),
    ],
    ids=["label", "expression", "one of several", "another application", "another label", "a label that stays"],
)
def test_own_pods(place: Any, selector: Json, primarys: Json) -> None:
    """Only the label that tells the primary's pods apart; under any other they are found as before."""
    assert spec_of_primary(place(selector)) == place(primarys)


@pytest.mark.parametrize("value", ["web", "podinfo"])
def test_label_unlike_the_name(value: str) -> None:
    """The label's own value counts (Flagger misses it), and so does the Deployment's name (which Flagger means)."""
    found = spec_of_primary(required(labels("app", value)), value="web")
    assert found == required(labels("app", f"{value}-primary"))


def test_others() -> None:
    """Nearness speaks of other applications."""
    assert spec_of_primary(near(labels("app", "podinfo"))) == near(labels("app", "podinfo"))


@pytest.mark.parametrize(
    "spec",
    [
        {"affinity": {}},
        {"affinity": None},
        {"affinity": {"podAntiAffinity": None}},
        {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": HOSTS}]},
        required({}),
        required({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
    ],
)
def test_nothing_to_rewrite(spec: Json) -> None:
    """Terms without selectors, labels or values stay."""
    assert spec_of_primary(spec) == spec
