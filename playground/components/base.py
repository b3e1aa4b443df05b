"""What the servers of a world have in common: each may be stopped, killed and started again on its own."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from playground.process import Process, ProcessExited

# The servers read variables of their own (ETCD_*, TEMPORAL_*, proxies); what a person has set for others stays out.
PASSED_ON = ("PATH", "HOME", "TMPDIR")


class Component(ABC):
    """One server of a world."""

    name: ClassVar[str]
    ready_seconds: ClassVar[float] = 60.0
    """How long it may take until it serves, on a slow and busy machine."""

    def __init__(self, binary: Path, folder: Path, on_exit: Callable[[ProcessExited], None]) -> None:
        self.binary = binary
        self.folder = folder
        """The folder of the world's data."""
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self.process = Process(
            self.name, folder / "logs" / f"{self.name}.log", environment=environment, on_exit=on_exit
        )

    @abstractmethod
    def flags(self) -> Sequence[str]:
        """The flags it is started with."""

    @abstractmethod
    async def probe(self) -> None:
        """Return when it serves; raise `NotReady` while it does not."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Write the files it reads when it starts."""

    async def start(self) -> None:
        """Start it, and return when it serves.

        Raises:
            ProcessFault: it does not serve in time, or ended; the text shows its last words.
        """
        self.prepare()
        await self.process.start((self.binary, *self.flags()))
        await self.process.ready(self.probe, timeout_seconds=self.ready_seconds)

    async def stop(self) -> None:
        """End it in good order."""
        await self.process.stop()

    async def kill(self) -> None:
        """End it as a crash would; `start` brings it back on the same ports with the same data."""
        await self.process.kill()

    async def restart(self) -> None:
        """Stop it in good order and start it again, on the same ports with the same data."""
        await self.stop()
        await self.start()
