"""What every room may use: the playground's programs, and one running stage for the whole session.

Both are lazy: without a test that asks for them nothing is built and nothing is started.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from rich.console import Console

from playground.binaries import Binaries, Tools, ensure, ensure_for_tests
from playground.progress import ConsoleProgress
from playground.stage import Stage
from playground.world import World

# Some CPython 3.11 cannot collect garbage while pytest parses a module (python/cpython#106905): neither while it
# collects tests, nor when it imports the rest of hypothesis for its summary.
gc.disable()

# A busy machine makes an example slow, and that is no defect.
settings.register_profile("serinus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("serinus")

pytest_plugins = ["tests.measuring"]
BINARIES = pytest.StashKey[Binaries]()
TOOLS = pytest.StashKey[Tools]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make chaos` sets it."""
    parser.addoption("--thorough", action="store_true", help="try every fault, and many more orders of events")
    parser.addoption("--older", metavar="REVISION", help="of this repository, whose worker begins what ours ends")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Most tests wait for something; see pytest-xdist's `--numprocesses auto`."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether there is time for everything."""
    return bool(pytestconfig.getoption("--thorough"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fast ones first: what needs real servers runs last, and of that the long files first."""
    items.sort(
        key=lambda item: (item.get_closest_marker("integration") is not None, not item.get_closest_marker("long"))
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what the collected tests run before the first of them starts, so that no test's time-out counts it."""
    gc.enable()
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())} & {"binaries", "tools"}
    if session.config.option.collectonly or not asked:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled(), ConsoleProgress(Console(stderr=True)) as progress:
        if "binaries" in asked:
            session.config.stash[BINARIES] = asyncio.run(ensure(progress))
        if "tools" in asked:
            session.config.stash[TOOLS] = asyncio.run(ensure_for_tests(progress))


def pytest_sessionfinish() -> None:
    """See above."""
    gc.disable()


@pytest.fixture(scope="session")
def binaries(pytestconfig: pytest.Config) -> Binaries:
    """Everything a world runs."""
    return pytestconfig.stash[BINARIES]


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config) -> Tools:
    """What no world runs."""
    return pytestconfig.stash[TOOLS]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stage that runs until the session ends; tests keep apart from one another by using namespaces of their own."""
    async with Stage(tmp_path_factory.mktemp("stage"), binaries) as running:
        yield running


@pytest.fixture(scope="session")
def world(stage: Stage) -> World:
    """The stage's world: one control plane serves the whole session."""
    return stage.world
