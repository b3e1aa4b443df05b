"""Labels and annotations that a copy carries."""

from typing import Any

import pytest

from k8s.metadata import LAST_APPLIED, PrefixFilter, copied

Json = dict[str, Any]
PAIRS = {
    "team": "a",
    "app.kubernetes.io/part-of": "shop",
    "kustomize.toolkit.fluxcd.io/name": "x",
    LAST_APPLIED: "{}",
    "deployment.kubernetes.io/revision": "3",
    "serinus.dev/copied-from": "x",
}


def test_what_makes_sense_on_a_copy() -> None:
    """Not what ties the original to its keepers."""
    assert copied(PAIRS) == {"team": "a", "app.kubernetes.io/part-of": "shop"}
    assert copied(None) == {}


@pytest.mark.parametrize(
    ("prefixes", "keys"),
    [
        ((), set()),
        (("app.kubernetes.io/",), {"app.kubernetes.io/part-of"}),
        (("te", "app."), {"team", "app.kubernetes.io/part-of"}),
        (("*",), {"team", "app.kubernetes.io/part-of"}),
        (("kustomize", "kubectl"), set()),
    ],
)
def test_prefixes(prefixes: tuple[str, ...], keys: set[str]) -> None:
    """Nothing by default; `*` is all that makes sense."""
    assert PrefixFilter(prefixes).pick(PAIRS).keys() == keys
    assert PrefixFilter(prefixes).pick(None) == {}


def test_following() -> None:
    """What passes is as on the original, also when it is gone there; what others wrote stays."""
    present = {
        "name": "podinfo-primary",
        "labels": {"team/old": "x", "theirs": "x"},
        "annotations": {"deployment.kubernetes.io/revision": "7", "team/note": "old"},
    }
    original = {"labels": {"team/new": "y", "app": "podinfo"}, "annotations": {"team/note": "new", LAST_APPLIED: "{}"}}
    assert PrefixFilter(("team/",)).followed(present, original, {"app": "podinfo-primary"}) == {
        "name": "podinfo-primary",
        "labels": {"theirs": "x", "team/new": "y", "app": "podinfo-primary"},
        "annotations": {"deployment.kubernetes.io/revision": "7", "team/note": "new"},
    }


def test_following_nothing() -> None:
    """Empty maps are left out, as the API server would."""
    assert PrefixFilter().followed({"name": "x", "labels": {}}, {}, {}) == {"name": "x"}
