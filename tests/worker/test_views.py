"""The table of canaries and the release history."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from rich.console import Console
from rich.table import Table
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from k8s.client import Cluster
from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.objects import a_canary
from tests.worker.commands import an_answer
from worker.views import Release, Row, due, history_table, read, table_of
from workflows.state import StatusAnswer

STARTED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SAYS = "Halt podinfo.test advancement success rate 50.00% < 99%"


def a_row(**fields: Any) -> Row:
    """A canary in the middle of its rollout."""
    defaults = {"namespace": "test", "name": "podinfo", "phase": "Progressing", "weight": 20, "failed_checks": 1}
    return Row(**(defaults | fields))


def a_release(**fields: Any) -> Release:
    """One that succeeded after 83 seconds."""
    return Release(**({"started": STARTED, "took_seconds": 83.4, "state": "Succeeded", "run_id": "r"} | fields))


def printed(table: Table) -> list[str]:
    """Its lines, on a wide terminal."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


class Answering:
    """Stands for the client: every workflow gives this answer to a query."""

    def __init__(self, answer: StatusAnswer | RPCError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def get_workflow_handle(self, id_: str) -> "Answering":
        """Of any workflow."""
        self.asked.append(id_)
        return self

    async def query(self, name: str, **_: Any) -> StatusAnswer:
        """The answer."""
        assert name == "status"
        if isinstance(self.answer, RPCError):
            raise self.answer
        return self.answer


async def row(api: ApiServer, cluster: Cluster, temporal: Answering, **status: Any) -> Row:
    """The row of a canary with that status."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(status=status))
    (found,) = await read(cluster, cast("Client", temporal), "", "")
    return found


async def test_at_rest(api: ApiServer, cluster: Cluster) -> None:
    """The status says it all, and Temporal is not asked."""
    temporal = Answering(an_answer())
    condition = {"message": "Canary analysis completed successfully, promotion finished."}
    found = await row(
        api, cluster, temporal, phase="Succeeded", conditions=[condition], lastTransitionTime="2026-01-01T00:00:00Z"
    )
    assert found == a_row(
        phase="Succeeded",
        weight=0,
        failed_checks=0,
        says=condition["message"],
        last_transition="2026-01-01T00:00:00Z",
    )
    assert temporal.asked == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({}, "Advance podinfo.test canary weight 30"),
        ({"halt": SAYS}, SAYS),
        ({"halt": SAYS, "waiting": "1 of 2 updated replicas are available"}, "1 of 2 updated replicas are available"),
        ({"log": ()}, ""),
    ],
)
async def test_under_way(api: ApiServer, cluster: Cluster, answer: dict[str, Any], says: str) -> None:
    """The rollout itself knows more: what it waits for, else why it halted, else what it did last."""
    temporal = Answering(an_answer(**answer))
    found = await row(api, cluster, temporal, phase="Progressing", canaryWeight=20)
    assert (found.weight, found.failed_checks, found.threshold, found.says) == (30, 2, 5, says)
    assert temporal.asked == ["canary/test/podinfo"]


async def test_nobody_answers(api: ApiServer, cluster: Cluster) -> None:
    """Without a worker or a run the status stands."""
    temporal = Answering(RPCError("no poller", RPCStatusCode.FAILED_PRECONDITION, b""))
    found = await row(api, cluster, temporal, phase="Progressing", canaryWeight=20)
    assert (found.weight, found.threshold) == (20, None)


async def test_choosing(api: ApiServer, cluster: Cluster) -> None:
    """By namespace, by name, by both."""
    for namespace, name in (("a", "x"), ("a", "y"), ("b", "x")):
        await api.put(CANARIES.path(namespace, name), a_canary(status={"phase": "Succeeded"}))
    temporal = cast("Client", Answering(an_answer()))
    chosen = [len(await read(cluster, temporal, *which)) for which in (("", ""), ("", "a"), ("x", ""), ("x", "b"))]
    assert chosen == [3, 2, 2, 1]
    assert await read(cluster, temporal, "z", "") == []


def test_table() -> None:
    """A line for a canary, under the headings."""
    lines = printed(table_of([a_row(threshold=5, says=SAYS), a_row(name="new", phase="", weight=0, failed_checks=0)]))
    assert lines[0].split() == [
        "NAMESPACE",
        "NAME",
        "STATUS",
        "WEIGHT",
        "FAILED",
        "NEXT",
        "CHECK",
        "WHAT",
        "IT",
        "SAYS",
    ]
    assert lines[1].split(maxsplit=5) == ["test", "podinfo", "Progressing", "20%", "1/5", SAYS]
    assert lines[2].split() == ["test", "new", "New", "0%", "0"]


def test_paused() -> None:
    """Who paused stands beside the phase, and what people wrote is no markup."""
    lines = printed(table_of([a_row(paused_by="ann[red]", says="gate [/b] closed")]))
    assert "Progressing paused by ann[red]" in lines[1]
    assert "gate [/b] closed" in lines[1]


def test_due() -> None:
    """In seconds; a check that is late is due now, and none is none."""
    soon = int(due(datetime.now(UTC) + timedelta(hours=1)).removeprefix("in ").removesuffix("s"))
    assert 3540 < soon <= 3600
    assert due(datetime.now(UTC) - timedelta(hours=1)) == "in 0s"
    assert due(None) == ""


def test_history() -> None:
    """A line for a run: when, how long, how it ended, what it shipped, and why it failed."""
    lines = printed(
        history_table(
            [
                a_release(state="Running", took_seconds=None),
                a_release(revision="s1-new", state="Failed", reason="failed checks threshold reached [5]"),
                a_release(state="Terminated"),
            ]
        )
    )
    assert lines[0].split() == ["STARTED", "TOOK", "ENDED", "REVISION", "WHY"]
    assert lines[1].split()[2:] == ["Running"]
    assert lines[2].split(maxsplit=5)[2:] == ["83s", "Failed", "s1-new", "failed checks threshold reached [5]"]
    assert lines[3].split()[2:] == ["83s", "Terminated"]
    assert len(lines) == 4
