"""The worker, wrapped so that it dies like a machine that loses power: before or after activities, each time once.

    CHAOS_FOLDER=/tmp/x CHAOS_DEATHS="after route,before report" python -m tests.chaos.mortal

`every` instead of a list: before and after each single activity of a rollout. What it died of stands in the folder's
file `deaths`, one line each, and is not died of again; of observations, one stands for all.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.faults import FaultInterceptor
from worker import process
from worker.settings import WorkerSettings
from workflows.effects import Activity

EVERY = "every"
DEATHS = "deaths"


class Fate:
    """What is still to be died of."""

    def __init__(self, folder: Path, moments: str) -> None:
        self._file = folder / DEATHS
        self._moments = moments.split(",")

    def strike(self, when: str) -> None:
        """Does not return when this is the moment."""
        info = activity.info()
        moment = f"{when} {info.activity_type}"
        if self._moments == [EVERY]:
            # A worker that starts causes one more observation; to die of each would never end.
            moment = moment if info.activity_type == Activity.OBSERVE else f"{moment} {info.activity_id}"
        elif moment not in self._moments:
            return
        if self._file.exists() and moment in self._file.read_text().splitlines():
            return
        with self._file.open("a") as deaths:
            deaths.write(f"{moment}\n")
            deaths.flush()
            os.fsync(deaths.fileno())
        os.kill(os.getpid(), signal.SIGKILL)


class Mortal(ActivityInboundInterceptor):
    """Around an activity."""

    fate: Fate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's name
        """An answer that was computed is not given by who is dead."""
        self.fate.strike("before")
        answer = await super().execute_activity(input)
        self.fate.strike("after")
        return answer


class MortalInterceptor(FaultInterceptor):
    """Stands in for the worker's own, and contains it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - theirs
        """Outermost, as death is."""
        return Mortal(super().intercept_activity(next))


if __name__ == "__main__":
    Mortal.fate = Fate(Path(os.environ["CHAOS_FOLDER"]), os.environ["CHAOS_DEATHS"])
    with patch.object(process, "FaultInterceptor", MortalInterceptor):  # the product has no hook for this
        asyncio.run(process.run_worker(WorkerSettings()))
