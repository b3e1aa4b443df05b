"""What Temporal makes of each error: everything is tried again, some less often, and one not at all."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.bench import Bench, CanaryGone
from activities.configs import MissingConfig
from activities.faults import FaultInterceptor, canary_of
from activities.report import Reporter
from k8s.errors import Conflict, NotFound, Refused, Unavailable
from k8s.models.errors import InvalidCanary
from k8s.resources import CANARIES
from k8s.routers.base import UnfitRoute
from k8s.targets.base import UnfitTarget
from tests.api_server import ApiServer, status
from tests.objects import a_canary
from workflows.effects import Role, Scale, Wait
from workflows.observation import CanaryRef

PODINFO = CanaryRef(namespace="test", name="podinfo")
PATH = CANARIES.path("test", "podinfo")
REFUSED = [
    Refused("forbidden", status=403),
    NotFound("deployments not found", status=404),
    InvalidCanary(["spec.analysis: required"]),
    UnfitTarget("spec.targetRef.kind: Job cannot be released yet"),
    UnfitRoute("spec.provider: appmesh is not supported yet"),
    MissingConfig("configmap settings.test get query error"),
]


class Failing(ActivityInboundInterceptor):
    """The activity itself: raises, or does what it is given."""

    def __init__(self, outcome: Any) -> None:
        self._outcome = outcome

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ARG002 - theirs
        """Fail, hang or answer."""
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return await self._outcome() if callable(self._outcome) else self._outcome


async def executed(
    bench: Bench, outcome: Any, argument: Any = PODINFO, *, beats: list[Any] | None = None, **info: Any
) -> Any:
    """What Temporal sees of an activity with this outcome; its heartbeats' details are added to `beats`."""
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.extend(details) if beats is not None else None
    environment.info = replace(
        environment.info, start_to_close_timeout=timedelta(seconds=20), heartbeat_timeout=None, **info
    )
    guarded = FaultInterceptor(bench, Reporter(bench)).intercept_activity(Failing(outcome))
    order = ExecuteActivityInput(fn=executed, args=[argument], executor=None, headers={})
    return await environment.run(guarded.execute_activity, order)


def refused(times: int) -> list[Any]:
    """What an attempt remembers of those before it."""
    return [{"refusals": times}]


async def failure(bench: Bench, error: Any, **info: Any) -> ApplicationError:
    """The error that Temporal sees."""
    with pytest.raises(ApplicationError) as failed:
        await executed(bench, error, **info)
    return failed.value


async def test_success(bench: Bench) -> None:
    """Passes untouched."""
    assert await executed(bench, 42) == 42


async def test_gone(bench: Bench) -> None:
    """The one thing that is not tried again: the Canary does not come back."""
    error = await failure(bench, CanaryGone("canary podinfo.test not found"))
    assert (error.type, error.message, error.non_retryable) == ("CanaryGone", "canary podinfo.test not found", True)


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda error: type(error).__name__)
async def test_refused(bench: Bench, refusal: Exception) -> None:
    """Tried again less often, until somebody changes something; the text and the cause are kept."""
    error = await failure(bench, refusal)
    assert (error.type, error.message, error.non_retryable) == ("Refused", str(refusal), False)
    assert error.next_retry_delay == timedelta(seconds=3)
    assert error.__cause__ is refusal
    again = await failure(bench, refusal, heartbeat_details=refused(1))
    assert again.next_retry_delay == timedelta(seconds=10)


@pytest.mark.parametrize("activity", ["route", "scale", "promote", "undo_promotion", "create_primary", "open_traffic"])
async def test_refused_to_a_canary_that_is_to_go(api: ApiServer, bench: Bench, activity: str) -> None:
    """Its deletion would not be heard for as long as the write is tried again."""
    canary = a_canary()
    canary["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["finalizer.flagger.app"]}
    await api.put(PATH, canary)
    error = await failure(bench, NotFound("no such route", status=404), activity_type=activity)
    assert (error.type, error.message, error.non_retryable) == ("CanaryGone", "no such route", True)


async def test_refused_while_finalizing(api: ApiServer, bench: Bench) -> None:
    """The end of a Canary is tried until it works."""
    canary = a_canary()
    canary["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["finalizer.flagger.app"]}
    await api.put(PATH, canary)
    error = await failure(bench, Refused("forbidden", status=403), activity_type="release")
    assert (error.type, error.non_retryable) == ("Refused", False)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Unavailable("etcd is away", status=500), "etcd is away"),
        (Conflict("modified", status=409), "modified"),
        (TimeoutError(), "timed out"),
    ],
    ids=["away", "overtaken", "slow"],
)
async def test_unavailable(bench: Bench, fault: Exception, text: str) -> None:
    """Tried again as soon as the policy says."""
    error = await failure(bench, fault)
    assert (error.type, error.message, error.non_retryable) == ("Unavailable", text, False)
    assert error.next_retry_delay is None


async def test_mistake(bench: Bench) -> None:
    """A mistake of ours is nobody else's fault, and stays what it is."""
    with pytest.raises(ZeroDivisionError):
        await executed(bench, ZeroDivisionError())


async def test_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt ends before Temporal starts the next one, so that no two write at once."""
    monkeypatch.setattr("activities.faults.bound", lambda: 0.01)
    error = await failure(bench, asyncio.Event().wait)
    assert (error.type, error.message) == ("Unavailable", "timed out")


@pytest.mark.parametrize(
    ("start_to_close", "heartbeat", "seconds"),
    [(20, None, 19), (1, None, 1), (20, 10, None), (None, None, None)],
)
def test_how_long(start_to_close: int | None, heartbeat: int | None, seconds: float | None) -> None:
    """A second less than Temporal grants; what heartbeats, and waits for days, is not bounded here."""
    from activities.faults import bound

    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        start_to_close_timeout=None if start_to_close is None else timedelta(seconds=start_to_close),
        heartbeat_timeout=None if heartbeat is None else timedelta(seconds=heartbeat),
    )
    assert environment.run(bound) == seconds


# -- who is told ------------------------------------------------------------------------------------------------------


def warnings(api: ApiServer) -> list[str]:
    """Texts of the Warning events."""
    return [
        obj["message"] for where, obj in api.objects.items() if where.plural == "events" and obj["type"] == "Warning"
    ]


@pytest.mark.parametrize(
    ("before", "told"), [(0, []), (1, ["forbidden"]), (2, []), (50, [])], ids=["first", "second", "third", "late"]
)
async def test_told_once(api: ApiServer, bench: Bench, before: int, told: list[str]) -> None:
    """At the second refusal, since the first may be a race; and not at every one after it."""
    await api.put(PATH, a_canary())
    await failure(bench, Refused("forbidden", status=403), heartbeat_details=refused(before))
    assert warnings(api) == told


async def test_first_refusal_after_other_faults(api: ApiServer, bench: Bench) -> None:
    """Attempts that the API server was away for are none of its refusals."""
    await api.put(PATH, a_canary())
    await failure(bench, Refused("forbidden", status=403), attempt=7)
    assert warnings(api) == []


async def test_refusals_are_counted(bench: Bench) -> None:
    """What the next attempt is told, on whichever worker."""
    beats: list[Any] = []
    for before in ([], [{"done": 2}], [{"done": 2, "refusals": 1}]):
        await failure(bench, Refused("forbidden"), beats=beats, heartbeat_details=before)
    assert beats == [{"refusals": 1}, {"done": 2, "refusals": 1}, {"done": 2, "refusals": 2}]


async def test_faults_are_not_told(api: ApiServer, bench: Bench) -> None:
    """Of what passes by itself nobody needs an event."""
    await api.put(PATH, a_canary())
    await failure(bench, Unavailable("away"), heartbeat_details=refused(1))
    assert warnings(api) == []


async def test_api_server_that_refuses_everything(api: ApiServer, bench: Bench) -> None:
    """When telling fails too, the first refusal is what Temporal sees."""

    async def refuse(_: web.Request) -> web.Response:
        return status(403, "all is forbidden")

    api.intercepts.append(refuse)
    error = await failure(bench, Refused("forbidden"), heartbeat_details=refused(1))
    assert error.message == "forbidden"


async def test_nobody_to_tell(api: ApiServer, bench: Bench) -> None:
    """A Canary that is gone gets no event."""
    await failure(bench, Refused("forbidden"), heartbeat_details=refused(1))
    assert api.objects == {}


@pytest.mark.parametrize(
    ("argument", "canary"),
    [
        (PODINFO, PODINFO),
        (Scale(canary=PODINFO, up=True), PODINFO),
        (Wait(canary=PODINFO, role=Role.CANARY), PODINFO),
        ("text", None),
        (None, None),
    ],
)
def test_whose(argument: Any, canary: CanaryRef | None) -> None:
    """The argument, or its field, says which Canary an activity is about."""
    order = ExecuteActivityInput(fn=test_whose, args=[argument], executor=None, headers={})
    assert canary_of(order) == canary
    assert canary_of(ExecuteActivityInput(fn=test_whose, args=[], executor=None, headers={})) is None
