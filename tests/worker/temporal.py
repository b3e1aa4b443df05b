"""Stands for Temporal's client where the operator meets it."""

import asyncio
from typing import Any, NamedTuple

from temporalio.service import RPCError, RPCStatusCode


class Signal(NamedTuple):
    """What Temporal was told: to which workflow, why, and whether it may start one."""

    workflow: str
    reason: str
    starts: bool


class Temporal:
    """Stands for the client: keeps the signals, and refuses as often as the test says."""

    def __init__(self) -> None:
        self.signals: asyncio.Queue[Signal] = asyncio.Queue()
        self.refusals: list[RPCStatusCode] = []
        self.started: list[dict[str, Any]] = []
        self.called = 0
        self.refused = asyncio.Event()

    async def start_workflow(self, workflow: str, request: Any, **options: Any) -> None:
        """Signal with start."""
        self._refuse()
        self.started.append({"workflow": workflow, "request": request, **options})
        assert options["start_signal"] == "changed"
        self.signals.put_nowait(Signal(options["id"], options["start_signal_args"][0], starts=True))

    def get_workflow_handle(self, id_: str) -> "Handle":
        """Of a workflow that may run or not."""
        return Handle(self, id_)

    async def next(self) -> Signal:
        """The next signal."""
        async with asyncio.timeout(5):
            return await self.signals.get()

    def _refuse(self) -> None:
        self.called += 1
        if self.refusals:
            self.refused.set()
            raise RPCError("not now", self.refusals.pop(0), b"")


class Handle(NamedTuple):
    """To one workflow."""

    temporal: Temporal
    id: str

    async def signal(self, name: str, reason: str) -> None:
        """Without start."""
        self.temporal._refuse()
        assert name == "changed"
        self.temporal.signals.put_nowait(Signal(self.id, reason, starts=False))
