"""The workflow's state, shown outside: once, whatever is repeated."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from temporalio.testing import ActivityEnvironment

from activities.bench import Bench
from activities.report import Reporter, conditions_of, event_of, replacing, status_patch
from k8s.resources import CANARIES, EVENTS
from tests.api_server import ApiServer, merged, status
from tests.objects import a_canary
from workflows.effects import Note, Report
from workflows.observation import CanaryRef, Phase, Revision

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
PATH = CANARIES.path("test", "podinfo")
THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
NOTE = Note(id="1a2b", text="Advance podinfo.test canary weight 10", at=datetime(2026, 1, 1, tzinfo=UTC))
NAMES = st.sampled_from(["configmap/a", "configmap/b", "secret/c"])
MAPS = st.dictionaries(NAMES, st.sampled_from(["1", "2"]))


def a_report(**fields: Any) -> Report:
    """Progressing at ten percent."""
    defaults: Json = {
        "canary": PODINFO,
        "phase": Phase.PROGRESSING,
        "weight": 10,
        "failed_checks": 1,
        "condition": ("Unknown", "New revision detected, progressing canary analysis."),
    }
    return Report(**(defaults | fields))


def patched(status_before: Json, report: Report, at: str = NOW) -> Json:
    """The status after the report."""
    patch = status_patch({"status": status_before}, report, at)
    result: Json = merged({"status": status_before}, patch or {})["status"]
    return result


REPORTS = st.builds(
    a_report,
    phase=st.sampled_from(list(Phase)),
    weight=st.integers(0, 100),
    failed_checks=st.integers(0, 3),
    condition=st.tuples(st.sampled_from(["True", "False", "Unknown"]), st.sampled_from(["", "a", "b"])),
    applied=st.none() | st.builds(Revision, template=st.sampled_from(["x", "y"]), configs=MAPS),
    promoted=st.none() | st.builds(Revision, template=st.sampled_from(["x", "y"]), configs=MAPS),
    generation=st.none() | st.integers(0, 3),
    config_versions=st.none() | MAPS,
)


# -- status -----------------------------------------------------------------------------------------------------------


def test_first_status() -> None:
    """Every field that the report knows, under Flagger's names."""
    report = a_report(
        applied=Revision(template="s1-new", configs={"configmap/a": "c0ffee"}),
        promoted=Revision(template="s1-old"),
        generation=3,
        config_versions={"configmap/a": "17"},
    )
    assert patched({}, report) == {
        "phase": "Progressing",
        "canaryWeight": 10,
        "failedChecks": 1,
        "iterations": 0,
        "lastAppliedSpec": "s1-new",
        "lastPromotedSpec": "s1-old",
        "trackedConfigs": {"configmap/a": "c0ffee"},
        "configVersions": {"configmap/a": "17"},
        "observedGeneration": 3,
        "lastTransitionTime": NOW,
        "conditions": [
            {
                "type": "Promoted",
                "status": "Unknown",
                "reason": "Progressing",
                "message": "New revision detected, progressing canary analysis.",
                "lastUpdateTime": NOW,
                "lastTransitionTime": NOW,
            }
        ],
    }


def test_only_what_changed() -> None:
    """A step writes the weight and the time, and nothing else."""
    before = patched({}, a_report(), THEN)
    patch = status_patch({"status": before}, a_report(weight=20), NOW)
    assert patch == {"status": {"canaryWeight": 20, "lastTransitionTime": NOW}}


@given(before=REPORTS, report=REPORTS)
def test_twice(before: Report, report: Report) -> None:
    """After a report there is nothing left of it to say, whatever stood there."""
    after = patched(patched({}, before, THEN), report)
    assert status_patch({"status": after}, report, "2026-02-02T00:00:00Z") is None


@given(before=REPORTS, report=REPORTS)
def test_what_is_left_alone(before: Report, report: Report) -> None:
    """None leaves a field as it was; foreign fields are never touched."""
    former = patched({}, before, THEN) | {"sessionAffinityCookie": "a=b", "lastTrackedRevision": "x"}
    after = patched(former, report)
    assert (after["sessionAffinityCookie"], after["lastTrackedRevision"]) == ("a=b", "x")
    for field, given_field in (
        ("lastAppliedSpec", report.applied),
        ("lastPromotedSpec", report.promoted),
        ("observedGeneration", report.generation),
        ("configVersions", report.config_versions),
    ):
        if given_field is None:
            assert after.get(field) == former.get(field)


@given(old=st.none() | MAPS, new=MAPS)
def test_replacing(old: dict[str, str] | None, new: dict[str, str]) -> None:
    """The map becomes the new one: keys that are gone are named as gone, since a merge patch would keep them."""
    assert merged(old, replacing(old, new)) == new


@pytest.mark.parametrize(
    ("state", "message", "updated", "moved"),
    [
        ("Unknown", "a", THEN, THEN),
        ("Unknown", "b", NOW, THEN),
        ("True", "a", NOW, NOW),
    ],
    ids=["same", "other message", "other status"],
)
def test_condition_times(state: str, message: str, updated: str, moved: str) -> None:
    """The update time moves with anything, the transition time with the status alone."""
    before = patched({}, a_report(condition=("Unknown", "a")), THEN)
    (condition,) = conditions_of(before, a_report(condition=(state, message)), NOW)
    assert (condition["lastUpdateTime"], condition["lastTransitionTime"]) == (updated, moved)


# -- events -----------------------------------------------------------------------------------------------------------


def test_event() -> None:
    """As scripts know Flagger's, about this very object."""
    raw = a_canary(metadata={"resourceVersion": "42"})
    event = event_of(raw, NOTE)
    assert event["metadata"] == {"name": "podinfo.1a2b", "namespace": "test"}
    assert event["involvedObject"] == {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "namespace": "test",
        "name": "podinfo",
        "uid": "uid-canary",
        "resourceVersion": "42",
    }
    assert (event["type"], event["reason"], event["source"]) == ("Normal", "Synced", {"component": "flagger"})
    assert (event["message"], event["firstTimestamp"], event["count"]) == (NOTE.text, THEN, 1)


def test_warning() -> None:
    """A warning is one; a text that is too long for an event is cut."""
    event = event_of(
        a_canary(metadata={"resourceVersion": "1"}), NOTE.model_copy(update={"warning": True, "text": "x" * 2000})
    )
    assert (event["type"], len(event["message"])) == ("Warning", 1024)


# -- the activity -----------------------------------------------------------------------------------------------------


async def reported(bench: Bench, report: Report) -> None:
    """Run the activity."""
    await ActivityEnvironment().run(Reporter(bench).report, report)


async def test_events_before_status(api: ApiServer, bench: Bench) -> None:
    """Who waits for a phase finds its events there."""
    await api.put(PATH, a_canary())
    await reported(bench, a_report(notes=(NOTE,)))
    assert [request for request in api.requests if request[0] != "GET"] == [
        ("POST", EVENTS.path("test")),
        ("PATCH", f"{PATH}/status"),
    ]


async def test_repeated_activity(api: ApiServer, bench: Bench) -> None:
    """One event and one status, however often Temporal sends it."""
    await api.put(PATH, a_canary())
    await reported(bench, a_report(notes=(NOTE,)))
    world = deepcopy(api.objects)
    await reported(bench, a_report(notes=(NOTE,)))
    assert api.objects == world
    assert len(world) == 2


def test_halt_reason() -> None:
    """Why the last step did not advance; empty once one did."""
    halted = patched({}, a_report(halt="success rate 69.00% < 99%"), THEN)
    assert halted["haltReason"] == "success rate 69.00% < 99%"
    assert patched(halted, a_report())["haltReason"] == ""


async def test_refused_event(api: ApiServer, bench: Bench) -> None:
    """No rollout fails for an event."""
    await api.put(PATH, a_canary())

    async def forbid(request: web.Request) -> web.Response | None:
        return status(403, "events is forbidden") if request.method == "POST" else None

    api.intercepts.append(forbid)
    await reported(bench, a_report(notes=(NOTE,)))
    canary = api.read(PATH)
    assert canary
    assert canary["status"]["phase"] == "Progressing"


async def test_gone(api: ApiServer, bench: Bench) -> None:
    """A Canary that is gone needs no report."""
    await reported(bench, a_report(notes=(NOTE,)))
    assert api.objects == {}


async def test_others_write_status_too(api: ApiServer, bench: Bench) -> None:
    """What they wrote meanwhile stays, and ours is made upon it."""
    await api.put(PATH, a_canary())
    interfered = False

    async def interfere(request: web.Request) -> None:
        nonlocal interfered
        if request.method == "PATCH" and not interfered:
            interfered = True
            await api.put(PATH, a_canary(status={"sessionAffinityCookie": "a=b"}))

    api.intercepts.append(interfere)
    await reported(bench, a_report())
    canary = api.read(PATH)
    assert canary
    assert canary["status"]["sessionAffinityCookie"] == "a=b"
    assert canary["status"]["canaryWeight"] == 10
