"""Deliveries in order: what was taken is not sent again, what is secret is not told."""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.delivery import Undelivered, in_order, require
from activities.http import Reply
from tests.builders import CANARY
from workflows import effects
from workflows.effects import Activity, Alert, Alerts
from workflows.observation import Receiver, Severity
from workflows.telling import cause_of

ALERTS = tuple(Alert(text=text, severity=Severity.INFO) for text in ("first", "second", "third"))
ORDER = Alerts(canary=CANARY, receiver=Receiver(provider="chat", namespace="test"), alerts=ALERTS)


class Chat:
    """Takes messages, with trouble as a test prepares it."""

    def __init__(self, **troubles: list[Undelivered]) -> None:
        self.troubles = troubles
        self.asked: list[str] = []

    async def take(self, alert: Alert) -> None:
        """Or raise what comes next for this text."""
        self.asked.append(alert.text)
        if troubles := self.troubles.get(alert.text):
            raise troubles.pop(0)

    @activity.defn(name=Activity.ALERT)
    async def alert(self, order: Alerts) -> None:
        """As the real one delivers."""
        await in_order(order.alerts, self.take)


@workflow.defn
class Tell:
    """Nothing but one delivery."""

    @workflow.run
    async def run(self) -> str:
        """Why it failed."""
        try:
            await effects.alert(ORDER)
        except ActivityError as error:
            return cause_of(error)
        return ""


@pytest_asyncio.fixture
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A server that skips the pauses between attempts."""
    program = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program), data_converter=pydantic_data_converter
    ) as server:
        yield server


async def delivered(temporal: WorkflowEnvironment, chat: Chat) -> str:
    """Why it was not, with Temporal's retries."""
    async with Worker(
        temporal.client,
        task_queue="tell",
        workflows=[Tell],
        activities=[chat.alert],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        return await temporal.client.execute_workflow(Tell.run, id="tell", task_queue="tell")


def busy(why: str = "503 busy") -> Undelivered:
    """Passes."""
    return Undelivered(why, passing=True)


async def test_a_retry_begins_where_the_last_attempt_stopped(temporal: WorkflowEnvironment) -> None:
    """A chat that was told once is not told twice."""
    chat = Chat(second=[busy(), busy()], third=[busy()])
    assert await delivered(temporal, chat) == ""
    assert chat.asked == ["first", "second", "second", "second", "third", "third"]


async def test_it_is_given_up(temporal: WorkflowEnvironment) -> None:
    """After a handful of attempts, and the last answer is the one that is told."""
    chat = Chat(second=[busy(f"503 attempt {number}") for number in range(1, 100)])
    assert await delivered(temporal, chat) == "503 attempt 6"
    assert chat.asked == ["first", *["second"] * 6]


async def test_a_refusal_for_good(temporal: WorkflowEnvironment) -> None:
    """Is not tried again, costs the other messages nothing, and is told in the end, whatever happened in between."""
    chat = Chat(first=[Undelivered("400 too long", passing=False)], third=[busy()])
    assert await delivered(temporal, chat) == "400 too long"
    assert chat.asked == ["first", "second", "third", "third"]


async def test_progress_of_another_worker() -> None:
    """Comes with the heartbeat."""
    chat, environment = Chat(), ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_details=[{"done": 2, "problem": "400 too long"}])
    with pytest.raises(ApplicationError, match="400 too long"):
        await environment.run(chat.alert, ORDER)
    assert chat.asked == ["third"]


def test_what_is_worth_another_attempt() -> None:
    """No refusal is none; of the others, busy receivers."""
    require(Reply(200, "OK", httpx.Headers(), b"", whole=True), "")
    with pytest.raises(Undelivered) as refused:
        require(Reply(503, "", httpx.Headers({"Retry-After": "3"}), b"", whole=True), "503 busy")
    assert (refused.value.passing, refused.value.after_seconds) == (True, 3)
