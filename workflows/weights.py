"""The ladder of weights that a canary climbs. Pure."""

from collections.abc import Sequence

FULL = 100


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
