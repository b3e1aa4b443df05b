"""Dynatrace's Metrics API v2 (`GET /api/v2/metrics/query`).

https://docs.dynatrace.com/docs/discover-dynatrace/references/dynatrace-api/environment-api/metric-v2/get-data-points
"""

import time
from dataclasses import dataclass
from typing import Any

from activities.providers.asking import as_json, ask, newest, nothing, only, reach
from activities.providers.base import Reading, Source

EXAMPLE = "https://abc12345.live.dynatrace.com"
PATH = "api/v2/metrics/query"
REMEDY = "write one metric, and aggregate its dimensions with :splitBy()"


@dataclass(frozen=True)
class Dynatrace:
    """One environment; the Secret holds `dynatrace_token`, with scope `metrics.read`."""

    source: Source
    headers: dict[str, str]

    @classmethod
    def of(cls, source: Source) -> "Dynatrace":
        """Raises UnfitProvider, UnfitSecret."""
        source.url(PATH, example=EXAMPLE)
        return cls(source, {"Authorization": f"Api-Token {source.secret.header('dynatrace_token')}"})

    async def query(self, text: str) -> Reading:
        """One value for the whole window: a resolution of Inf has one point."""
        until = int(time.time() * 1000)
        params = {
            "metricSelector": text.strip(),
            "resolution": "Inf",
            "from": until - int(self.source.window_seconds * 1000),
            "to": until,
        }
        return await ask(
            self.source,
            "GET",
            self.source.url(PATH),
            as_json(self._read),
            whose="Dynatrace",
            params=params,
            headers=self.headers,
        )

    def _read(self, answer: Any) -> Reading:
        metric = only(answer["result"], REMEDY)
        series = only(metric["data"], REMEDY) if metric is not None else None
        if series is None:
            return nothing(self.source)
        return newest(zip(series["timestamps"], series["values"], strict=True), self.source)

    async def probe(self) -> str:
        """The token must read a metric that every environment has."""
        params = {"metricSelector": "builtin:host.cpu.usage", "resolution": "Inf", "from": "now-1m"}
        return await reach(self.source, "GET", self.source.url(PATH), params=params, headers=self.headers)
