"""A Temporal server that skips time, and a way to start a rollout in a world."""

import sys
import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.workflows.scenario import CANARY, Rollout, World
from workflows.rollout import CanaryRollout
from workflows.state import Ending, Request

Start = Callable[[World], Awaitable[Rollout]]
TEST_SERVER = Path(sys.executable).with_name("temporal-test-server")


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """One server for all; time on it is global, so tests run one after another."""
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), data_converter=pydantic_data_converter
    )
    async with environment:
        yield environment


@pytest.fixture
async def start(time_skipping: WorkflowEnvironment) -> AsyncIterator[Start]:
    """Start a rollout whose activities are the given world's; the worker ends with the test."""
    async with _workers(time_skipping) as starter:
        yield starter


@asynccontextmanager
async def _workers(environment: WorkflowEnvironment) -> AsyncIterator[Start]:
    workers: list[Worker] = []
    waiting: list[asyncio.Task[Ending]] = []

    async def start(world: World) -> Rollout:
        queue = f"queue-{uuid.uuid4()}"
        worker = Worker(
            environment.client,
            task_queue=queue,
            workflows=[CanaryRollout],
            activities=world.activities,
            workflow_runner=SandboxedWorkflowRunner(
                restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows")
            ),
        )
        await worker.__aenter__()
        workers.append(worker)
        request = Request(canary=CANARY, visibility=False)  # this server knows no custom search attributes
        rollout = await environment.client.start_workflow(
            CanaryRollout.run, request, id=f"canary/test/{queue}", task_queue=queue
        )
        waiting.append(asyncio.create_task(rollout.result()))  # time is skipped only while a result is awaited
        return rollout

    try:
        yield start
    finally:
        for result in waiting:
            result.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for worker in workers:
            await worker.__aexit__(None, None, None)
