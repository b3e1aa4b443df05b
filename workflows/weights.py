"""The steps that a canary climbs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.observation import Plan, Strategy

FULL = 100


@dataclass(frozen=True)
class Step:
    """Where an analysis stands."""

    weight: int = 0
    """The canary's share of traffic, percent; in an A/B test, of the requests that match."""
    mirrored: bool = False
    """The canary gets copies of the primary's requests."""
    iteration: int = 0
    """Of an A/B test or blue/green, from 1."""

    @property
    def begun(self) -> bool:
        """Whether the canary got anything yet."""
        return self != Step()


def next_step(plan: Plan, step: Step) -> Step | None:
    """The step after this one; None when the analysis is complete.

    The plan may have been edited since the last step, even to another strategy.
    """
    if plan.strategy is Strategy.CANARY:
        # What an A/B test or blue/green reached says nothing of shares of all traffic.
        return _next_weight(plan, Step() if step.iteration else step)
    if step.iteration >= plan.iterations:
        return None
    if plan.strategy is Strategy.AB_TESTING:
        return Step(weight=FULL, iteration=step.iteration + 1)
    return Step(mirrored=plan.mirror, iteration=step.iteration + 1)


def is_edited_away(plan: Plan, step: Step) -> bool:
    """Whether the plan is of another strategy by now than the one under which the step was taken."""
    return step.begun and (plan.strategy is Strategy.CANARY) == (step.iteration > 0)


def _next_weight(plan: Plan, step: Step) -> Step | None:
    if plan.mirror and not step.begun:
        return Step(mirrored=True)
    weight = next_weight(plan.weights, step.weight)
    return None if weight is None else Step(weight=weight)


def ladder(step_weight: int, max_weight: int, step_weights: Sequence[int] = ()) -> tuple[int, ...]:
    """The canary's share of traffic at each step, percent 0-100, strictly ascending.

    `step_weights` wins over `step_weight` and ends the analysis with its last element. Steps of `step_weight` may
    overshoot `max_weight` once (20 with 50 goes 20, 40, 60), never 100. No usable step gives an empty ladder.
    """
    if step_weights:
        return tuple(sorted({min(FULL, weight) for weight in step_weights if weight > 0}))
    if step_weight <= 0:
        return ()
    top = min(FULL, max_weight or FULL)
    rungs = [min(FULL, weight) for weight in range(step_weight, top + step_weight, step_weight)]
    return tuple(dict.fromkeys(rungs))


def next_weight(weights: Sequence[int], weight: int) -> int | None:
    """The first rung above the present weight, or None when the canary has climbed them all."""
    return next((rung for rung in weights if rung > weight), None)


def descent(weight: int, step: int) -> tuple[int, ...]:
    """The canary's weights while a promotion brings its traffic back, percent, descending to 0 (`stepWeightPromotion`).

    Without a step, all at once.
    """
    return (*range(weight - step, 0, -step), 0) if step > 0 else (0,)
