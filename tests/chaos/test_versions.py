"""A rolling upgrade: an older version of Serinus begins a release, and this one ends it.

Not run unless asked: `--older` names a revision of this repository whose locked packages are those of this one.
"""

import io
import itertools
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground.stage import ROOT
from tests.chaos.observer import STEPS, releasing
from tests.chaos.workers import Workers
from tests.integration.scenario import NAME, Scene, a_canary, unchecked
from tests.measuring import Measured

NAMESPACE = "versions"
SECONDS = 120
MOMENTS = {
    "pods-start": "New revision detected!",
    "first-weight": f"Advance {NAME}.{NAMESPACE} canary weight {STEPS[0]}",
    "last-weight": f"Advance {NAME}.{NAMESPACE} canary weight {STEPS[-1]}",
    "promotion": f"Copying {NAME}.{NAMESPACE} template spec",
}
"""Beginnings of the events at which the workers are replaced."""
IMAGES = (f"6.0.{number}" for number in itertools.count(1))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def older(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an older version's code."""
    revision = pytestconfig.getoption("--older")
    if not revision:
        pytest.skip("no older version was named with --older REVISION")
    root = tmp_path_factory.mktemp("older")
    command = ["git", "-C", str(ROOT), "archive", revision, "k8s", "activities", "workflows", "worker", "deploy"]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(root, filter="data")
    return root


@pytest.fixture(scope="module")
async def canary(scene: Scene) -> AsyncIterator[Scene]:
    """Of its own, with steps that last long enough for workers to come and go."""
    async with a_canary(scene.stage, NAMESPACE, unchecked(NAMESPACE, *STEPS, interval="3s")) as watched:
        yield watched


@pytest.mark.parametrize("moment", MOMENTS)
async def test_this_version_ends_what_an_older_one_began(
    moment: str, canary: Scene, older: Path, measured: Measured
) -> None:
    """The newer worker starts, the older is asked to end."""
    async with Workers(canary.stage).serving() as workers:
        await workers.add(older)
        await workers.retire()
        async with releasing(canary, next(IMAGES), seconds=SECONDS):
            await canary.until_event(MOMENTS[moment])
            await workers.add()
            await workers.retire()
    measured(f"an older version replaced by this one, {moment}: lost: nothing")


async def test_both_versions_serve_side_by_side(canary: Scene, older: Path, measured: Measured) -> None:
    """For a whole release, as while a rolling update hangs."""
    async with Workers(canary.stage).serving() as workers:
        await workers.add(older)
        async with releasing(canary, next(IMAGES), seconds=SECONDS):
            pass
    measured("an older version and this one side by side for a whole release: lost: nothing")
