"""`serinus check`: is an installation as it should be, and what is to be done about it."""

from collections.abc import AsyncIterator, Iterable

import httpx
from rich.console import Console
from rich.markup import escape

from activities.http import Http
from activities.providers.base import Source
from activities.providers.prometheus import Prometheus
from activities.redaction import shown
from k8s.client import Cluster
from k8s.errors import Unavailable
from worker.checkup import Finding, Outcome, away, fine, wrong
from worker.checkup_cluster import of_cluster
from worker.checkup_temporal import of_temporal
from worker.command import DONE, REFUSED, UNREACHABLE, Format, print_json
from worker.rehearsal import Rehearsal
from worker.settings import WorkerSettings, load_settings


async def show_checkup(output: Format) -> int:
    """Print what each check found, as soon as it is known; exit code 1 for something to do, 3 for nobody there."""
    findings, console = [], Console(highlight=False)
    async for finding in checkup(load_settings()):
        findings.append(finding)
        if output is Format.TABLE:
            console.print(escape(str(finding)), soft_wrap=True)
    if output is Format.JSON:
        print_json(findings)
    return exit_code(finding.outcome for finding in findings)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """The worst of them."""
    met = set(outcomes)
    if Outcome.AWAY in met:
        return UNREACHABLE
    return REFUSED if Outcome.WRONG in met else DONE


async def checkup(settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Every check, in the order in which one would mend things; no later one is asked of who is away."""
    try:
        async with Cluster.connect(settings.kubeconfig) as cluster:
            async for finding in of_cluster(cluster, settings):
                yield finding
    except Unavailable as error:
        yield away("API server", str(error), "see KUBECONFIG")
    async for finding in of_temporal(settings.temporal):
        yield finding
    yield await of_prometheus(settings)


async def of_prometheus(settings: WorkerSettings) -> Finding:
    """The server of built-in checks and inline queries, as it is reached from here."""
    address = settings.metrics_server
    async with httpx.AsyncClient() as client:
        http = Http(client, settings.allow_metadata_addresses)
        problem = await Prometheus(Source(http, Rehearsal(()), address)).probe()
    if not problem:
        return fine("Prometheus", f"answers at {shown(address)}")
    remedy = "set SERINUS_METRICS_SERVER, or run this where the worker runs"
    return wrong("Prometheus", f"{shown(address)}: {problem}", remedy)
