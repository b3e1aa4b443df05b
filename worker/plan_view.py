"""`serinus plan`: what Canaries in files will bring about."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from activities.bench import subject_of
from worker.command import DONE, REFUSED, Format, print_json
from worker.forecast import Bounds, Forecast, Gate, forecast, shown
from worker.lint import mistakes_in, ours, read_all
from worker.process import defaults_of
from worker.rehearsal import rehearsing, stored
from worker.settings import load_settings


async def show_plan(files: Sequence[str], output: Format) -> int:
    """Print a forecast of each Canary; exit code 1 when one of them would be refused, or there is none."""
    defaults, errors = defaults_of(load_settings()), Console(stderr=True, highlight=False)
    documents, mistakes = read_all(files)
    mistakes += mistakes_in(documents, defaults)
    canaries = [document.obj for document in ours(documents) if document.obj["kind"] == "Canary"]
    for mistake in mistakes:
        errors.print(escape(str(mistake)), soft_wrap=True)
    if mistakes:
        return REFUSED
    if not canaries:
        errors.print("no Canary in these files")
        return REFUSED
    plans = []
    for canary in canaries:
        bench, cluster = rehearsing(defaults, (document.obj for document in documents))
        plans.append(await forecast(subject_of(stored(canary), defaults), bench, cluster))
    if output is Format.JSON:
        print_json(plans)
    else:
        for line in (line for plan in plans for line in lines_of(plan)):
            Console(highlight=False).print(escape(line), soft_wrap=True)
    return DONE


def lines_of(plan: Forecast) -> Iterator[str]:
    """For people."""
    yield f"Canary {plan.canary} releases {plan.target} by {plan.provider}, strategy {plan.strategy}"
    if plan.suspended:
        yield "It is suspended: nothing of this happens before spec.suspend is taken back"
    for title, rows in _sections(plan):
        if rows:
            yield f"\n{title}"
            yield from (f"  {row}" for row in rows)
    yield ""


def _sections(plan: Forecast) -> Iterator[tuple[str, list[str]]]:
    yield "Makes", [f"{made.kind} {made.name}" for made in plan.makes]
    yield "Not known", plan.unknown
    yield (
        f"Steps, {shown(plan.least_seconds)} at least, without waiting for pods and gates",
        [f"{shown(stage.at_seconds):>8}  {stage.says}" for stage in plan.stages],
    )
    yield (
        f"Checks every {shown(plan.interval_seconds)}; {plan.threshold} failed ones roll back",
        [] if plan.skips_analysis else [_check(metric) for metric in plan.metrics],
    )
    yield "Hooks", [f"{hook.type}: {hook.name}" for hook in plan.hooks]
    limit = f", for {shown(plan.approval_seconds)} at most" if plan.approval_seconds else ""
    yield f"Gates{limit}", [_gate(gate, plan.canary) for gate in plan.gates]
    yield "Alerts", plan.alerts
    yield "Left out", plan.caveats


def _check(metric: Bounds) -> str:
    bounds = [f"at least {metric.min:g}"] if metric.min is not None else []
    bounds += [f"at most {metric.max:g}"] if metric.max is not None else []
    return f"{metric.name}: {' and '.join(bounds)} ({metric.asks})"


def _gate(gate: Gate, canary: str) -> str:
    name, _, namespace = canary.partition(".")
    who = [f"webhook {hook}" for hook in gate.hooks]
    who += [f"a person: serinus promote {name} -n {namespace}"] if gate.person else []
    return f"{gate.gate}: {' and '.join(who)}"
