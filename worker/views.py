"""What people look at: the table of canaries, and one canary's release history."""

import asyncio
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.service import RPCError

from k8s.client import Cluster, Json
from k8s.resources import CANARIES
from worker.command import DONE, REFUSED, Format, Printed, print_json
from worker.settings import load_settings
from worker.temporal import ask, connect, workflow_id
from workflows.observation import AT_REST, CanaryRef, Phase
from workflows.state import Ending, StatusAnswer

USER_AGENT = "serinus-cli"
REFRESH_SECONDS = 1.0


class Row(Printed):
    """A canary at a glance."""

    namespace: str
    name: str
    phase: str
    weight: int
    failed_checks: int
    threshold: int | None = None
    paused_by: str | None = None
    next_check: datetime | None = None
    says: str = ""
    """What it waits for, or why it halted or failed."""
    last_transition: str = ""


async def show_status(name: str, namespace: str, output: Format, *, watch: bool) -> int:
    """Print the table once, or keep it live; exit code 1 when the named canary does not exist."""
    async with Cluster.connect(load_settings().kubeconfig, user_agent=USER_AGENT) as cluster:
        client = await connect()
        rows = await read(cluster, client, name, namespace)
        if name and not rows:
            Console(stderr=True).print(f"canary {name} not found{_place(namespace)}")
            return REFUSED
        if not rows:
            Console(stderr=True).print(f"no canaries found{_place(namespace)}")
        if output is Format.JSON:
            print_json(rows)
        elif watch:
            await _keep_live(cluster, client, name, namespace)
        elif rows:
            Console().print(table_of(rows))
    return DONE


def _place(namespace: str) -> str:
    return f" in namespace {namespace}" if namespace else ""


async def _keep_live(cluster: Cluster, client: Client, name: str, namespace: str) -> None:
    with Live(auto_refresh=False, console=Console()) as live:
        while True:
            live.update(table_of(await read(cluster, client, name, namespace)), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)


async def read(cluster: Cluster, client: Client, name: str, namespace: str) -> list[Row]:
    """All canaries from the cluster, and what those under way say of themselves."""
    listing = await cluster.get(CANARIES.path(namespace or None))
    chosen = [canary for canary in listing["items"] if name in ("", canary["metadata"]["name"])]
    return list(await asyncio.gather(*(_row(client, canary) for canary in chosen)))


async def _row(client: Client, canary: Json) -> Row:
    metadata, status = canary["metadata"], canary.get("status") or {}
    conditions = status.get("conditions") or [{}]
    row = Row(
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=status.get("phase") or "",
        weight=status.get("canaryWeight") or 0,
        failed_checks=status.get("failedChecks") or 0,
        says=conditions[0].get("message", ""),
        last_transition=status.get("lastTransitionTime") or "",
    )
    if row.phase in {phase.value for phase in AT_REST}:
        return row
    return await _with_answer(client, row)


async def _with_answer(client: Client, row: Row) -> Row:
    """The running workflow knows more than its status; without a worker to answer, the status stands."""
    answer = await ask(client, CanaryRef(namespace=row.namespace, name=row.name), "status", StatusAnswer)
    if answer is None:
        return row
    return row.model_copy(
        update={
            "phase": answer.phase.value or row.phase,
            "weight": answer.weight,
            "failed_checks": answer.failed_checks,
            "threshold": answer.threshold,
            "paused_by": answer.paused_by,
            "next_check": answer.next_check,
            "says": answer.waiting or answer.halt or (answer.log[-1] if answer.log else row.says),
        }
    )


COLORS = {
    Phase.SUCCEEDED: "green",
    Phase.INITIALIZED: "green",
    Phase.FAILED: "red",
    Phase.PROGRESSING: "yellow",
    Phase.PROMOTING: "cyan",
    Phase.FINALISING: "cyan",
}


def table_of(rows: list[Row]) -> Table:
    """For a terminal."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("NAMESPACE", "NAME", "STATUS", "WEIGHT", "FAILED", "NEXT CHECK"):
        table.add_column(column, no_wrap=True)
    table.add_column("WHAT IT SAYS")
    for row in rows:
        failed = f"{row.failed_checks}/{row.threshold}" if row.threshold else str(row.failed_checks)
        phase = f"[{COLORS.get(Phase(row.phase), 'white')}]{row.phase or 'New'}[/]"
        paused = f" [magenta]paused by {escape(row.paused_by)}[/]" if row.paused_by else ""
        says = escape(row.says)
        table.add_row(row.namespace, row.name, phase + paused, f"{row.weight}%", failed, due(row.next_check), says)
    return table


def due(at: datetime | None) -> str:
    """How soon the next check is."""
    if at is None:
        return ""
    return f"in {max(0, round((at - datetime.now(UTC)).total_seconds()))}s"


# -- release history ------------------------------------------------------------------------------------------------


class Release(Printed):
    """One run of a canary's workflow."""

    started: datetime
    took_seconds: float | None
    state: str
    """The phase it ended in, or how the run itself ended."""
    revision: str = ""
    reason: str = ""
    run_id: str


async def show_history(name: str, namespace: str, output: Format) -> int:
    """Print a canary's runs, newest first; exit code 1 when it has none."""
    client = await connect()
    id_ = workflow_id(CanaryRef(namespace=namespace, name=name))
    releases = [await _release(client, run) async for run in client.list_workflows(f'WorkflowId = "{id_}"')]
    if not releases:
        Console(stderr=True).print(f"no rollout of {name}.{namespace} is known to Temporal")
        return REFUSED
    if output is Format.JSON:
        print_json(releases)
    else:
        Console().print(history_table(releases))
    return DONE


async def _release(client: Client, run: WorkflowExecution) -> Release:
    ending = await _ending(client, run)
    took = (run.close_time - run.start_time).total_seconds() if run.close_time else None
    state = ending.phase.value if ending else (run.status.name.title() if run.status else "")
    return Release(
        started=run.start_time,
        took_seconds=took,
        state=state,
        revision=ending.revision if ending else "",
        reason=ending.reason if ending else "",
        run_id=run.run_id,
    )


async def _ending(client: Client, run: WorkflowExecution) -> Ending | None:
    if run.status is not WorkflowExecutionStatus.COMPLETED:
        return None
    handle = client.get_workflow_handle(run.id, run_id=run.run_id, result_type=Ending)
    try:
        ending: Ending = await handle.result(follow_runs=False)
    except (WorkflowFailureError, RPCError):
        return None
    return ending


def history_table(releases: list[Release]) -> Table:
    """For a terminal."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("STARTED", "TOOK", "ENDED", "REVISION"):
        table.add_column(column, no_wrap=True)
    table.add_column("WHY")
    for release in releases:
        took = f"{release.took_seconds:.0f}s" if release.took_seconds is not None else ""
        color = COLORS.get(Phase(release.state), "white") if release.state in set(Phase) else "white"
        started = release.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(started, took, f"[{color}]{release.state}[/]", release.revision, escape(release.reason))
    return table
