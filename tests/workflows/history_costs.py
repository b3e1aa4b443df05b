"""What the steps of a rollout cost Temporal: the events and bytes of its history, by how a step went.

temporal workflow show --workflow-id canary/test/podinfo --output json | python -m tests.workflows.history_costs
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import mean
from typing import NamedTuple

from rich.console import Console
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

KINDS = {("examine", "route"): "passes", ("examine", "report"): "halts", ("examine",): "holds"}
"""How a step went, by its activities; one with others beside them, such as a message's, is none of these."""


class StepCost(NamedTuple):
    """Of one step, from its question to the next one's."""

    kind: str
    events: int
    size_bytes: int


def step_costs(events: Sequence[HistoryEvent]) -> Iterator[StepCost]:
    """In order; without the last step, which ends with the rollout."""
    questions = [number for number, event in enumerate(events) if activity_of(event) == "examine"]
    for first, following in pairwise(questions):
        step = events[first:following]
        if kind := KINDS.get(tuple(filter(None, map(activity_of, step)))):
            yield StepCost(kind, len(step), size_of(step))


def activity_of(event: HistoryEvent) -> str:
    """The name of the activity that the event schedules; empty for any other event."""
    return event.activity_task_scheduled_event_attributes.activity_type.name


def size_of(events: Iterable[HistoryEvent]) -> int:
    """Of the events as they are sent, in bytes."""
    return sum(event.ByteSize() for event in events)


def main() -> None:
    """Read a history as JSON, print what it costs."""
    events = list(WorkflowHistory.from_json("", sys.stdin.read()).events)
    costs, console = list(step_costs(events)), Console(highlight=False)
    for kind in KINDS.values():
        if steps := [cost for cost in costs if cost.kind == kind]:
            size = mean(step.size_bytes for step in steps) / 1000
            numbers = sorted({step.events for step in steps})
            console.print(f"a step that {kind}: {numbers} events, {size:.1f} kB on average of {len(steps)}")
    console.print(f"in all: {len(events)} events, {size_of(events) / 1000:.1f} kB")


if __name__ == "__main__":
    main()
