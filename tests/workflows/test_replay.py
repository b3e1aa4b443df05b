"""Histories of the past replay with the present code: a change that would break running rollouts fails here.

A history that no longer replays means that the change needs `workflow.patched`. Only for a story that is new, or
before any rollout can be under way with the old code, record anew:

    python -m pytest tests/workflows/test_replay.py --record-histories
"""

import base64
import json
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from tests.workflows.conftest import SANDBOX, Stage, real_server
from tests.workflows.stories import STORIES, Story
from workflows.rollout import CanaryRollout

HISTORIES = Path(__file__).with_name("histories")
OF_A_MACHINE = re.compile(rf"/(?:home|root|usr|tmp|work|Users)/|site-packages|{re.escape(platform.node())}")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_a_recorded_history_replays(story: Story, request: pytest.FixtureRequest) -> None:
    """The commands that the present code gives are those of the history."""
    if request.config.getoption("--record-histories", default=False):
        await record(story)

    await replay(path_of(story).read_text())


def test_every_history_belongs_to_a_story() -> None:
    """No file replays unseen, and none is missing."""
    assert sorted(HISTORIES.iterdir()) == sorted(path_of(story) for story in STORIES)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_history_names_no_machine(story: Story) -> None:
    """Neither a path nor a host, not even inside a payload."""
    history = json.loads(path_of(story).read_text())

    assert [text for text in texts_of(history) if OF_A_MACHINE.search(text)] == []


async def test_a_history_in_another_order_does_not_replay() -> None:
    """Replay can fail: exchange two of a rollout's effects, and it does."""
    history = json.loads(path_of(STORIES[0]).read_text())
    scheduled = [event for event in history["events"] if "activityTaskScheduledEventAttributes" in event]
    first, other = scheduled[0], next(event for event in scheduled if name_of(event) != name_of(scheduled[0]))
    key = "activityTaskScheduledEventAttributes"
    first[key], other[key] = other[key], first[key]

    with pytest.raises(NondeterminismError):
        await replay(json.dumps(history))


async def replay(text: str) -> None:
    """As a worker does that takes over a rollout."""
    replayer = Replayer(
        workflows=[CanaryRollout],
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(restrictions=SANDBOX),
    )
    await replayer.replay_workflow(WorkflowHistory.from_json("canary/test/podinfo", text))


async def record(story: Story) -> None:
    """Tell the story on a real server and keep its history, one event a line."""
    async with Stage(await real_server(), visibility=True) as stage:
        rollout = await story(stage.start)
        await rollout.result()
        history = json.loads((await rollout.handle.fetch_history()).to_json(), object_hook=without_trace)
    events = ",\n".join(json.dumps(event) for event in history["events"])
    path_of(story).write_text(f'{{"events": [\n{events}\n]}}\n')


def without_trace(value: dict[str, Any]) -> dict[str, Any]:
    """A failure's stack trace names files of the machine, and is not replayed."""
    return {key: inner for key, inner in value.items() if key != "stackTrace"}


def path_of(story: Story) -> Path:
    """Where its history is kept."""
    return HISTORIES / f"{story.__name__}.json"


def name_of(event: dict[str, Any]) -> str:
    """Of the activity that the event schedules."""
    return str(event["activityTaskScheduledEventAttributes"]["activityType"]["name"])


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a history, payloads decoded."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "data" and isinstance(inner, str):
                yield base64.b64decode(inner).decode(errors="replace")
            else:
                yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif isinstance(value, str):
        yield value
