"""Commands as a person gives them, and a Temporal that answers people."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner, Result

from workflows.observation import Phase, Record
from workflows.state import Ending, StatusAnswer
from workflows.steering import Command, Reply

STARTED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


async def run(app: typer.Typer, *arguments: str, input: str = "") -> Result:  # noqa: A002 - as the runner names it
    """Run a command in a thread of its own, since it brings its own loop."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, input=input)


class People:
    """Stands for the client: a canary's runs, and the answers to people."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.reply: Reply | Exception = Reply(message="paused", phase=Phase.PROGRESSING, weight=20)
        self.commands: list[tuple[str, str, Command]] = []
        self.answers: dict[str, Record] = {}
        """To queries; to others nobody answers."""
        self.asked: list[str] = []

    def list_workflows(self, query: str) -> AsyncIterator[Any]:
        """The runs."""
        self.asked.append(query)
        return self._each()

    async def _each(self) -> AsyncIterator[Any]:
        for each in self.runs:
            if isinstance(each, Exception):
                raise each
            yield each

    def get_workflow_handle(self, id_: str, **_: Any) -> "Handle":
        """Of a workflow."""
        return Handle(self, id_)


class Handle:
    """To one workflow."""

    def __init__(self, people: People, id_: str) -> None:
        self._people, self._id = people, id_

    async def result(self, **_: Any) -> Ending:
        """How it ended."""
        return Ending(phase=Phase.SUCCEEDED, revision="s1-new")

    async def query(self, name: str, **_: Any) -> Record:
        """What it says of itself."""
        if name not in self._people.answers:
            raise RPCError("no worker", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        return self._people.answers[name]

    async def execute_update(self, name: str, command: Command, **_: Any) -> Reply:
        """What became of a command."""
        self._people.commands.append((self._id, name, command))
        if isinstance(self._people.reply, Exception):
            raise self._people.reply
        return self._people.reply


def a_run(execution: WorkflowExecutionStatus) -> Any:
    """A run of the workflow that took 90 seconds."""
    closed = None if execution is WorkflowExecutionStatus.RUNNING else STARTED + timedelta(seconds=90)
    fields = {"id": "canary/test/podinfo", "run_id": "r1", "start_time": STARTED, "close_time": closed}
    return type("Run", (), fields | {"status": execution})


def json_of(result: Result) -> Any:
    """What a script reads from standard output."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def an_answer(**fields: Any) -> StatusAnswer:
    """What a running rollout says of itself."""
    defaults: dict[str, Any] = {
        "canary": "podinfo.test",
        "target": "podinfo",
        "phase": Phase.PROGRESSING,
        "weight": 30,
        "failed_checks": 2,
        "threshold": 5,
        "revision": "s1-new",
        "halt": "",
        "waiting": "",
        "paused_by": None,
        "next_check": None,
        "log": ("New revision detected! Scaling up podinfo.test", "Advance podinfo.test canary weight 30"),
    }
    return StatusAnswer(**(defaults | fields))
