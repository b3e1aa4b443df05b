"""A rollout as a person, the operator and a test meet it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from tests.workflows.history_costs import size_of
from tests.workflows.scenario import World
from workflows.state import Ending
from workflows.steering import Command, Reply

PATIENCE_SECONDS = 15.0
"""Of real time, for one rollout: most take less than one."""


@dataclass(frozen=True)
class Run:
    """What Temporal keeps of one of the runs that a rollout takes."""

    events: int
    size_bytes: int


@dataclass(frozen=True)
class Rollout:
    """A rollout under way in a world, as a person with a terminal meets it."""

    handle: WorkflowHandle[Any, Ending]
    world: World
    environment: WorkflowEnvironment

    async def result(self, patience_seconds: float = PATIENCE_SECONDS) -> Ending:
        """How it ended, with time being skipped until then; fails with what was shown when it does not end."""
        try:
            async with asyncio.timeout(patience_seconds):
                return await self.handle.result()
        except TimeoutError:
            raise AssertionError(f"does not end; shown: {self.world.events}; done: {self.world.calls}") from None

    async def runs(self) -> list[Run]:
        """From its first to its last, by following the histories."""
        client, runs = self.environment.client, []
        run_id: str | None = self.handle.first_execution_run_id
        while run_id:
            events = (await client.get_workflow_handle(self.handle.id, run_id=run_id).fetch_history()).events
            runs.append(Run(len(events), size_of(events)))
            run_id = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return runs

    async def pass_time(self, duration: timedelta) -> None:
        """Let it go on for so long on its own clock."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.environment.sleep(duration)

    async def cancel(self) -> None:
        """`temporal workflow cancel`, sent by an activity; returns when that was asked to stop.

        This server, unlike a real one, chokes on a request to stop an activity that ends at that moment.
        """
        await until(self._has_one_activity)
        await self.handle.cancel()
        await until(self._has_asked_to_stop)

    async def _has_one_activity(self) -> bool:
        return len((await self.handle.describe()).raw_description.pending_activities) == 1

    async def _has_asked_to_stop(self) -> bool:
        asking = EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED
        return any(event.event_type == asking for event in (await self.handle.fetch_history()).events)

    async def changed(self) -> None:
        """As the operator says it."""
        await self.handle.signal("changed", "test")

    async def signal(self, verb: str, command: Command | None = None) -> None:
        """As a person says it through a tool that only knows signals."""
        await self.handle.signal(verb, args=[command] if command else [])

    async def say(self, verb: str, command: Command) -> str:
        """As a person says it through an update; the answer as one line."""
        try:
            reply: Reply = await self.handle.execute_update(verb, command, result_type=Reply)
        except WorkflowUpdateFailedError as failed:
            return f"refused: {getattr(failed.cause, 'message', failed.cause)}"
        return reply.message

    async def ask(self, question: str) -> dict[str, Any]:
        """A query's answer as plain data."""
        answer: dict[str, Any] = await self.handle.query(question)
        return answer


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once it holds; a server's state has no event to await."""
    async with asyncio.timeout(PATIENCE_SECONDS / 2):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
