"""Any Canary that the definition lets in is read, planned and climbed: to its end, or to a sentence that helps."""

from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from activities.bench import Defaults
from activities.plan import UnfitAnalysis, plan_of
from k8s.models.analysis import Analysis
from k8s.models.canary import Canary
from k8s.models.errors import InvalidCanary
from k8s.models.loading import load_canary
from k8s.models.schema import Schema, structural
from tests.objects import a_canary
from workflows.observation import Plan
from workflows.weights import FULL, Step, descent, next_step

NAMES = st.sampled_from(["podinfo", "gate", "load-test", "request-success-rate", "request-duration"])
TEXTS = st.sampled_from(
    ["", "1m", "30s", "0s", "2562047h", "http://a.test/", "podinfo", "{{ target }}", "é", "x" * 300]
)
PLENTY = 3
"""Elements of a list."""


def of(schema: Schema) -> st.SearchStrategy[Any]:
    """What the schema lets in, often enough with words that mean something."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema)
        case "array":
            return st.lists(of(schema["items"]), min_size=schema.get("minItems", 0), max_size=PLENTY)
        case "string":
            pattern = schema.get("pattern")
            return st.from_regex(pattern, fullmatch=True) if pattern else TEXTS | NAMES
        case "integer" | "number":
            low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1)
            return st.integers(int(low), int(high)) | st.integers(max(0, int(low)), max(0, min(int(high), FULL)))
        case "boolean":
            return st.booleans()
        case _:
            return st.sampled_from([80, "http", "25%"])


def _object(schema: Schema) -> st.SearchStrategy[Any]:
    fields = schema.get("properties", {})
    if not fields:
        return st.dictionaries(NAMES, of(schema.get("additionalProperties", {"type": "string"})), max_size=PLENTY)
    required = {name: of(fields[name]) for name in schema.get("required", [])}
    optional = {name: of(field) for name, field in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


ANALYSES = of(structural(Analysis))
SPECS = of(structural(Canary)["properties"]["spec"])
DEFAULTS = st.builds(Defaults, minimum_interval_seconds=st.sampled_from([1.0, 10.0]))


def planned(canary: Canary, defaults: Defaults) -> Plan | None:
    """The plan, or None when there is none for a reason that is told."""
    try:
        return plan_of(canary, defaults)
    except UnfitAnalysis as problem:
        assert "; write" in str(problem)  # noqa: PT017 - raising is one of two good ends
        return None


def loaded(spec: dict[str, Any]) -> Canary | None:
    """The Canary, or None when it is refused for reasons that are told."""
    try:
        return load_canary(a_canary() | {"spec": spec})
    except InvalidCanary as refusal:
        assert refusal.problems  # noqa: PT017 - same
        return None


def assert_it_can_be_climbed(plan: Plan) -> None:
    """Weights rise within bounds, in a number of steps that ends, and come down again; times are times to Temporal."""
    step, taken = Step(), 0
    while following := next_step(plan, step):
        assert 0 <= following.weight <= FULL
        assert (following.weight, following.iteration) >= (step.weight, step.iteration)
        assert following != step
        step, taken = following, taken + 1
        assert taken <= FULL + 1 or plan.iterations
        if taken > FULL + 1:  # as often as asked for; no need to count them all
            break
    weights = descent(step.weight, plan.promotion_step)
    assert weights[-1] == 0
    assert list(weights) == sorted({*weights}, reverse=True)
    assert max(weights) < step.weight or not step.weight
    for seconds in (plan.interval_seconds, plan.deadline_seconds, plan.approval_seconds, plan.drain_seconds):
        assert seconds >= 0
        Duration().FromTimedelta(timedelta(seconds=seconds))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


effort = settings(max_examples=150, suppress_health_check=[*HealthCheck])


@effort
@given(spec=SPECS, defaults=DEFAULTS)
def test_any_spec(spec: dict[str, Any], defaults: Defaults) -> None:
    """As the API server would store it."""
    if (canary := loaded(spec)) and (plan := planned(canary, defaults)):
        assert_it_can_be_climbed(plan)


@effort
@given(analysis=ANALYSES, defaults=DEFAULTS, provider=st.sampled_from(["gatewayapi:v1", "kubernetes", "nginx"]))
def test_any_analysis(analysis: dict[str, Any], defaults: Defaults, provider: str) -> None:
    """Of a Canary that is right otherwise."""
    spec = a_canary()["spec"] | {"analysis": analysis, "provider": provider}
    canary = loaded(spec)
    assume(canary)
    assert canary
    if plan := planned(canary, defaults):
        assert_it_can_be_climbed(plan)
