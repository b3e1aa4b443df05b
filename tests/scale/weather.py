"""Faults that strike one after the other, at random, and pass."""

import asyncio
import random
import time
from collections import Counter
from enum import StrEnum

from playground.components.base import Component
from playground.stage import Stage
from tests.relay import Relay

CALM_SECONDS = (15.0, 45.0)
"""Between two faults."""
AWAY_SECONDS = (1.0, 15.0)


class Fault(StrEnum):
    """What strikes."""

    TEMPORAL_AWAY = "Temporal killed, away for some seconds"
    TEMPORAL_CUT = "connections to Temporal cut"
    API_SERVER_AWAY = "API server killed, away for some seconds"
    API_SERVER_CUT = "connections to the API server cut"
    PROMETHEUS_AWAY = "Prometheus killed, away for some seconds"


class Weather:
    """Of one stage; `random` decides what comes when.

    Args:
        stage: whose servers are struck.
        api, temporal: what the worker reaches them through.
        random: seeded, so that a run can be repeated.
    """

    def __init__(self, stage: Stage, api: Relay, temporal: Relay, random: random.Random) -> None:
        self._stage, self._api, self._temporal, self._random = stage, api, temporal, random
        self.struck: Counter[Fault] = Counter()

    async def blow(self, until: float) -> None:
        """Until then, seconds of the monotonic clock; in the end all servers are back."""
        while time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(*CALM_SECONDS))
            fault = self._random.choice([*Fault])
            self.struck[fault] += 1
            await self._strike(fault)

    async def _strike(self, fault: Fault) -> None:
        world = self._stage.world
        match fault:
            case Fault.TEMPORAL_AWAY:
                await self._take_away(world.temporal)
            case Fault.TEMPORAL_CUT:
                self._temporal.cut()
            case Fault.API_SERVER_AWAY:
                await self._take_away(world.apiserver)
            case Fault.API_SERVER_CUT:
                self._api.cut()
            case Fault.PROMETHEUS_AWAY:
                await self._take_away(world.prometheus)

    async def _take_away(self, server: Component) -> None:
        await server.kill()
        await asyncio.sleep(self._random.uniform(*AWAY_SECONDS))
        await server.start()
