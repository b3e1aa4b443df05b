"""The primary is never made smaller while the traffic comes back to it."""

from typing import Any

import pytest

from k8s.capacity import AFTERWARDS, enlarge, keep_serving, settled, unplanned
from tests.objects import a_deployment

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("serving", "least", "wanted", "replicas", "afterwards"),
    [
        (2, 0, 2, 2, None),
        (2, 0, 5, 5, None),
        (5, 0, 2, 5, "2"),
        (5, 0, 0, 5, None),
        (2, 0, None, 2, None),
        (2, 6, None, 6, None),
        (7, 6, None, 7, None),
        (0, 0, 0, 1, None),
    ],
    ids=[
        *("as many", "more", "fewer, later", "the target is at zero", "an autoscaler's"),
        *("more for the moment", "enough for the moment", "at least one"),
    ],
)
def test_enlarging(serving: int, least: int, wanted: int | None, replicas: int, afterwards: str | None) -> None:
    """At once to more, afterwards to fewer."""
    primary = a_deployment("podinfo-primary", replicas=serving)
    enlarge(primary, least=least, wanted=wanted)
    assert primary["spec"]["replicas"] == replicas
    assert primary["metadata"].get("annotations", {}).get(AFTERWARDS) == afterwards


def test_no_replicas() -> None:
    """A DaemonSet has as many as there are nodes."""
    primary: Json = {"metadata": {}, "spec": {"template": {}}}
    enlarge(primary, least=3, wanted=2)
    assert primary == {"metadata": {}, "spec": {"template": {}}}


@pytest.mark.parametrize(
    ("replicas", "asked", "unavailable"),
    [
        (1, {"maxUnavailable": 1, "maxSurge": "25%"}, 0),
        (2, {"maxUnavailable": 2, "maxSurge": 1}, 0),
        (2, {"maxUnavailable": "100%", "maxSurge": 1}, 0),
        (2, {"maxUnavailable": 1, "maxSurge": 1}, 1),
        (1, {"maxUnavailable": "25%", "maxSurge": "25%"}, "25%"),
        (1, {"maxUnavailable": 1, "maxSurge": 0}, 1),
        (1, {"maxUnavailable": 1, "maxSurge": "0%"}, 1),
    ],
    ids=[
        "the only one",
        "both",
        "all, in percent",
        "one of two",
        "rounded down to none",
        "no surge",
        "none, in percent",
    ],
)
def test_serving_on(replicas: int, asked: Json, unavailable: int | str) -> None:
    """A pod that serves is there while the pods are replaced, unless two revisions must not meet."""
    primary = a_deployment(replicas=replicas, strategy={"type": "RollingUpdate", "rollingUpdate": asked})
    keep_serving(primary)
    assert primary["spec"]["strategy"]["rollingUpdate"] == {**asked, "maxUnavailable": unavailable}


@pytest.mark.parametrize("strategy", [{"strategy": {"type": "Recreate"}}, {}], ids=["recreated", "another kind"])
def test_nothing_rolls(strategy: Json) -> None:
    """Nothing is added to what has no rolling update."""
    primary: Json = {"metadata": {}, "spec": {"template": {}} | strategy}
    keep_serving(primary)
    assert primary == {"metadata": {}, "spec": {"template": {}} | strategy}


def test_settling() -> None:
    """The annotation goes with what it says, in one patch."""
    primary = {"metadata": {"annotations": {AFTERWARDS: "2", "note": "x"}}}
    assert settled(primary) == {"metadata": {"annotations": {AFTERWARDS: None}}, "spec": {"replicas": 2}}
    assert settled({"metadata": {}}) is None


def test_odd_size() -> None:
    """What somebody else wrote there is no number of replicas."""
    primary = {"metadata": {"annotations": {AFTERWARDS: "few"}}}
    assert settled(primary) == {"metadata": {"annotations": {AFTERWARDS: None}}}


def test_taking_back() -> None:
    """The former revision keeps its size."""
    primary = {"metadata": {"name": "p", "annotations": {AFTERWARDS: "2", "note": "x"}}, "spec": {}}
    assert unplanned(primary) == {"metadata": {"name": "p", "annotations": {"note": "x"}}, "spec": {}}
