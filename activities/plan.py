"""From the spec's analysis to the plan a workflow follows: defaults filled in, the ladder worked out. Pure."""

from pydantic.alias_generators import to_camel

from activities.bench import Defaults
from k8s.models.canary import Canary
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
    for refusal in refusals(canary):
        raise UnfitAnalysis(refusal)
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
        caveats=caveats(canary),
    )


IGNORED_SERVICE_FIELDS = (
    "port_discovery",
    "headless",
    "traffic_distribution",
    "apex",
    "primary",
    "canary",
    "unmanaged_metadata",
)
GATES = ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")


def refusals(canary: Canary) -> list[str]:
    """What would be unsafe to leave out: a release must not pass a gate that nobody asks."""
    analysis = canary.spec.analysis
    asked = {
        "iterations: A/B testing and blue/green are": analysis.iterations or analysis.match,
        "mirror: traffic mirroring is": analysis.mirror,
        "stepWeightPromotion: promotion in steps is": analysis.step_weight_promotion,
        "sessionAffinity: session affinity is": analysis.session_affinity,
    } | {f"webhooks: type {gate} is": canary.hooks(gate) for gate in GATES}
    return [
        f"spec.analysis.{field} not supported yet; remove it to release without" for field, on in asked.items() if on
    ]


def caveats(canary: Canary) -> tuple[str, ...]:
    """What is left out without harm to the release, but not without a word."""
    left_out = {
        "alerts: not supported yet, nobody is alerted": bool(canary.spec.analysis.alerts),
        "webhooks: type event is not supported yet, nobody is told": bool(canary.hooks("event")),
    }
    analysis = [f"spec.analysis.{text}" for text, asked in left_out.items() if asked]
    service = canary.spec.service
    ignored = [to_camel(field) for field in IGNORED_SERVICE_FIELDS if service and getattr(service, field)]
    return (*analysis, *(f"spec.service.{field}: not supported yet, it is left out" for field in ignored))


def interval_seconds(canary: Canary, defaults: Defaults) -> float:
    """`analysis.interval`, 60 s when absent, never below the worker's minimum."""
    interval = canary.spec.analysis.interval
    seconds = interval.total_seconds() if interval else DEFAULT_INTERVAL_SECONDS
    return max(seconds or DEFAULT_INTERVAL_SECONDS, defaults.minimum_interval_seconds)
