"""Several workers on one stage, that come and go."""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playground.ports import LOOPBACK, free_ports
from playground.stage import Actor, Stage

NUMBERS = itertools.count(2)


class Workers:
    """Processes that serve one task queue, the stage's own the first of them; use `serving`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._running = [stage.worker]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Workers"]:
        """In the end the stage's own is alone again."""
        try:
            yield self
        finally:
            for worker in self._running:
                await worker.stop()
            await self._stage.worker.start()

    @property
    def identities(self) -> set[str]:
        """As Temporal knows those that run, and their histories."""
        return {f"{worker.process.pid}@{socket.gethostname()}" for worker in self._running if worker.process}

    async def add(self, code: Path | None = None) -> None:
        """Return once one more serves; of another version when it is told the root of that one's code."""
        name, (port,) = f"worker-{next(NUMBERS)}", free_ports(1)
        settings = {"KUBECONFIG": str(self._stage.worker_kubeconfig), "SERINUS_PORT": str(port)}
        if code:
            settings |= {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": ""}
        url = f"http://{LOOPBACK}:{port}/readyz"
        worker = Actor(name, ["worker", "worker"], url, self._stage, settings=settings)
        self._running.append(worker)
        await worker.start()
        # What was loaded from there left its bytecode there.
        if code and not [*code.glob("workflows/__pycache__/*.pyc")]:
            raise AssertionError(f"the worker that was to run {code} runs other code")

    async def retire(self) -> None:
        """Ask the oldest to end, with SIGTERM, and return once it has, in good order."""
        oldest = self._running.pop(0)
        await oldest.stop()
        assert oldest.process
        assert "worker_stopped" in oldest.process.log_path.read_text().splitlines()[-1]
