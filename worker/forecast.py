"""What a Canary will make of the cluster and of a release, told from files alone."""

from collections.abc import Iterator
from datetime import timedelta

from activities.bench import Bench, Subject
from activities.checks import bounds_of
from activities.configs import resource_of
from activities.observe import planned
from activities.queries import DURATION, SUCCESS_RATE
from k8s.apply import find
from k8s.configs import config_refs, is_tracked
from k8s.errors import ClusterError
from k8s.models.analysis import Metric
from k8s.models.duration import written
from k8s.resources import SERVICES
from k8s.routers.base import UnfitRoute
from k8s.scalers.copies import copy_name
from k8s.targets.base import PRIMARY_SUFFIX, UnfitTarget
from worker.command import Printed
from worker.rehearsal import Rehearsal
from workflows.observation import Plan, Strategy
from workflows.weights import FULL, Step, descent, next_step

GREEN = ", all traffic on the canary meanwhile"


class Made(Printed):
    """An object that the Canary brings about."""

    kind: str
    name: str


class Stage(Printed):
    """A step of the analysis or of the promotion, in which nothing goes wrong."""

    at_seconds: float
    """From the beginning of the analysis, without the time that pods, gates and slow hooks take."""
    says: str
    weight: int
    """The canary's share of the traffic, percent; in an A/B test, of the requests that match."""
    mirrored: bool = False
    iteration: int = 0


class Hook(Printed):
    """A webhook that is called."""

    name: str
    type: str


class Gate(Printed):
    """Where a release waits for a yes."""

    gate: str
    hooks: list[str]
    person: bool
    """Whether `serinus promote` has to be said, too."""


class Bounds(Printed):
    """A check with the values that pass."""

    name: str
    asks: str
    min: float | None
    max: float | None


class Forecast(Printed):
    """Of one Canary."""

    canary: str
    target: str
    provider: str
    strategy: str
    suspended: bool
    skips_analysis: bool
    makes: list[Made]
    unknown: list[str]
    """What the files do not tell of the objects, and what to add to them."""
    stages: list[Stage]
    least_seconds: float
    """From the beginning of the analysis until all traffic is on the promoted primary, if nothing goes wrong."""
    interval_seconds: float
    threshold: int
    deadline_seconds: float
    metrics: list[Bounds]
    hooks: list[Hook]
    gates: list[Gate]
    approval_seconds: float
    """How long a gate may stay closed; 0: for as long as it takes."""
    alerts: list[str]
    caveats: list[str]


async def forecast(subject: Subject, bench: Bench, cluster: Rehearsal) -> Forecast:
    """What comes of a Canary; raises `activities.observe.PROBLEMS` when nothing can.

    Args:
        subject: the Canary.
        bench: with the worker's settings.
        cluster: the bench's, with the objects of the files.
    """
    plan, canary = planned(subject, bench.defaults), subject.canary
    makes, unknown = [*_workloads(subject), *_services(subject)], []
    for what, making in (
        ("copies of ConfigMaps and Secrets", _configs(subject, bench)),
        (f"what provider {subject.provider} makes", _routes(subject, cluster)),
    ):
        try:
            makes += await making
        except (ClusterError, UnfitRoute, UnfitTarget) as error:
            unknown.append(f"{what}: {error}")
    stages = list(stages_of(plan))
    return Forecast(
        canary=f"{canary.name}.{canary.namespace}",
        target=_target(subject),
        provider=subject.provider,
        strategy=plan.strategy,
        suspended=canary.spec.suspend,
        skips_analysis=plan.skip_analysis,
        makes=makes,
        unknown=unknown,
        stages=stages,
        least_seconds=stages[-1].at_seconds,
        interval_seconds=plan.interval_seconds,
        threshold=plan.threshold,
        deadline_seconds=plan.deadline_seconds,
        metrics=[_bounds(subject, metric) for metric in canary.spec.analysis.metrics],
        hooks=[Hook(name=hook.name, type=hook.moment) for hook in canary.spec.analysis.webhooks],
        gates=[
            Gate(gate=gate, hooks=list(plan.gates.get(gate, ())), person=gate in plan.approvals)
            for gate in dict.fromkeys((*plan.gates, *plan.approvals))
        ],
        approval_seconds=plan.approval_seconds,
        alerts=[str(receiver) for receiver in plan.alerts],
        caveats=list(plan.caveats),
    )


# -- the release ------------------------------------------------------------------------------------------------------


def stages_of(plan: Plan) -> Iterator[Stage]:
    """The steps of the analysis, then those of the promotion, each an interval after the one before. Pure."""
    at, step = 0.0, Step()
    while not plan.skip_analysis and (following := next_step(plan, step)):
        step = following
        yield Stage(
            at_seconds=at,
            says=_says(step, plan),
            weight=step.weight,
            mirrored=step.mirrored,
            iteration=step.iteration,
        )
        at += plan.interval_seconds
    is_switched = plan.routed and step.iteration > 0 and plan.strategy is Strategy.BLUE_GREEN
    share = FULL if is_switched else step.weight
    yield Stage(at_seconds=at, says=f"promotion{GREEN if is_switched else ''}", weight=share)
    for weight in descent(share, plan.promotion_step) if plan.routed else ():
        says = f"primary weight {FULL - weight}%" if weight else "all traffic on the primary"
        yield Stage(at_seconds=at, says=says, weight=weight)
        at += plan.interval_seconds if weight else 0


def _says(step: Step, plan: Plan) -> str:
    copies = ", copies of requests" if step.mirrored else ""
    if step.iteration:
        return f"iteration {step.iteration}/{plan.iterations}{copies}"
    return f"weight {step.weight}%{copies}"


def _bounds(subject: Subject, metric: Metric) -> Bounds:
    least, most = bounds_of(metric)
    return Bounds(name=metric.name, asks=_asks(subject, metric), min=least, max=most)


def _asks(subject: Subject, metric: Metric) -> str:
    if ref := metric.template_ref:
        return f"MetricTemplate {ref.name}.{ref.namespace or subject.namespace}"
    return "built in" if metric.name in {SUCCESS_RATE, DURATION} else "inline query"


# -- the objects ------------------------------------------------------------------------------------------------------


def _target(subject: Subject) -> str:
    return f"{subject.target.resource.kind} {subject.target_name}.{subject.namespace}"


def _workloads(subject: Subject) -> Iterator[Made]:
    """The primary, the copy for the canary where the target itself cannot be one, and the primary's autoscaler."""
    kind, target = subject.target, subject.target_name
    for name in dict.fromkeys((kind.primary_name(target), kind.canary_name(target))):
        if name != target:
            yield Made(kind=kind.resource.kind, name=name)
    if ref := subject.canary.spec.autoscaler_ref:
        yield Made(kind=ref.kind, name=copy_name(ref))


def _services(subject: Subject) -> Iterator[Made]:
    """Those for pods; other targets are Services themselves."""
    canary = subject.canary
    if subject.target.pod_suffix:
        for name in (canary.apex_name, canary.primary_service, canary.canary_service):
            yield Made(kind=SERVICES.kind, name=name)


async def _configs(subject: Subject, bench: Bench) -> list[Made]:
    """Copies of what the pods refer to; what is in none of the files is taken for tracked."""
    if not subject.target.pod_suffix or not bench.defaults.enable_config_tracking:
        return []
    made, template = [], subject.target.template(await bench.target(subject))
    for _, ref in sorted(config_refs(template).items()):
        obj = await find(bench.cluster, resource_of(ref), subject.namespace, ref.name)
        if obj is None or is_tracked(obj):
            made.append(Made(kind=resource_of(ref).kind, name=ref.name + PRIMARY_SUFFIX))
    return made


async def _routes(subject: Subject, cluster: Rehearsal) -> list[Made]:
    """As the router itself makes them."""
    await subject.router.initialize(cluster, subject.canary, subject.raw)
    return [Made(kind=obj["kind"], name=obj["metadata"]["name"]) for obj in cluster.created]


def shown(seconds: float) -> str:
    """`1m30s`."""
    return written(timedelta(seconds=seconds))
