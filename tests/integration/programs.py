"""Programs as somebody runs them who exported what the demo prints."""

import asyncio
import json
import os
from dataclasses import dataclass
from typing import Any

from playground.stage import Stage

COMMAND_SECONDS = 30


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
