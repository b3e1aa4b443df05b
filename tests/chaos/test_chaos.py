"""Faults in the middle of a release; the observer finds it as if there had been none."""

import itertools
from pathlib import Path

import pytest

from tests.chaos.gremlin import Gremlin, Mischief
from tests.chaos.mortal import DEATHS, EVERY
from tests.chaos.observer import releasing
from tests.chaos.undying import Undying
from tests.integration.scenario import Scene
from tests.measuring import Measured

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]

VERSIONS = itertools.count(1)
SOME = "after scale,before route,after route,after promote"
"""Between an effect and its answer, where a second attempt finds the work done."""

SELDOM = ((Mischief.CONFLICT,), (Mischief.GONE,), (Mischief.WATCH_CUT,))
"""What few requests are open to."""


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
    share = 0.5 if chosen in SELDOM else 0.1
    async with Gremlin(scene.stage.world.api_url, *chosen, share=share).serving() as gremlin:
        kubeconfig = gremlin.kubeconfig(scene.stage.kubeconfig, tmp_path / "kubeconfig")
        worker = Undying(scene.stage, ["worker", "worker"], {"KUBECONFIG": str(kubeconfig)})
        async with worker, releasing(scene, a_version(), seconds=600 if thorough else 240):
            pass
    assert gremlin.done, "nothing was broken, so nothing was shown"
    for what, times in sorted(gremlin.done.items()):
        measured(f"API server, {what}: {times} times, lost: nothing")
