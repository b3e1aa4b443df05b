"""A stage of its own for those who do not treat its servers and workers gently."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from playground.binaries import Binaries
from playground.stage import Stage
from tests.chaos.observer import a_canary_of
from tests.integration.scenario import Scene, a_canary

NAMESPACE = "chaos"


@pytest.fixture(scope="package")
async def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A canary that is bootstrapped."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(Stage(tmp_path_factory.mktemp("chaos"), binaries))
        yield await stack.enter_async_context(a_canary(stage, NAMESPACE, a_canary_of(NAMESPACE)))
        assert stage.world.faults == []
