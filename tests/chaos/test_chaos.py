"""Faults in the middle of a release; the observer finds it as if there had been none."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from k8s.client import FIELD_MANAGER
from k8s.resources import DEPLOYMENTS
from playground.ports import LOOPBACK
from playground.stage import INSTALLED_IN, SERVICE_ACCOUNT
from tests.chaos.gremlin import Blindness, Gremlin, Mischief
from tests.chaos.mortal import DEATHS, EVERY
from tests.chaos.observer import NEW_REVISION, STEPS, releasing
from tests.chaos.podlike import AUTHORITY, TOKEN
from tests.chaos.undying import Undying
from tests.integration.scenario import Scene
from tests.measuring import Measured

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]

VERSIONS = itertools.count(1)
SOME = "after scale,before route,after route,after promote"
"""Between an effect and its answer, where a second attempt finds the work done."""

SELDOM = (Mischief.CONFLICT,)
"""What few requests are open to."""
ON_WATCHES = {Mischief.GONE, Mischief.WATCH_CUT}
"""What strikes every watch."""
REFUSALS = 15
"""So many that every watch was refused, most of them more than once."""
NOTICED_SECONDS = 180.0
"""A watch that is silent is given up after 90 s, and one that is refused is tried again within 7.5 s."""


def a_version() -> str:
    """That was not released yet."""
    return f"6.2.{next(VERSIONS)}"


async def test_killed_workers(scene: Scene, thorough: bool, tmp_path: Path, measured: Measured) -> None:
    """The worker dies before and after activities, and comes back; thoroughly, at each single one of a rollout."""
    env = {"CHAOS_FOLDER": str(tmp_path), "CHAOS_DEATHS": EVERY if thorough else SOME}
    async with Undying(scene.stage, ["tests.chaos.mortal"], env) as worker:
        async with releasing(scene, a_version(), seconds=1800 if thorough else 240):
            pass
        deaths = (tmp_path / DEATHS).read_text().splitlines()
        assert worker.deaths == len(deaths) >= len(SOME.split(","))
    measured(f"worker killed with SIGKILL before or after an activity: {len(deaths)} times, lost: nothing")


@pytest.mark.parametrize("mischief", [*Mischief, "all"], ids=str)
async def test_an_api_server_that_misbehaves(
    scene: Scene, thorough: bool, mischief: Mischief | str, tmp_path: Path, measured: Measured
) -> None:
    """A tenth of what the worker asks, or half of what is seldom, is refused, cut off, or its answer lost."""
    if not thorough and mischief != "all":
        pytest.skip("one for all, unless --thorough")
    chosen = tuple(Mischief) if mischief == "all" else (Mischief(mischief),)
    share = 0.5 if chosen == SELDOM else 0.1
    async with (
        through(Gremlin(scene.stage.world.api_url, *chosen, share=share), scene, tmp_path) as gremlin,
        releasing(scene, a_version(), seconds=600 if thorough else 240),
    ):
        pass
    certain = ON_WATCHES if mischief == "all" else set(chosen)
    assert certain <= gremlin.done.keys(), "what did not strike shows nothing"
    for what, times in sorted(gremlin.done.items()):
        measured(f"API server, {what}: {times} times, lost: nothing")


@pytest.mark.parametrize("how", Blindness, ids=str)
async def test_what_no_watch_saw_is_noticed(
    scene: Scene, thorough: bool, how: Blindness, tmp_path: Path, measured: Measured
) -> None:
    """A release comes while every watch is blind, and begins once they see again."""
    if not thorough and how is not Blindness.CUT:
        pytest.skip("one for all, unless --thorough")
    async with (
        through(Gremlin(scene.stage.world.api_url, share=0), scene, tmp_path) as gremlin,
        AsyncExitStack() as release,
    ):
        await gremlin.until_watched(DEPLOYMENTS)
        async with gremlin.blinding(how):
            await release.enter_async_context(releasing(scene, a_version(), seconds=240))
            if how is not Blindness.SILENT:
                await gremlin.until_refused(REFUSALS)
            assert scene.texts == [], "it was not blind"
            if how is Blindness.FORGOTTEN:
                await scene.stage.world.apiserver.kill()
                await scene.stage.world.apiserver.start()
            began = time.monotonic()
        await scene.until_event(NEW_REVISION, seconds=NOTICED_SECONDS)
        took = scene.watcher.when(NEW_REVISION) - began
    assert (gremlin.too_old > 0) == (how is Blindness.FORGOTTEN)
    measured(f"watches blind, {how}: a release was noticed {took:.1f} s after they saw again, lost: nothing")


async def test_an_expired_token(scene: Scene, thorough: bool, tmp_path: Path, measured: Measured) -> None:
    """The API server knows it no more; the next one, in the pod's file, is taken up in the middle of the release."""
    if not thorough:
        pytest.skip("the file is read again once a minute")
    world = scene.stage.world
    (tmp_path / AUTHORITY).write_bytes(world.apiserver.certificate.read_bytes())
    installed = partial(scene.stage.kubectl, "-n", INSTALLED_IN)
    await installed("create", "secret", "generic", "lease")
    until_deleted = ("--bound-object-kind=Secret", "--bound-object-name=lease")
    token = await installed("create", "token", SERVICE_ACCOUNT, *until_deleted)
    (tmp_path / TOKEN).write_text(token.strip())
    env = {
        "CHAOS_FOLDER": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": LOOPBACK,
        "KUBERNETES_SERVICE_PORT": str(world.apiserver.port),
    }
    async with (
        Undying(scene.stage, ["tests.chaos.podlike"], env),
        releasing(scene, a_version(), seconds=240) as observer,
    ):
        await observer.until(STEPS[0])
        await installed("delete", "secret", "lease")
        await world.apiserver.restart()  # it remembers for a while which tokens were good, and watches go on
        await until_unauthorized(world.audit_log)
        token = await installed("create", "token", SERVICE_ACCOUNT)
        (tmp_path / TOKEN).write_text(token.strip())
    refused = unauthorized(world.audit_log)
    measured(f"API server, token expired, the watches with it: {refused} times 401, lost: nothing")


def unauthorized(audit_log: Path) -> int:
    """How often the worker was told 401 by the API server itself."""
    lines = audit_log.read_text().splitlines()
    return sum(f'"userAgent":"{FIELD_MANAGER}"' in line and '"code":401' in line for line in lines)


async def until_unauthorized(audit_log: Path) -> None:
    """Return once the worker was told so; raises TimeoutError."""
    async with asyncio.timeout(60):
        while not unauthorized(audit_log):  # noqa: ASYNC110 - a file has no event to await
            await asyncio.sleep(0.2)


@asynccontextmanager
async def through(gremlin: Gremlin, scene: Scene, folder: Path) -> AsyncIterator[Gremlin]:
    """The worker reaches the API server only by way of the gremlin while the block runs."""
    async with gremlin.serving():
        kubeconfig = gremlin.kubeconfig(scene.stage.worker_kubeconfig, folder / "kubeconfig")
        async with Undying(scene.stage, ["worker", "worker"], {"KUBECONFIG": str(kubeconfig)}) as worker:
            await worker.serves()
            yield gremlin
