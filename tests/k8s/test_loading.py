"""Objects are loaded, or refused with the field, the value and the remedy."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8s.models.common import ApiModel
from k8s.models.errors import InvalidAlertProvider, InvalidCanary, InvalidMetricTemplate, InvalidObject
from k8s.models.loading import load_alert_provider, load_canary, load_metric_template

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("*.yaml"))
GUIDE = yaml.safe_load((DATA / "guide_canary.yaml").read_text())
ABSENT = object()
Load = Callable[[Any], ApiModel]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


def changed(path: str, value: Any, good: Any = GUIDE) -> dict[str, Any]:
    """The guide's Canary, or another object, with one value replaced, or taken away."""
    canary: dict[str, Any] = copy.deepcopy(good)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = canary
    for step in way:
        node = node[step]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return canary


def every_path(node: Any, prefix: str = "") -> list[str]:
    """Dotted paths to all values below a node."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    paths = [(f"{prefix}{key}", child) for key, child in items]
    return [path for path, child in paths for path in [path, *every_path(child, f"{path}.")]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_round_trip(file: Path) -> None:
    """The three specs of the Linkerd guide, and one that uses every field, go out as they came in."""
    given_object = yaml.safe_load(file.read_text())
    assert load_canary(given_object).as_json() == given_object


def test_guide() -> None:
    """The guide's Canary reads as the comments beside it explain it."""
    canary = load_canary(GUIDE)
    analysis, service = canary.spec.analysis, canary.spec.service
    assert service is not None
    assert analysis.interval is not None
    assert (analysis.interval.total_seconds(), analysis.threshold) == (30, 5)
    assert (analysis.step_weight, analysis.max_weight) == (5, 50)
    assert (service.port, service.gateway_refs[0].kind) == (9898, "Service")
    assert [metric.name for metric in analysis.metrics] == ["request-success-rate", "request-duration"]
    assert [hook.name for hook in canary.hooks("pre-rollout")] == ["acceptance-test"]
    assert canary.deadline_seconds == 60


REFUSALS = {
    "spec.service.port: required; write the port of the ClusterIP service": ("spec.service.port", ABSENT),
    "spec.service.port: 0 should be greater than or equal to 1; write the port of the ClusterIP service": (
        "spec.service.port",
        0,
    ),
    "spec.targetRef.kind: \"StatefulSet\" should be 'DaemonSet', 'Deployment' or 'Service'; "
    "write the kind of the target: Deployment, DaemonSet or Service": ("spec.targetRef.kind", "StatefulSet"),
    'spec.analysis.interval: "10 sec" is not a duration; write minutes and seconds, such as 30s, 1m or 1m30s': (
        "spec.analysis.interval",
        "10 sec",
    ),
    "spec.analysis.stepWeight: 150 should be less than or equal to 100; "
    "write the share of traffic that each step adds to the canary, percent; "
    "excludes iterations and stepWeights": ("spec.analysis.stepWeight", 150),
    "spec.analysis.webhooks[1].url: required; write the URL that receives the POST": (
        "spec.analysis.webhooks.1.url",
        ABSENT,
    ),
    "spec.analysis: required; write how a release is analysed": ("spec.analysis", ABSENT),
    "spec.targetRef: required; write the workload that is released: its apiVersion, kind and name": (
        "spec.targetRef",
        None,
    ),
    "spec: required; write what a team asks for: at least targetRef and analysis": ("spec", ABSENT),
    "spec.analysis.match[0].headers.x-canary.exact: 1 should be a valid string; write the whole value": (
        "spec.analysis.match",
        [{"headers": {"x-canary": {"exact": 1}}}],
    ),
}


@pytest.mark.parametrize(("message", "change"), REFUSALS.items(), ids=[path for path, _ in REFUSALS.values()])
def test_refusal(message: str, change: tuple[str, Any]) -> None:
    """A mistake is refused with the field, the value and the remedy."""
    with pytest.raises(InvalidCanary) as refusal:
        load_canary(changed(*change))
    assert str(refusal.value) == message


def test_many_problems() -> None:
    """The first problems are told, the rest are counted."""
    broken = changed("spec.analysis.webhooks", [{} for _ in range(3)])
    with pytest.raises(InvalidCanary, match=r"webhooks\[1\].name: required; [^|]+ \| and 3 more$") as refusal:
        load_canary(broken)
    assert len(refusal.value.problems) == 6


def test_union() -> None:
    """A value that fits no alternative of a field is refused under the name of the field."""
    with pytest.raises(InvalidCanary) as refusal:
        load_canary(changed("spec.service.targetPort", [1]))
    assert all(problem.startswith("spec.service.targetPort: [1] should be") for problem in refusal.value.problems)


def test_long_value() -> None:
    """A long value is shortened in the message."""
    with pytest.raises(InvalidCanary) as refusal:
        load_canary(changed("spec.provider", "x" * 10_000))
    assert len(str(refusal.value)) < 600


TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "errors", "namespace": "test"},
    "spec": {
        "provider": {
            "type": "prometheus",
            "address": "http://prometheus:9090",
            "headers": {"X-Scope": ["a", "b"]},
            "secretRef": {"name": "credentials"},
            "region": "eu-west-1",
            "insecureSkipVerify": True,
        },
        "query": 'sum(rate(errors{target="{{ target }}"}[{{ interval }}]))',
    },
}
PROVIDER = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "AlertProvider",
    "metadata": {"name": "on-call", "namespace": "test"},
    "spec": {
        "type": "slack",
        "channel": "on-call",
        "username": "serinus",
        "proxy": "http://proxy:3128",
        "secretRef": {"name": "slack"},
    },
}


EVERY_FIELD = yaml.safe_load((DATA / "every_field.yaml").read_text())
REFUSED_BY: dict[Load, type[InvalidObject]] = {
    load_canary: InvalidCanary,
    load_metric_template: InvalidMetricTemplate,
    load_alert_provider: InvalidAlertProvider,
}


@pytest.mark.parametrize("load", REFUSED_BY)
@given(value=JSON)
def test_arbitrary_json(load: Load, value: Any) -> None:
    """Arbitrary JSON is refused by the kind's own error and no other."""
    with pytest.raises(REFUSED_BY[load]):
        load(value)


@pytest.mark.parametrize(
    ("load", "good"),
    [
        (load_canary, GUIDE),
        (load_canary, EVERY_FIELD),
        (load_metric_template, TEMPLATE),
        (load_alert_provider, PROVIDER),
    ],
    ids=["guide", "every field", "template", "provider"],
)
@given(data=st.data())
def test_arbitrary_field(load: Load, good: Any, data: st.DataObject) -> None:
    """Arbitrary JSON in the place of any field is read and goes out again, or is refused by the kind's own error."""
    path = data.draw(st.sampled_from(every_path(good)))
    try:
        model = load(changed(path, data.draw(JSON), good))
    except REFUSED_BY[load] as refusal:
        assert refusal.problems  # noqa: PT017 - raising is one of two good ends
        return
    assert load(model.as_json()) == model


def test_metric_template() -> None:
    """A MetricTemplate goes out as it came in."""
    assert load_metric_template(TEMPLATE).as_json() == TEMPLATE


def test_alert_provider() -> None:
    """An AlertProvider goes out as it came in."""
    assert load_alert_provider(PROVIDER).as_json() == PROVIDER


def test_metric_template_without_query() -> None:
    """A MetricTemplate without query is refused as such."""
    with pytest.raises(InvalidMetricTemplate, match=r"spec\.query: required; write the query, with placeholders"):
        load_metric_template(TEMPLATE | {"spec": {"provider": {"type": "prometheus"}}})


def test_unknown_alert_provider() -> None:
    """An AlertProvider of an unknown type is refused as such."""
    with pytest.raises(InvalidAlertProvider, match=r'spec\.type: "pager" should be'):
        load_alert_provider(PROVIDER | {"spec": {"type": "pager"}})


def test_not_an_object() -> None:
    """What is no object at all is refused, with the cause chained."""
    with pytest.raises(InvalidCanary) as refusal:
        load_canary([])
    assert refusal.value.problems[0].startswith("object: [] should be a valid dictionary or instance of Canary")
    assert isinstance(refusal.value.__cause__, ValueError)
