"""Look at a Canary, its target and its primary: the facts, and what keeps them from being had."""

from temporalio import activity

from activities.adoption import runs_target
from activities.bench import Bench, Defaults, Subject
from activities.configs import MissingConfig, checksums, tracked_configs
from activities.plan import UnfitAnalysis, plan_of
from k8s.apply import controller_of, find
from k8s.client import Json
from k8s.errors import NotFound
from k8s.models.errors import InvalidCanary
from k8s.primary import hash_in
from k8s.references import blocked_reference
from k8s.resources import CANARIES
from k8s.revision import template_hash
from k8s.routers.base import UnfitRoute
from k8s.scalers import copies
from k8s.targets.base import UnfitTarget
from workflows.effects import Activity, Look, Role
from workflows.observation import MIDWAY, CanaryRef, Names, Observation, Phase, Plan, Revision, Status

PROBLEMS = (InvalidCanary, UnfitTarget, UnfitRoute, UnfitAnalysis, MissingConfig)


class Observe:
    """Reads only."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.OBSERVE)
    async def observe(self, look: Look) -> Observation:
        """One look; a spec that makes no sense is an observation too."""
        try:
            raw = await self._bench.cluster.get(CANARIES.path(look.namespace, look.name))
        except NotFound:
            return Observation(names=names_of(look, {}), found=False)
        seen = outline(look, raw)
        if not self._bench.defaults.enable_config_tracking:
            seen = untracked(seen)
        try:
            return await self._whole(seen, self._bench.subject(raw), look)
        except PROBLEMS as problem:
            return seen.model_copy(update={"problem": str(problem)})

    async def _whole(self, seen: Observation, subject: Subject, look: Look) -> Observation:
        plan = planned(subject, self._bench.defaults)
        target = await self._bench.find_target(subject)
        if target is None:
            return seen.model_copy(update={"target_found": False, "problem": missing(seen.names), "plan": plan})
        kind, primary = subject.target, await self._bench.find_primary(subject)
        if rival := await self._rival(subject, primary):
            raise UnfitTarget(taken(seen.names, rival))
        selector = self._bench.selector(subject, target, primary)
        if selector:
            self._bench.lead(subject, target, selector)
        template, running = kind.template(target), kind.running(primary) if primary else None
        tracked = await tracked_configs(self._bench, subject, template)
        configs = checksums(tracked)
        expected = kind.primary_template(template, selector, configs, subject.target_name)
        serving = await self._bench.workload_of(subject, Role.PRIMARY, primary)
        return seen.model_copy(
            update={
                "plan": plan,
                "revision": Revision(template=template_hash(template), configs=configs),
                "config_versions": {id_: obj["metadata"]["resourceVersion"] for id_, obj in tracked.items()},
                "scaler_is_current": not await self._scaler_is_behind(subject),
                "primary_found": running is not None,
                "primary_template": hash_in(kind.mark(running)) if running else "",
                "primary_serving": serving is not None and kind.is_serving(serving),
                "primary_is_target": await runs_target(self._bench, subject, running, expected, tracked),
                "routed_weight": await self._weight(subject) if look.route and seen.status.phase in MIDWAY else None,
            }
        )

    async def _weight(self, subject: Subject) -> int | None:
        split = await subject.router.get(self._bench.cluster, subject.canary)
        return split.canary if split else None

    async def _rival(self, subject: Subject, primary: Json | None) -> str:
        """The name of another Canary of this target, which the primary belongs to; empty when there is none."""
        owner = controller_of(primary) if primary else None
        if owner is None or owner["kind"] != CANARIES.kind or owner["name"] == subject.canary.name:
            return ""
        other = await find(self._bench.cluster, CANARIES, subject.namespace, owner["name"])
        is_rival = other is not None and (other.get("spec") or {}).get("targetRef") == subject.raw["spec"]["targetRef"]
        return str(owner["name"]) if is_rival else ""

    async def _scaler_is_behind(self, subject: Subject) -> bool:
        """Whether the primary's autoscaler is to follow the target's now."""
        wanted = self._bench.defaults.sync_scalers
        return wanted and await copies.is_behind(self._bench.cluster, subject.canary)


def planned(subject: Subject, defaults: Defaults) -> Plan:
    """How this Canary's releases are analysed; raises one of PROBLEMS when it cannot be released as it is."""
    if problem := subject.target.problem(subject.canary, subject.provider):
        raise UnfitTarget(problem)
    if problem := subject.router.problem(subject.canary):
        raise UnfitRoute(problem)
    if defaults.no_cross_namespace_refs and (problem := blocked_reference(subject.canary)):
        raise InvalidCanary([problem])
    return plan_of(subject.canary, defaults)


def names_of(ref: CanaryRef, raw: Json) -> Names:
    """What events call things; readable even from a spec that is not."""
    target = (raw.get("spec") or {}).get("targetRef") or {}
    return Names(
        canary=ref.name,
        namespace=ref.namespace,
        target=target.get("name") or ref.name,
        kind=target.get("kind") or "Deployment",
    )


def missing(names: Names) -> str:
    """The target is not there."""
    kind = names.kind.lower()
    return f'{kind} {names.target}.{names.namespace} get query error: {kind}s "{names.target}" not found'


def taken(names: Names, rival: str) -> str:
    """Two Canaries would scale and promote against each other."""
    return (
        f"spec.targetRef: {names.kind.lower()} {names.target}.{names.namespace} is the target of Canary {rival} too; "
        "delete one of the two Canaries, or write another target"
    )


def outline(ref: CanaryRef, raw: Json) -> Observation:
    """What can be said of any Canary object, valid or not."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    return Observation(
        names=names_of(ref, raw),
        deleting="deletionTimestamp" in metadata,
        suspended=bool(spec.get("suspend")),
        generation=metadata.get("generation", 0),
        status=status_of(raw.get("status") or {}),
    )


def untracked(seen: Observation) -> Observation:
    """Tracking was switched off: configs of which the status knows from before are no longer part of a revision."""
    return seen.model_copy(update={"status": seen.status.model_copy(update={"configs": None})})


def status_of(status: Json) -> Status:
    """The parts of `status` that decide."""
    conditions = status.get("conditions") or []
    return Status(
        phase=Phase(status.get("phase") or ""),
        weight=status.get("canaryWeight") or 0,
        iterations=status.get("iterations") or 0,
        failed_checks=status.get("failedChecks") or 0,
        applied=status.get("lastAppliedSpec") or "",
        promoted=status.get("lastPromotedSpec") or "",
        configs=status.get("trackedConfigs"),
        config_versions=status.get("configVersions") or {},
        generation=status.get("observedGeneration") or 0,
        message=conditions[0].get("message", "") if conditions else "",
    )
