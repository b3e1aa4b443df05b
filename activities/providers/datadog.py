"""Datadog's query API (`GET /api/v1/query`): https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points."""

import time
from dataclasses import dataclass
from typing import Any

from activities.providers.asking import Unusable, as_json, ask, newest, nothing, only, reach
from activities.providers.base import Reading, Source

ADDRESS = "https://api.datadoghq.com"


@dataclass(frozen=True)
class Datadog:
    """One organisation; the Secret holds `datadog_api_key` and `datadog_application_key`."""

    source: Source
    headers: dict[str, str]

    @classmethod
    def of(cls, source: Source) -> "Datadog":
        """Raises UnfitSecret."""
        keys = {"DD-API-KEY": "datadog_api_key", "DD-APPLICATION-KEY": "datadog_application_key"}
        return cls(source, {header: source.secret.header(key) for header, key in keys.items()})

    async def query(self, text: str) -> Reading:
        """The newest point of the only series in the window."""
        now = time.time()
        params = {"query": text.strip(), "from": int(now - self.source.window_seconds), "to": int(now)}
        url = self.source.url("api/v1/query", default=ADDRESS)
        return await ask(
            self.source, "GET", url, as_json(self._read), whose="Datadog", params=params, headers=self.headers
        )

    def _read(self, answer: Any) -> Reading:
        if answer.get("status") == "error":
            raise Unusable(f"error response: {answer.get('error')}")
        series = only(answer["series"])
        if series is None:
            return nothing(self.source)
        return newest(((when, value) for when, value in series["pointlist"]), self.source)

    async def probe(self) -> str:
        """The key must be valid."""
        url = self.source.url("api/v1/validate", default=ADDRESS)
        return await reach(self.source, "GET", url, headers=self.headers)
