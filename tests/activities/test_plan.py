"""From `spec.analysis` to the plan: defaults filled in, and nothing left out in silence."""

from typing import Any

import pytest

from activities.bench import Defaults
from activities.plan import UnfitAnalysis, interval_seconds, plan_of
from tests.objects import a_model, an_analysis
from workflows.observation import Gate, Strategy

Json = dict[str, Any]
DEFAULTS = Defaults()
STEPS = "spec.analysis.stepWeight: missing or 0; write a step between 1 and 100, or stepWeights, or iterations"


def a_hook(name: str, type_: str) -> Json:
    """A webhook of that type."""
    return {"name": name, "type": type_, "url": "http://hooks.test/"}


def test_guide() -> None:
    """The spec's values, and Flagger's defaults for the rest."""
    plan = plan_of(a_model(analysis=an_analysis()), DEFAULTS)
    assert (plan.interval_seconds, plan.threshold, plan.weights) == (30, 5, (10, 20, 30, 40, 50))
    assert (plan.deadline_seconds, plan.unreadable_limit, plan.skip_analysis) == (600, 0, False)
    assert plan.caveats == ()


@pytest.mark.parametrize(
    ("analysis", "weights"),
    [
        ({"stepWeight": 20, "maxWeight": 50}, (20, 40, 60)),
        ({"stepWeight": 50, "maxWeight": None}, (50, 100)),
        ({"stepWeight": None, "stepWeights": [1, 5, 50]}, (1, 5, 50)),
    ],
)
def test_weights(analysis: Json, weights: tuple[int, ...]) -> None:
    """By a step or by a list."""
    assert plan_of(a_model(analysis=an_analysis(**analysis)), DEFAULTS).weights == weights


@pytest.mark.parametrize("threshold", [None, 0, -3, 1])
def test_least_threshold(threshold: int | None) -> None:
    """At least one failed check means rollback."""
    assert plan_of(a_model(analysis=an_analysis(threshold=threshold)), DEFAULTS).threshold == 1


@pytest.mark.parametrize(
    ("interval", "minimum", "seconds"),
    [("30s", 10, 30), (None, 10, 60), ("5s", 10, 10), ("0s", 10, 60), ("1m30s", 10, 90), ("2s", 1, 2)],
)
def test_interval(interval: str | None, minimum: float, seconds: float) -> None:
    """A minute when absent, and never below what the worker allows."""
    canary = a_model(analysis=an_analysis(interval=interval))
    assert interval_seconds(canary, Defaults(minimum_interval_seconds=minimum)) == seconds


def test_hooks() -> None:
    """By type, in the order of the spec; without a type it is a rollout hook."""
    hooks = [a_hook("b", "pre-rollout"), a_hook("a", "pre-rollout"), a_hook("c", ""), a_hook("d", "post-rollout")]
    plan = plan_of(a_model(analysis=an_analysis(webhooks=hooks)), DEFAULTS)
    assert (plan.pre_rollout, plan.rollout, plan.post_rollout) == (("b", "a"), ("c",), ("d",))


@pytest.mark.parametrize(
    "analysis", [{"stepWeight": None}, {"stepWeight": 0}, {"stepWeight": None, "stepWeights": [0]}]
)
def test_no_steps(analysis: Json) -> None:
    """Flagger stays Progressing for ever."""
    with pytest.raises(UnfitAnalysis) as refusal:
        plan_of(a_model(analysis=an_analysis(**analysis)), DEFAULTS)
    assert str(refusal.value) == STEPS


@pytest.mark.parametrize(("given", "seconds"), [(None, 600), (0, 0), (60, 60)])
def test_deadline(given: int | None, seconds: float) -> None:
    """Ten minutes when absent."""
    assert plan_of(a_model(progressDeadlineSeconds=given), DEFAULTS).deadline_seconds == seconds


def test_no_steps_are_needed() -> None:
    """When the analysis is skipped."""
    plan = plan_of(a_model(analysis=an_analysis(stepWeight=None), skipAnalysis=True), DEFAULTS)
    assert plan.skip_analysis
    assert plan.weights == ()


@pytest.mark.parametrize(
    ("analysis", "strategy"),
    [
        ({}, Strategy.CANARY),
        ({"iterations": 5, "stepWeight": None}, Strategy.BLUE_GREEN),
        ({"iterations": 5, "stepWeight": None, "match": [{"headers": {"x": {"exact": "y"}}}]}, Strategy.AB_TESTING),
    ],
)
def test_strategy(analysis: Json, strategy: Strategy) -> None:
    """By iterations, and by what they are for."""
    plan = plan_of(a_model(analysis=an_analysis(**analysis)), DEFAULTS)
    assert (plan.strategy, plan.iterations) == (strategy, analysis.get("iterations", 0))


def test_without_a_router() -> None:
    """Blue/green is what is possible; what is left out is told."""
    plan = plan_of(a_model(provider="kubernetes", analysis=an_analysis(stepWeightPromotion=10)), DEFAULTS)
    assert (plan.strategy, plan.iterations, plan.weights) == (Strategy.BLUE_GREEN, 10, ())
    assert (plan.routed, plan.promotion_step) == (False, 0)
    assert plan.caveats == (
        "Progressive traffic is not supported when using the kubernetes provider",
        "Setting canaryAnalysis.iterations: 10",
    )
    assert not plan_of(a_model(analysis=an_analysis()), Defaults(mesh_provider="kubernetes")).routed


def test_match_without_iterations() -> None:
    """What is meant for some users is not shown to a share of all."""
    analysis = an_analysis(match=[{"headers": {"x": {"exact": "y"}}}])
    with pytest.raises(UnfitAnalysis, match=r"^spec\.analysis\.match: is for A/B testing; write iterations, or remove"):
        plan_of(a_model(analysis=analysis), DEFAULTS)
    assert not plan_of(a_model(analysis=analysis, provider="kubernetes"), DEFAULTS).routed  # it leaves match out


def test_promotion_in_steps() -> None:
    """`stepWeightPromotion`; at once when absent."""
    assert plan_of(a_model(), DEFAULTS).promotion_step == 0
    assert plan_of(a_model(analysis=an_analysis(stepWeightPromotion=20)), DEFAULTS).promotion_step == 20


def test_gates() -> None:
    """Each type of gate with its hooks in order, and who is muted."""
    hooks = [a_hook("b", "confirm-promotion"), a_hook("a", "confirm-promotion"), a_hook("c", "rollback")]
    hooks[1]["muteAlert"] = True
    plan = plan_of(a_model(analysis=an_analysis(webhooks=hooks)), DEFAULTS)
    assert plan.gates == {Gate.PROMOTION: ("b", "a")}
    assert (plan.rollback, plan.muted, plan.approvals) == (("c",), ("a",), ())


def test_approvals() -> None:
    """A person is asked where the spec says so, for as long as it says."""
    asked = {"approvals": ["confirm-rollout"], "approvalTimeout": "30m", "approvalDefault": "approve"}
    plan = plan_of(a_model(analysis=an_analysis(**asked)), DEFAULTS)
    assert (plan.approvals, plan.approval_seconds, plan.approval_by_default) == ((Gate.ROLLOUT,), 1800, True)
    assert not plan_of(a_model(), DEFAULTS).approval_by_default


def test_workers_limit() -> None:
    """How long unreadable checks are borne is the worker's setting."""
    assert plan_of(a_model(), Defaults(unreadable_limit=7)).unreadable_limit == 7
