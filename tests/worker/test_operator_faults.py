"""Canaries that are deleted, and a Temporal that is away: nobody who must be told is forgotten."""

import asyncio
from copy import deepcopy
from typing import Any, cast

import pytest
from temporalio.service import RPCStatusCode

from k8s.resources import DEPLOYMENTS
from tests.api_server import ApiServer
from tests.worker.canaries import (
    CANARY,
    OTHER,
    PODINFO,
    Json,
    a_version,
    at_rest,
    nothing_before,
    nothing_of_canaries_before,
    released,
)
from tests.worker.temporal import Signal, Temporal
from worker import operator
from worker.operator import Operator


@pytest.mark.usefixtures("watching")
async def test_deleted_with_finalizer(api: ApiServer, temporal: Temporal) -> None:
    """Our finalizer holds it until a run has handed everything back."""
    canary = deepcopy(cast("Json", api.read(CANARY)))
    canary["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["finalizer.flagger.app"]}
    await api.put(CANARY, canary)
    assert await temporal.next() == Signal(PODINFO, "the canary is being deleted", starts=True)


@pytest.mark.usefixtures("watching")
async def test_deleted_at_rest(api: ApiServer, temporal: Temporal) -> None:
    """It has no run to end, and none is started."""
    await api.remove(CANARY)
    await nothing_of_canaries_before(api, temporal)


async def deleted_mid_run(api: ApiServer, temporal: Temporal) -> None:
    """The Canary goes in the middle of its rollout."""
    await at_rest(api, phase="Progressing")
    await released(api)
    await temporal.next()
    await api.remove(CANARY)


@pytest.mark.usefixtures("watching")
async def test_deleted_mid_run(api: ApiServer, temporal: Temporal) -> None:
    """Its run is told, and none is started."""
    await deleted_mid_run(api, temporal)
    assert await temporal.next() == Signal(PODINFO, "the canary was deleted", starts=False)


@pytest.mark.usefixtures("watching")
async def test_deleted_while_temporal_is_away(
    api: ApiServer, temporal: Temporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run is told as soon as Temporal is back."""
    monkeypatch.setattr(operator, "wait_random_exponential", lambda **_: lambda _: 0)
    await at_rest(api, phase="Progressing")
    await released(api)
    await temporal.next()
    temporal.refusals = [RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNAVAILABLE]
    await api.remove(CANARY)
    assert await temporal.next() == Signal(PODINFO, "the canary was deleted", starts=False)


@pytest.mark.usefixtures("watching")
async def test_deleted_and_no_run(api: ApiServer, temporal: Temporal) -> None:
    """That there is no run to tell is an answer, not a reason to try again."""
    await at_rest(api, phase="Progressing")
    await released(api)
    await temporal.next()
    temporal.refusals = [RPCStatusCode.NOT_FOUND]
    await api.remove(CANARY)
    await asyncio.wait_for(temporal.refused.wait(), 5)
    await nothing_before(api, temporal)
    assert temporal.called == 3


@pytest.mark.usefixtures("watching")
@pytest.mark.parametrize(
    "status",
    [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND],
    ids=lambda s: s.name,
)
async def test_temporal_away(
    api: ApiServer, temporal: Temporal, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode
) -> None:
    """A signal is sent until it is taken; a Temporal namespace may come later, too."""
    monkeypatch.setattr(operator, "wait_random_exponential", lambda **_: lambda _: 0)
    temporal.refusals = [status] * 5
    await released(api)
    assert await temporal.next() == Signal(PODINFO, "the target has a new revision", starts=True)
    assert temporal.called == 6


async def test_duplicates(
    api: ApiServer, temporal: Temporal, watching: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changes again and again while Temporal hangs is one signal."""
    away = asyncio.Event()
    take = temporal.start_workflow

    async def hang(*arguments: Any, **options: Any) -> None:
        await away.wait()
        await take(*arguments, **options)

    monkeypatch.setattr(temporal, "start_workflow", hang)
    await released(api, "other")  # occupies the only sender
    for number in range(2, 7):
        await released(api, number=number)
    await heard_of(watching, a_version(6))
    assert watching._dirty.qsize() == 1
    away.set()
    assert [(await temporal.next()).workflow for _ in range(2)] == [OTHER, PODINFO]
    await released(api, "other", number=3)
    assert (await temporal.next()).workflow == OTHER


async def heard_of(watching: Operator, template: Json) -> None:
    """The operator's cache holds this version of podinfo."""
    deployments = watching._watches.targets.of(DEPLOYMENTS)
    async with asyncio.timeout(5):
        while (deployments.get("test", "podinfo") or {})["spec"]["template"] != template:
            await deployments.changed("test", "podinfo")
