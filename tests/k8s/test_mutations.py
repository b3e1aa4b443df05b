"""Objects that are nearly right: whatever is wrong with them is told with field, value and remedy, and nothing else."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8s.models.common import ApiModel
from k8s.models.errors import InvalidAlertProvider, InvalidCanary, InvalidMetricTemplate, InvalidObject
from k8s.models.loading import load_alert_provider, load_canary, load_metric_template
from tests.k8s.test_loading import JSON, PROVIDER, TEMPLATE

EVERYTHING = yaml.safe_load((Path(__file__).parent / "data" / "every_field.yaml").read_text())
FIELDS = re.compile(r"object|(?:apiVersion|kind|metadata|spec|status)(?:[.\[].*)?", re.DOTALL)
NUMBERS = st.sampled_from([-1, 0, 101, 2**31, 2**63, 2**70, -0.5, 1e308, "5", "five", True])
TEXTS = st.sampled_from(
    ["", " ", "10 sec", "1h" * 40, "9" * 400 + "m", "٣s", "{{", "http://", "a/b", "é", "\x00", "x" * 5000]
)


class Kind(NamedTuple):
    """How one kind is read, and what is said of one that cannot be."""

    load: Callable[[Any], ApiModel]
    invalid: type[InvalidObject]
    example: dict[str, Any]


KINDS = {
    "Canary": Kind(load_canary, InvalidCanary, EVERYTHING),
    "MetricTemplate": Kind(load_metric_template, InvalidMetricTemplate, TEMPLATE),
    "AlertProvider": Kind(load_alert_provider, InvalidAlertProvider, PROVIDER),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every container below a node with each of its keys or indices."""
    steps = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    return [place for step in steps for place in [(node, step), *places(node[step])]]


@st.composite
def mutated(draw: st.DrawFn, example: dict[str, Any]) -> dict[str, Any]:
    """The example after one to four mistakes of a person or a template."""
    obj = copy.deepcopy(example)
    for _ in range(draw(st.integers(1, 4))):
        if found := places(obj):
            mistake(draw, *draw(st.sampled_from(found)))
    return obj


def mistake(draw: st.DrawFn, node: Any, key: Any) -> None:
    """One: a field is taken away, misspelt, doubled into a list, or has a value of another sort."""
    match draw(st.sampled_from(["lose", "misspell", "wrap", "null", "replace", "number", "text"])):
        case "lose":
            del node[key]
        case "misspell" if isinstance(node, dict):
            node[f"{key}s"] = node.pop(key)
        case "wrap":
            node[key] = [node[key]]
        case "null":
            node[key] = None
        case "number":
            node[key] = draw(NUMBERS)
        case "text":
            node[key] = draw(TEXTS)
        case _:
            node[key] = draw(JSON)


def assert_loads_or_is_told(kind: Kind, obj: Any) -> None:
    """It is read, and goes out again as it came in; or each of its problems names the field and what to write."""
    try:
        loaded = kind.load(obj)
    except InvalidObject as refusal:
        assert type(refusal) is kind.invalid  # noqa: PT017 - raising is one of two good ends
        assert refusal.problems  # noqa: PT017
        for problem in refusal.problems:
            field, _, rest = problem.partition(": ")
            assert FIELDS.fullmatch(field), problem
            assert re.fullmatch(r".+; write .{4,}", rest, re.DOTALL), problem
        return
    assert kind.load(loaded.as_json()) == loaded


@each_kind
@given(st.data())
def test_arbitrary_json(kind: Kind, data: st.DataObject) -> None:
    """No JSON breaks a loader."""
    assert_loads_or_is_told(kind, data.draw(JSON))


@each_kind
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nearly_right(kind: Kind, data: st.DataObject) -> None:
    """Nor does an object with a few mistakes."""
    assert_loads_or_is_told(kind, data.draw(mutated(kind.example)))


@each_kind
def test_the_example_is_right(kind: Kind) -> None:
    """Or the mistakes above would not be the only ones."""
    assert kind.load(kind.example).as_json() == kind.example


@each_kind
def test_an_empty_object(kind: Kind) -> None:
    """Says what is missing first."""
    with pytest.raises(kind.invalid, match=r"^metadata: required; write .+ \| spec: required; write .+"):
        kind.load({})


def test_a_part_without_words_of_its_own_is_told_in_those_of_its_whole() -> None:
    """An element of a list, or a value of a map."""
    broken = copy.deepcopy(EVERYTHING)
    broken["spec"]["analysis"]["webhooks"][0]["metadata"] = {"team": 1}
    broken["spec"]["service"]["hosts"] = [1]
    with pytest.raises(InvalidCanary) as refusal:
        load_canary(broken)
    host, team = refusal.value.problems
    assert host == "spec.service.hosts[0]: 1 should be a valid string; write host names of the route"
    assert team.startswith("spec.analysis.webhooks[0].metadata.team: *** should be a valid string; write what is sent")
