"""The release history, and commands to a running rollout."""

import pytest
import typer
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from tests.worker.commands import People, a_run, json_of, run
from workflows.steering import Command, Verb

STEERING = [verb.value for verb in Verb]


# -- history ----------------------------------------------------------------------------------------------------------


async def test_history_for_scripts(app: typer.Typer, people: People) -> None:
    """A list of runs, those that did not end by themselves too."""
    people.runs = [a_run(WorkflowExecutionStatus.RUNNING), a_run(WorkflowExecutionStatus.COMPLETED)]
    found = json_of(await run(app, "history", "podinfo", "-n", "test", "-o", "json"))
    assert found == [
        {
            "started": "2026-01-01T12:00:00Z",
            "tookSeconds": None,
            "state": "Running",
            "revision": "",
            "reason": "",
            "runId": "r1",
        },
        {
            "started": "2026-01-01T12:00:00Z",
            "tookSeconds": 90.0,
            "state": "Succeeded",
            "revision": "s1-new",
            "reason": "",
            "runId": "r1",
        },
    ]
    assert people.asked == ['WorkflowId = "canary/test/podinfo"']


async def test_history_for_people(app: typer.Typer, people: People) -> None:
    """A table."""
    people.runs = [a_run(WorkflowExecutionStatus.TERMINATED)]
    result = await run(app, "history", "podinfo")
    assert (result.exit_code, "Terminated" in result.stdout) == (0, True)


async def test_no_history(app: typer.Typer, people: People) -> None:
    """1, with the canary as Temporal was asked for it."""
    assert people.runs == []
    result = await run(app, "history", "podinfo", "-n", "nowhere")
    assert (result.exit_code, result.stderr) == (1, "no rollout of podinfo.nowhere is known to Temporal\n")


async def test_unknown_temporal_namespace(app: typer.Typer, people: People) -> None:
    """3, in Temporal's words, with the variables that lead elsewhere."""
    people.runs = [RPCError("Namespace nowhere is not found.", RPCStatusCode.NOT_FOUND, b"")]
    result = await run(app, "history", "podinfo")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: Temporal says: Namespace nowhere is not found.; see TEMPORAL_ADDRESS and")


# -- steering ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", STEERING)
async def test_steering(app: typer.Typer, people: People, verb: str) -> None:
    """The command reaches the canary's workflow with all that was said, and its answer is printed."""
    words = ("-n", "test", "--by", "ann", "--reason", "by hand", "--revision", "s1")
    result = await run(app, verb, "podinfo", *words)
    assert (result.exit_code, result.stdout) == (0, "canary podinfo.test: paused (phase Progressing, weight 20)\n")
    command = Command(by="ann", reason="by hand", revision="s1")
    assert people.commands == [("canary/test/podinfo", verb, command)]


@pytest.mark.parametrize("verb", STEERING)
@pytest.mark.usefixtures("people")
async def test_steering_for_scripts(app: typer.Typer, verb: str) -> None:
    """The answer as one object."""
    found = json_of(await run(app, verb, "podinfo", "-n", "test", "-o", "json"))
    assert found == {"canary": "podinfo.test", "message": "paused", "phase": "Progressing", "weight": 20}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b""),
            "cannot pause: no rollout of podinfo.test is under way; see `serinus status -n test`",
        ),
        (RPCError("not leader", RPCStatusCode.UNAVAILABLE, b""), "cannot pause: Temporal says: not leader"),
    ],
    ids=["no run", "other"],
)
async def test_refused_steering(app: typer.Typer, people: People, error: Exception, text: str) -> None:
    """1, with the reason and the remedy."""
    people.reply = error
    result = await run(app, "pause", "podinfo", "-n", "test")
    assert (result.exit_code, " ".join(result.stderr.split())) == (1, f"refused: {text}")
