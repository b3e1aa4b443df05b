"""A worker that is started again whenever it dies, as the pods of a Deployment are."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from playground.process import ProcessExited, ProcessFault
from playground.stage import Actor, Stage


class Undying:
    """In place of the stage's own worker, which is back after the block.

    Args:
        stage: where it works.
        words: the module that it runs, with its arguments.
        env: on top of the stage's environment, and of the worker's own kubeconfig.
    """

    def __init__(self, stage: Stage, words: list[str], env: Mapping[str, str]) -> None:
        self._stage = stage
        self.folder, self.env = stage.folder, {**stage.env, "KUBECONFIG": str(stage.worker_kubeconfig), **env}
        self.deaths = 0
        self._died, self._serves = asyncio.Event(), asyncio.Event()
        self._actor = Actor(f"worker-{words[0]}", words, stage.worker_health, self)
        self._keeping: asyncio.Task[None] | None = None

    def on_exit(self, _: ProcessExited) -> None:
        """As its ground."""
        self.deaths += 1
        self._died.set()

    async def serves(self) -> None:
        """Return once it has served."""
        await self._serves.wait()

    async def __aenter__(self) -> Self:
        await self._stage.worker.stop()
        self._died.set()
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeping:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await self._actor.stop()
        await self._stage.worker.start()

    async def _keep(self) -> None:
        while True:
            await self._died.wait()
            self._died.clear()
            with suppress(ProcessFault):  # died before it was ready: `on_exit` told so
                await self._actor.start()
                self._serves.set()
