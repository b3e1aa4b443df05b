"""`serinus explain`: why a canary stands where it stands."""

from collections.abc import Iterator
from textwrap import indent

from rich.console import Console
from rich.markup import escape

from k8s.client import Cluster
from k8s.errors import NotFound
from k8s.resources import CANARIES
from worker.command import DONE, REFUSED, Format, print_json
from worker.explain import Explanation, Judged, explanation, look
from worker.settings import load_settings
from worker.temporal import connect
from worker.views import USER_AGENT, due


async def show_explanation(name: str, namespace: str, output: Format) -> int:
    """Print it; exit code 1 when there is no such canary."""
    async with Cluster.connect(load_settings().kubeconfig, user_agent=USER_AGENT) as cluster:
        client = await connect()
        try:
            canary = await cluster.get(CANARIES.path(namespace, name))
        except NotFound:
            Console(stderr=True, highlight=False).print(f"canary {name} not found in namespace {namespace}")
            return REFUSED
        explained = explanation(await look(client, canary))
    if output is Format.JSON:
        print_json(explained)
    else:
        for line in lines_of(explained):
            Console(highlight=False).print(escape(line), soft_wrap=True)
    return DONE


def lines_of(explained: Explanation) -> Iterator[str]:
    """For people."""
    failed = f"{explained.failed_checks} of {explained.threshold}" if explained.threshold else explained.failed_checks
    soon = f", next check {due(explained.next_check)}" if explained.next_check else ""
    yield f"canary {explained.canary}: {explained.phase}, weight {explained.weight}%, failed checks {failed}{soon}"
    if explained.why:
        yield f"\nWhy\n  {explained.why}"
    yield f"\nWaits for\n  {explained.waits_for}"
    if explained.checks:
        yield "\nChecks of the last step"
        yield from (indent(text, "  ") for check in explained.checks for text in _of_check(check))
    if explained.ways:
        yield "\nWays on"
        width = max(len(way.command) for way in explained.ways)
        yield from (f"  {way.command:{width}}  {way.does}" for way in explained.ways)


def _of_check(check: Judged) -> Iterator[str]:
    wanted = f"; passes {check.bounds}" if check.bounds else ""
    detail = f": {check.detail}" if check.detail else ""
    yield f"{check.name}: {check.shown}{detail}{wanted}"
    if check.query:
        yield indent(check.query.strip(), "    ")
