"""Programs as somebody runs them who exported what the demo prints."""

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any

from playground.process import NotReady, Process
from playground.stage import Stage

COMMAND_SECONDS = 120
LOGGED_SECONDS = 60


@dataclass(frozen=True)
class Ran:
    """A program that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, for scripts."""
        return json.loads(self.out)


async def run(stage: Stage, *words: str, **environment: str) -> Ran:
    """Run a program as somebody does who exported what the demo prints."""
    env = stage.env | {"PATH": f"{stage.programs}:{os.environ['PATH']}", "USER": "ann", "COLUMNS": "200"} | environment
    child = await asyncio.create_subprocess_exec(
        *words,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        out, err = await child.communicate()
    return Ran(child.returncode or 0, out.decode(), err.decode())


async def until_logged(process: Process, *words: str) -> None:
    """Return once one line of its log has all the words; raises ProcessFault."""

    async def logged() -> None:
        if not any(all(word in line for word in words) for line in process.log_path.read_text().splitlines()):
            raise NotReady(f"no line of its log has {words}")

    await process.ready(logged, timeout_seconds=LOGGED_SECONDS)
