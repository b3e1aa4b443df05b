"""From the spec's analysis to the plan a workflow follows: defaults filled in, the ladder worked out. Pure."""

from activities.alerts.routing import event_hooks, foreign_providers, receivers
from activities.bench import Defaults
from activities.kubernetes_analysis import kubernetes_analysis
from k8s.models.canary import Canary
from workflows.observation import Gate, Plan, Strategy
from workflows.weights import ladder

DEFAULT_INTERVAL_SECONDS = 60.0
UNROUTED = "kubernetes"
"""The provider that divides no traffic."""


class UnfitAnalysis(Exception):
    """The analysis asks for nothing, or for what is not supported yet; the text says what to write."""


def plan_of(canary: Canary, defaults: Defaults) -> Plan:
    """How this Canary's releases are analysed.

    Raises:
        UnfitAnalysis: no steps can be made of it.
    """
    analysis = canary.spec.analysis
    for refusal in foreign_providers(canary, defaults):
        raise UnfitAnalysis(refusal)
    if (canary.spec.provider or defaults.mesh_provider) == UNROUTED:
        return _unrouted(canary, defaults)
    weights = ladder(analysis.step_weight or 0, analysis.max_weight or 0, analysis.step_weights or ())
    if not weights and not analysis.iterations and not canary.spec.skip_analysis:
        raise UnfitAnalysis(
            "spec.analysis.stepWeight: missing or 0; write a step between 1 and 100, or stepWeights, or iterations"
        )
    if analysis.match and not analysis.iterations:  # accepted by a definition that is not ours
        raise UnfitAnalysis("spec.analysis.match: is for A/B testing; write iterations, or remove match")
    return _plan(canary, defaults, weights)


def _unrouted(canary: Canary, defaults: Defaults) -> Plan:
    """Only blue/green is possible without a router."""
    iterations, left_out = kubernetes_analysis(canary)
    plan = _plan(canary, defaults, ())
    blue_green = {"strategy": Strategy.BLUE_GREEN, "iterations": iterations, "mirror": False, "promotion_step": 0}
    return plan.model_copy(update=blue_green | {"routed": False, "caveats": left_out})


def _plan(canary: Canary, defaults: Defaults, weights: tuple[int, ...]) -> Plan:
    analysis = canary.spec.analysis
    return Plan(
        interval_seconds=interval_seconds(canary, defaults),
        threshold=max(1, analysis.threshold or 0),
        weights=weights,
        deadline_seconds=float(canary.deadline_seconds),
        pre_rollout=names_of(canary, "pre-rollout"),
        rollout=names_of(canary, "rollout"),
        post_rollout=names_of(canary, "post-rollout"),
        unreadable_limit=defaults.unreadable_limit,
        skip_analysis=bool(canary.spec.skip_analysis),
        measured=bool(analysis.metrics),
        strategy=Strategy(canary.strategy),
        iterations=analysis.iterations or 0,
        mirror=analysis.mirror,
        promotion_step=analysis.step_weight_promotion or 0,
        gates={gate: names for gate in Gate if (names := names_of(canary, gate))},
        approvals=tuple(Gate(gate) for gate in analysis.approvals),
        approval_seconds=analysis.approval_timeout.total_seconds() if analysis.approval_timeout else 0,
        approval_by_default=analysis.approval_default == "approve",
        drain_seconds=defaults.drain_seconds,
        rollback=names_of(canary, "rollback"),
        muted=tuple(hook.name for gate in Gate for hook in canary.hooks(gate) if hook.mute_alert),
        alerts=receivers(canary, defaults),
        event_hooks=event_hooks(canary, defaults),
    )


def names_of(canary: Canary, moment: str) -> tuple[str, ...]:
    """Of the hooks of a type, in order."""
    return tuple(hook.name for hook in canary.hooks(moment))


def interval_seconds(canary: Canary, defaults: Defaults) -> float:
    """`analysis.interval`, 60 s when absent, never below the worker's minimum."""
    interval = canary.spec.analysis.interval
    seconds = interval.total_seconds() if interval else DEFAULT_INTERVAL_SECONDS
    return max(seconds or DEFAULT_INTERVAL_SECONDS, defaults.minimum_interval_seconds)
