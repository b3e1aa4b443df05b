"""A Temporal server that skips time, and a way to start a rollout in a world."""

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.workflows.handle import Rollout
from tests.workflows.scenario import CANARY, BrokenRules, World
from workflows.console import SEARCH_ATTRIBUTES
from workflows.rollout import CanaryRollout
from workflows.state import Request, State


class Start(Protocol):
    """Starts a rollout in a world; with a state, continues one."""

    async def __call__(self, world: World, state: State | None = None) -> Rollout:  # noqa: D102 - the class says it
        ...


PROGRAMS = Path(sys.executable).parent
IDENTITY = "serinus-test"
"""Of client and worker, so that recorded histories name no host."""
SANDBOX = SandboxRestrictions.default.with_passthrough_modules("workflows")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only when `tests/workflows`, or a file in it, is named on the command line."""
    parser.addoption("--record-histories", action="store_true", help="write the histories that replay tests read")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a rollout whose activities are the given world's; server and workers end with the test."""
    async with Stage(await time_skipping(), visibility=False) as stage:
        yield stage.start


@pytest.fixture(scope="module")
async def on_real_server() -> AsyncIterator[Start]:
    """The same where time goes by while an activity waits, and where one that ends meanwhile can be asked to stop."""
    async with Stage(await real_server(), visibility=False) as stage:
        yield stage.start


async def time_skipping() -> WorkflowEnvironment:
    """A server of its own for each test, up in a tenth of a second.

    Time on a server is global, and an activity that is still cancelled while its rollout closes stops it for ever.
    This server knows no custom search attributes.
    """
    return await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(PROGRAMS / "temporal-test-server"),
        data_converter=pydantic_data_converter,
        identity=IDENTITY,
    )


async def real_server(*options: str) -> WorkflowEnvironment:
    """The dev server, with search attributes, real time, timers that fire at once, and these dynamic settings."""
    options = ('history.timerProcessorMaxTimeShift="10ms"', *options)
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(PROGRAMS / "temporal"),
        dev_server_extra_args=[part for option in options for part in ("--dynamic-config-value", option)],
        dev_server_log_level="error",
        dev_server_startup_timeout=timedelta(seconds=30),
        search_attributes=SEARCH_ATTRIBUTES,
        data_converter=pydantic_data_converter,
        identity=IDENTITY,
    )


class Stage(AsyncExitStack):
    """A server, and a worker for every world that is given a rollout."""

    def __init__(self, environment: WorkflowEnvironment, *, visibility: bool) -> None:
        super().__init__()
        self._environment, self._visibility = environment, visibility

    async def __aenter__(self) -> Self:
        """The server ends last."""
        await super().__aenter__()
        await self.enter_async_context(self._environment)
        return self

    async def start(self, world: World, state: State | None = None) -> Rollout:
        """As `Start` says."""
        request = Request(canary=CANARY, state=state, visibility=self._visibility)
        return await self.enter_async_context(rolling_out(self._environment, world, request))


@asynccontextmanager
async def rolling_out(environment: WorkflowEnvironment, world: World, request: Request) -> AsyncIterator[Rollout]:
    """A rollout in a world, for as long as the block runs."""
    queue = f"queue-{uuid.uuid4()}"
    async with worker_of(environment, world, queue):
        handle = await environment.client.start_workflow(
            CanaryRollout.run, request, id=f"canary/test/{queue}", task_queue=queue
        )
        yield Rollout(handle, world, environment)


def worker_of(environment: WorkflowEnvironment, world: World, queue: str) -> Worker:
    """Fails a rollout on any error, where in production its task would be tried again."""
    return Worker(
        environment.client,
        task_queue=queue,
        workflows=[CanaryRollout],
        activities=world.activities,
        interceptors=[BrokenRules()],
        workflow_runner=SandboxedWorkflowRunner(restrictions=SANDBOX),
        workflow_failure_exception_types=[Exception],
        max_heartbeat_throttle_interval=timedelta(milliseconds=50),
    )
