"""The workflow's state, shown outside: status, condition and events of the Canary.

The status is the workflow's shadow, complete enough, with the route, to go on from when no history exists any more.
"""

import platform
from contextlib import suppress
from datetime import UTC, datetime

from temporalio import activity

from activities.bench import Bench
from k8s.apply import amend, find
from k8s.client import Json
from k8s.errors import Conflict, NotFound, Refused
from k8s.resources import CANARIES, EVENTS
from workflows.effects import Activity, Note, Report
from workflows.observation import CanaryRef, Revision

SOURCE = "flagger"
"""`source.component` of the events, as scripts know it."""
CONTROLLER = "serinus"
MESSAGE_LIMIT = 1024


class Reporter:
    """Idempotent: a report that is sent twice shows once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.REPORT)
    async def report(self, what: Report) -> None:
        """Show the events, then patch the status: who waits for a phase finds its events there."""
        raw = await find(self._bench.cluster, CANARIES, what.canary.namespace, what.canary.name)
        if raw:
            await self.report_on(raw, what)

    async def report_on(self, raw: Json, what: Report) -> None:
        """The same for a Canary that was read a moment ago; one that is gone by now needs no report."""
        for note in what.notes:
            await self.show(raw, what.canary, note)
        with suppress(NotFound):
            await self._write(raw, what)

    async def _write(self, raw: Json, what: Report) -> None:
        """Patch the status. Whoever moves the phase to an end counts the rollout: a repetition finds it moved."""
        moved = ""

        def change(canary: Json) -> Json | None:
            nonlocal moved
            patch = status_patch(canary, what, now())
            moved = patch["status"].get("phase", "") if patch else ""
            return patch

        path = CANARIES.path(what.canary.namespace, what.canary.name)
        written = await amend(self._bench.cluster, path, change, known=raw, subresource="status")
        self._bench.meters.ended(written, moved)

    async def show(self, raw: Json, ref: CanaryRef, note: Note) -> None:
        """Create the Event; its name is the note's, so that a second try finds it there."""
        try:
            await self._bench.cluster.create(EVENTS.path(ref.namespace), event_of(raw, note))
        except Conflict:
            pass
        except (Refused, NotFound) as error:  # events are best effort: no rollout fails for one
            activity.logger.warning("event_refused", extra={"text": note.text, "why": str(error)})


def now() -> str:
    """As the API writes times: whole seconds, UTC."""
    return timestamp(datetime.now(UTC))


def timestamp(at: datetime) -> str:
    """RFC 3339 with whole seconds, as metav1.Time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event_of(raw: Json, note: Note) -> Json:
    """A core/v1 Event about the Canary; its uid makes `kubectl describe` show it."""
    metadata = raw["metadata"]
    at = timestamp(note.at)
    return {
        **EVENTS.header(metadata["namespace"], f"{metadata['name']}.{note.id}"),
        "involvedObject": {
            "apiVersion": raw["apiVersion"],
            "kind": raw["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "reason": "Synced",
        "message": note.text[:MESSAGE_LIMIT],
        "type": "Warning" if note.warning else "Normal",
        "source": {"component": SOURCE},
        "reportingComponent": CONTROLLER,
        "reportingInstance": platform.node(),
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def status_patch(raw: Json, what: Report, at: str) -> Json | None:
    """What of the status changes; None when it says all this already."""
    status = raw.get("status") or {}
    wanted: Json = {"canaryWeight": what.weight, "failedChecks": what.failed_checks, "iterations": what.iterations}
    if what.halt or "haltReason" in status:
        wanted["haltReason"] = what.halt
    if what.phase:
        wanted["phase"] = what.phase.value
    if what.applied:
        wanted |= applied_fields(status, what.applied)
    if what.promoted:
        wanted["lastPromotedSpec"] = what.promoted.template
    if what.config_versions is not None:
        wanted["configVersions"] = replacing(status.get("configVersions"), what.config_versions)
    if what.generation is not None:
        wanted["observedGeneration"] = what.generation
    conditions = conditions_of(status, what, at)
    if conditions != status.get("conditions"):
        wanted["conditions"] = conditions
    changed = {key: value for key, value in wanted.items() if status.get(key) != value}
    return {"status": {**changed, "lastTransitionTime": at}} if changed else None


def applied_fields(status: Json, applied: Revision) -> Json:
    """The revision last taken up; without configs (or with tracking off) trackedConfigs is null, as Flagger has it."""
    configs = replacing(status.get("trackedConfigs"), applied.configs) if applied.configs else None
    return {"lastAppliedSpec": applied.template, "trackedConfigs": configs}


def replacing(old: dict[str, str] | None, new: dict[str, str]) -> Json:
    """A merge patch keeps the keys of a map that it does not name, so name those as gone."""
    return {**dict.fromkeys(key for key in old or {} if key not in new), **new}


def conditions_of(status: Json, what: Report, at: str) -> list[Json]:
    """The one condition `Promoted`; its transition time moves with its status, its update time with anything."""
    known: Json = next((c for c in status.get("conditions") or [] if c["type"] == "Promoted"), {})
    state, message = what.condition
    wanted = {"type": "Promoted", "status": state, "reason": what.phase.value or "New", "message": message}
    if all(known.get(key) == value for key, value in wanted.items()):
        return list(status.get("conditions") or [])
    moved = known.get("lastTransitionTime", at) if known.get("status") == state else at
    return [{**wanted, "lastUpdateTime": at, "lastTransitionTime": moved}]
