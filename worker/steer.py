"""People's commands, sent as updates: the answer says what happened, or why not."""

from rich.console import Console
from rich.markup import escape
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from worker.command import DONE, REFUSED, Format, Printed, print_json
from worker.settings import load_settings
from worker.temporal import WORKFLOW, connect, workflow_id
from workflows.observation import CanaryRef
from workflows.state import Ending, Request
from workflows.steering import Command, Reply, Verb
from workflows.wording import UNDONE


async def steer(verb: Verb, namespace: str, name: str, command: Command, output: Format) -> int:
    """Send one command to a canary's running rollout and print the answer; returns the exit code."""
    canary = CanaryRef(namespace=namespace, name=name)
    try:
        reply = await send(verb, canary, command)
    except NotFollowed as error:
        return refused(str(error))
    tell(canary, reply, output, f"{reply.message} (phase {reply.phase}, weight {reply.weight})")
    return DONE


async def undo(namespace: str, name: str, command: Command, output: Format) -> int:
    """Give a canary at rest the revision it ran before, and wait for its primary; returns the exit code."""
    client, canary = await connect(), CanaryRef(namespace=namespace, name=name)
    settings = load_settings().temporal
    try:
        if (await client.get_workflow_handle(workflow_id(canary)).describe()).status is WorkflowExecutionStatus.RUNNING:
            return refused(f"cannot undo: a rollout of {canary} is under way; abort brings the primary's revision back")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    handle = await client.start_workflow(
        WORKFLOW,
        Request(canary=canary, visibility=settings.search_attributes),
        id=workflow_id(canary),
        task_queue=settings.task_queue,
        start_signal="undo",
        start_signal_args=[command],
        static_summary=f"canary {canary}",
        result_type=Ending,
    )
    ending: Ending = await handle.result()
    if not ending.reason.startswith(UNDONE):
        return refused(ending.reason or f"cannot undo: canary {canary} is {ending.phase or 'not there'}")
    tell(canary, Reply(message=ending.reason, phase=ending.phase, weight=0), output, ending.reason)
    return DONE


class Followed(Printed):
    """What became of a command."""

    canary: str
    message: str
    phase: str
    weight: int


def tell(canary: CanaryRef, reply: Reply, output: Format, text: str) -> None:
    """Print what became of a command."""
    if output is Format.JSON:
        print_json(Followed(canary=str(canary), **reply.model_dump()))
    else:
        Console(highlight=False).print(escape(f"canary {canary}: {text}"), soft_wrap=True)


def refused(why: str) -> int:
    """Say so; returns the exit code."""
    Console(stderr=True, highlight=False).print(f"[red]refused:[/red] {escape(why)}", soft_wrap=True)
    return REFUSED


class NotFollowed(Exception):
    """The rollout did not take the command; the text says why and what to do."""


async def send(verb: Verb, canary: CanaryRef, command: Command) -> Reply:
    """The rollout's answer.

    Raises:
        NotFollowed: it was refused, or nothing is under way.
        TemporalUnfit: Temporal cannot be reached.
    """
    return await send_to("", verb, canary, command)


async def send_to(address: str, verb: Verb, canary: CanaryRef, command: Command) -> Reply:
    """As `send`, to the Temporal at an address (host and port) rather than to the environment's."""
    client = await connect(address=address)
    handle = client.get_workflow_handle(workflow_id(canary))
    try:
        reply: Reply = await handle.execute_update(verb.value, command, result_type=Reply)
    except WorkflowUpdateFailedError as failed:
        cause = failed.cause
        raise NotFollowed(cause.message if isinstance(cause, ApplicationError) else str(cause)) from failed
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotFollowed(
                f"cannot {verb}: no rollout of {canary} is under way; see `serinus status -n {canary.namespace}`"
            ) from error
        raise NotFollowed(f"cannot {verb}: Temporal says: {error.message}") from error
    return reply
