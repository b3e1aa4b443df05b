"""The primary is never made smaller while the traffic comes back to it."""

from typing import Any

import pytest

from k8s.capacity import AFTERWARDS, enlarge, settled, unplanned
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
