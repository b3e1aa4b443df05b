"""From the spec's analysis to the plan a workflow follows: defaults filled in, the ladder worked out. Pure."""

from k8s.models.canary import Canary

from activities.bench import Defaults
from workflows.observation import Plan
from workflows.weights import ladder

DEFAULT_INTERVAL_SECONDS = 60.0


class UnfitAnalysis(Exception):
    """The analysis asks for nothing, or for what is not supported yet; the text says what to write."""


def plan_of(canary: Canary, defaults: Defaults) -> Plan:
    """How this Canary's releases are analysed.

    Raises:
        UnfitAnalysis: no steps can be made of it.
    """
    analysis = canary.spec.analysis
    if analysis.iterations or analysis.match:
        raise UnfitAnalysis(
            "spec.analysis.iterations and match: A/B testing and blue/green are not supported yet; "
            "use stepWeight and maxWeight"
        )
    weights = ladder(analysis.step_weight or 0, analysis.max_weight or 0, analysis.step_weights or ())
    if not weights and not canary.spec.skip_analysis:
        raise UnfitAnalysis("spec.analysis.stepWeight: missing or 0; write a step between 1 and 100, or stepWeights")
    return Plan(
        interval_seconds=interval_seconds(canary, defaults),
        threshold=max(1, analysis.threshold or 0),
        weights=weights,
        deadline_seconds=float(canary.deadline_seconds),
        pre_rollout=tuple(hook.name for hook in canary.hooks("pre-rollout")),
        rollout=tuple(hook.name for hook in canary.hooks("rollout")),
        post_rollout=tuple(hook.name for hook in canary.hooks("post-rollout")),
        unreadable_limit=defaults.unreadable_limit,
        skip_analysis=bool(canary.spec.skip_analysis),
    )


def interval_seconds(canary: Canary, defaults: Defaults) -> float:
    """`analysis.interval`, 60 s when absent, never below the worker's minimum."""
    interval = canary.spec.analysis.interval
    seconds = interval.total_seconds() if interval else DEFAULT_INTERVAL_SECONDS
    return max(seconds or DEFAULT_INTERVAL_SECONDS, defaults.minimum_interval_seconds)
