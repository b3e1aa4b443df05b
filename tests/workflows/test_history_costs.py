"""What docs/architecture.md tells of a step's cost is what the recorded histories show."""

import pytest
from temporalio.client import WorkflowHistory

from tests.workflows.history_costs import step_costs
from tests.workflows.stories import Story, paused, promotion
from tests.workflows.test_replay import path_of


@pytest.mark.parametrize(
    ("story", "kind", "events"), [(promotion, "passes", 18), (promotion, "halts", 18), (paused, "holds", 11)]
)
def test_a_step_costs_so_many_events(story: Story, kind: str, events: int) -> None:
    """One more for a step that passes after one that did not, whose reason it takes back."""
    history = WorkflowHistory.from_json("", path_of(story).read_text())

    assert min(cost.events for cost in step_costs(history.events) if cost.kind == kind) == events
