"""The rules that stand in an HTTPRoute: read back as they were meant, and changed without loss."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.loading import load_canary
from k8s.routers.base import Split
from k8s.routers.gatewayapi.present import RULES, divided
from k8s.routers.gatewayapi.rules import rules_of
from tests.objects import a_canary, a_model, a_service, an_analysis

CANARY = a_model()
APEX, PRIMARY, SECOND, OTHER = "podinfo", "podinfo-primary", "podinfo-canary", "other"
COOKIES = {
    "sessionAffinityCookie": "a=b",
    "primarySessionAffinityCookie": "c=d",
    "previousSessionAffinityCookie": "e=f",
}
ANALYSES: dict[str, Json] = {
    "canary": {},
    "blue-green": {"iterations": 3},
    "ab-testing": {"iterations": 3, "match": [{"headers": {"x": {"exact": "y"}}}]},
    "affinity": {"sessionAffinity": {"cookieName": "a"}},
}
SPLITS = st.builds(Split, st.integers(0, 100), mirrored=st.booleans())


def backend(name: str, weight: int) -> Json:
    """A reference to a Service."""
    return {"name": name, "port": 9898, "weight": weight}


def rules_to(*names: str) -> st.SearchStrategy[list[Json]]:
    """Rules that lead to any of these Services, by any weight."""
    refs = st.lists(st.builds(backend, st.sampled_from(names), st.integers(0, 100)), max_size=3, unique_by=named)
    return st.lists(st.fixed_dictionaries({"backendRefs": refs}), max_size=4)


def named(ref: Json) -> str:
    """The Service of a reference."""
    return str(ref["name"])


def a_strategy(name: str) -> Canary:
    """A Canary of the strategy, with all cookies made."""
    service = a_service(gatewayRefs=[{"name": "public"}])
    return load_canary(a_canary(service=service, analysis=an_analysis(**ANALYSES[name]), status=COOKIES))


@pytest.mark.parametrize("strategy", list(ANALYSES))
@given(split=SPLITS)
def test_what_is_written_is_read(strategy: str, split: Split) -> None:
    """In every strategy the split of the rules is the one they were made of."""
    canary = a_strategy(strategy)
    rules = rules_of(canary, split)
    assert RULES.split_in(rules, canary) == split
    assert RULES.is_ab_test(rules, canary) is (strategy == "ab-testing")
    assert RULES.replaced(rules, rules, canary) == rules


@pytest.mark.parametrize("strategy", list(ANALYSES))
@given(split=SPLITS, others=rules_to(OTHER))
def test_others_keep_their_places(strategy: str, split: Split, others: list[Json]) -> None:
    """Between somebody else's rules ours are replaced, and nothing else."""
    canary = a_strategy(strategy)
    before, after = others[:1], others[1:]
    present = [*before, *rules_of(canary, Split(0)), *after]
    ours = rules_of(canary, split)
    assert RULES.replaced(present, ours, canary) == [*before, *ours, *after]


@given(rules=rules_to(APEX, PRIMARY, SECOND, OTHER))
def test_withdrawing(rules: list[Json]) -> None:
    """Whatever stands there, the canary gets nothing afterwards, and nobody else loses anything."""
    left = RULES.withdrawn(rules, CANARY)
    refs = [ref for rule in left for ref in rule["backendRefs"]]
    assert not any(ref["weight"] for ref in refs if named(ref) == SECOND)
    assert [(r, n) for r, n in pairs(left) if n[0] in (APEX, OTHER)] == [
        (r, n) for r, n in pairs(rules) if n[0] in (APEX, OTHER)
    ]
    assert RULES.split_in(left, CANARY) in (None, Split(0))


def pairs(rules: list[Json]) -> list[tuple[int, tuple[str, Any]]]:
    """Each reference with the place of its rule."""
    return [(index, (named(ref), ref["weight"])) for index, rule in enumerate(rules) for ref in rule["backendRefs"]]


@given(split=st.builds(Split, st.integers(0, 100)), others=rules_to(OTHER))
def test_there_and_back(split: Split, others: list[Json]) -> None:
    """A user's route to the apex Service is divided, and handed back as it was."""
    theirs = [*others, {"timeouts": {"request": "5s"}, "backendRefs": [backend(APEX, 1)]}]
    shared = divided(theirs, CANARY, split)
    assert RULES.split_in(shared, CANARY) == split
    assert RULES.handed_back(shared, CANARY) == theirs
    assert RULES.handed_back(theirs, CANARY) == theirs


def test_a_share_among_others_is_handed_back_whole() -> None:
    """What a user gave to both sides together is the apex Service's."""
    rule = {"backendRefs": [backend(PRIMARY, 60), backend(SECOND, 30), backend(OTHER, 10)]}
    assert RULES.handed_back([rule], CANARY) == [{"backendRefs": [backend(APEX, 90), backend(OTHER, 10)]}]
