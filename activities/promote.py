"""Copy the analysed revision to the primary, and take that back when it does not hold.

Before the primary is touched, what it runs is put into one Secret, `{target}-primary-previous`: template and configs,
which may well hold secrets, and so belong nowhere else.
"""

import base64
import json

from temporalio import activity

from activities.bench import Bench, Subject
from activities.bootstrap import own_label
from activities.configs import checksums, content_of, copy_configs, put_copy, resource_of, tracked_configs
from activities.report import Reporter
from k8s.apply import find
from k8s.capacity import enlarge, keep_serving, unplanned
from k8s.client import Json
from k8s.configs import ConfigRef, config_refs
from k8s.errors import ClusterError, NotFound
from k8s.primary import hash_in, mark_from
from k8s.resources import SECRETS
from k8s.revision import template_hash
from k8s.scalers import copies
from k8s.targets.base import PRIMARY_SUFFIX, Target
from workflows.effects import Activity, Promotion, PromotionOutcome, Role, Undone
from workflows.observation import PROMOTED, CanaryRef, Revision

PREVIOUS_SUFFIX = "-primary-previous"
RECORD = "previous.json"
FOREIGN = "unknown"


class Promote:
    """Writes the primary, its configs and its autoscaler; nothing else does after bootstrap."""

    def __init__(self, bench: Bench, reporter: Reporter) -> None:
        self._bench = bench
        self._reporter = reporter

    @activity.defn(name=Activity.PROMOTE)
    async def promote(self, order: Promotion) -> PromotionOutcome:
        """Copy template and configs if they are still the analysed ones, then report; a target may be gone by now."""
        subject = await self._bench.load(order.canary)
        target = await self._bench.find_target(subject)
        if target is None:
            return PromotionOutcome.SUPERSEDED
        template = subject.target.template(target)
        configs = await tracked_configs(self._bench, subject, template)
        sums = checksums(configs)
        primary = await self._bench.cluster.get(self._bench.path(subject, subject.primary_name))
        if Revision(template=template_hash(template), configs=sums) != order.revision:
            return await self._superseded(subject, primary, order)
        selector = self._bench.selector(subject, target, primary)
        expected = subject.target.primary_template(template, selector, sums, subject.target_name)
        await self._copy(subject, target, primary, expected, configs)
        await self._reporter.report_on(subject.raw, order.report)
        return PromotionOutcome.COPIED

    async def _superseded(self, subject: Subject, primary: Json, order: Promotion) -> PromotionOutcome:
        """Unless an attempt before this one had copied it by then: what the primary runs must not go unsaid."""
        kind, running = subject.target, subject.target.running(primary)
        if running is None or kind.mark(running) != mark_from(order.revision.template, order.revision.configs):
            return PromotionOutcome.SUPERSEDED
        await self._reporter.report_on(subject.raw, order.report)
        return PromotionOutcome.COPIED

    async def _copy(
        self, subject: Subject, target: Json, primary: Json, expected: Json, configs: dict[str, Json]
    ) -> None:
        kind, current = subject.target, subject.target.running(primary)
        serving = kind.replicas(primary) + kind.replicas(target)
        least = await copies.hold_capacity(self._bench.cluster, subject.canary, subject.raw, serving)
        if current is None or kind.mark(current) is None or not kind.runs(current, expected):
            await (self._remember(subject, current, kind.mark(expected)) if current else self._forget(subject))
            await copy_configs(self._bench, subject, configs)
            promoted = self._promoted(subject, target, primary, expected)
            wanted = None if subject.canary.spec.autoscaler_ref else kind.replicas(target)
            enlarge(promoted, least=least, wanted=wanted)
            keep_serving(promoted)
            await self._bench.cluster.replace(self._bench.path(subject, subject.primary_name), promoted)
        elif subject.canary.status.last_promoted_spec == hash_in(kind.mark(current)):
            await self._settle(subject)

    def _promoted(self, subject: Subject, target: Json, primary: Json, expected: Json) -> Json:
        """The whole primary; where it has pods, its labels and annotations follow the target's too."""
        promoted = subject.target.promoted(primary, target, expected)
        if selector := self._bench.selector(subject, target, primary):
            prefixes = self._bench.prefixes
            promoted["metadata"] = prefixes.followed(primary["metadata"], target["metadata"], own_label(selector))
        return promoted

    async def _remember(self, subject: Subject, template: Json, successor: str | None) -> None:
        """Keep what the primary runs."""
        kept = await self._kept(subject)
        if kept and kept["template"] == template:  # an attempt before this one may have overwritten the configs since
            copies = kept["configs"]
        else:
            copies = await self._copies(subject, template)
        record = {"successor": successor, "template": template, "configs": copies, "order": this_order()}
        await self._keep(subject, record)

    async def _settle(self, subject: Subject) -> None:
        """What was copied by an earlier promotion is not for a rollback of this one to take back; for `undo` it is."""
        kept = await self._kept(subject)
        if kept and kept.get("order") != this_order() and not kept.get("settled"):
            await self._keep(subject, {**kept, "settled": True})

    async def _keep(self, subject: Subject, record: Json) -> None:
        """Too large a record is given up rather than the release."""
        text = json.dumps(record, separators=(",", ":"))
        content: Json = {"type": "Opaque", "data": {RECORD: base64.b64encode(text.encode()).decode()}}
        try:
            await put_copy(self._bench, subject, SECRETS, previous_name(subject), content)
        except ClusterError as error:
            if error.status not in {413, 422}:
                raise
            activity.logger.warning("previous_revision_not_kept", extra={"why": str(error)})
            await self._forget(subject)

    async def _copies(self, subject: Subject, template: Json) -> dict[str, Json]:
        """Content of the primary's own configs, by id."""
        copies: dict[str, Json] = {}
        for ref in config_refs(template).values():
            copy = await find(self._bench.cluster, resource_of(ref), subject.namespace, ref.name)
            if copy and ref.name.endswith(PRIMARY_SUFFIX):
                copies[ref.id] = content_of(copy)
        return copies

    async def _forget(self, subject: Subject) -> None:
        """An older record would bring back a revision that is long gone."""
        try:
            await self._bench.cluster.delete(SECRETS.path(subject.namespace, previous_name(subject)))
        except NotFound:
            return

    async def _kept(self, subject: Subject) -> Json | None:
        """The record, if there is one."""
        secret = await find(self._bench.cluster, SECRETS, subject.namespace, previous_name(subject))
        return dict(json.loads(base64.b64decode(secret["data"][RECORD]))) if secret else None

    @activity.defn(name=Activity.UNDO_PROMOTION)
    async def undo_promotion(self, ref: CanaryRef) -> Undone:
        """Give the primary its former template and configs; answers whether any of its pods serves meanwhile.

        Only if it still runs what the record was made for: done twice, the second time finds nothing to do. A promotion
        that is under way, and found that the primary ran the revision for long, has nothing to take back.
        """
        subject = await self._bench.load(ref)
        kind, path = subject.target, self._bench.path(subject, subject.primary_name)
        primary = await self._bench.cluster.get(path)
        record, running, restored = await self._kept(subject), kind.running(primary), ""
        mark = kind.mark(running) if running else None
        if record and record.get("settled") and subject.canary.status.phase in PROMOTED:
            record = None
        if record and mark is not None and record.get("successor") == mark:
            await self._restore_configs(subject, record["configs"])
            former = kind.promoted(unplanned(primary), primary, record["template"])
            primary = await self._bench.cluster.replace(path, former)
            restored = former_hash(kind, record)
        elif record and mark is not None and kind.mark(record["template"]) == mark:
            restored = former_hash(kind, record)  # by an attempt before this one
        workload = await self._bench.workload_of(subject, Role.PRIMARY, primary)
        return Undone(serving=workload is not None and kind.is_serving(workload), restored=restored)

    async def _restore_configs(self, subject: Subject, configs: dict[str, Json]) -> None:
        for id_, content in configs.items():
            kind, name = id_.split("/", 1)
            await put_copy(self._bench, subject, resource_of(ConfigRef(kind, name)), name, content)


def this_order() -> str:
    """The same for all attempts of one activity."""
    info = activity.info()
    return f"{info.workflow_run_id}/{info.activity_id}"


def former_hash(kind: Target, record: Json) -> str:
    """Template hash of the revision that was kept; a placeholder for one that another controller promoted."""
    return hash_in(kind.mark(record["template"])) or FOREIGN


def previous_name(subject: Subject) -> str:
    """Of the Secret that keeps what the primary ran before."""
    return f"{subject.target_name}{PREVIOUS_SUFFIX}"
