"""Graphite's render API (`GET /render`): https://graphite.readthedocs.io/en/latest/render_api.html."""

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx

from activities.providers.asking import as_json, ask, basic_auth, newest, nothing, only, reach
from activities.providers.base import Reading, Source

EXAMPLE = "http://graphite.monitoring"


@dataclass(frozen=True)
class Graphite:
    """One server; the Secret may hold `username` and `password`. The query is the URL's: `target=…&from=…`."""

    source: Source
    auth: httpx.BasicAuth | None

    @classmethod
    def of(cls, source: Source) -> "Graphite":
        """Raises UnfitProvider, UnfitSecret."""
        source.url("render", example=EXAMPLE)
        return cls(source, basic_auth(source))

    async def query(self, text: str) -> Reading:
        """The newest point of the only target; `from` is the window's beginning unless the query says it."""
        given = [(key, value) for key, value in parse_qsl(" ".join(text.split())) if key != "format"]
        if "from" not in dict(given):
            given.append(("from", f"-{math.ceil(self.source.window_seconds)}s"))
        params = [*given, ("format", "json")]
        return await ask(
            self.source,
            "GET",
            self.source.url("render"),
            as_json(self._read),
            whose="Graphite",
            params=params,
            auth=self.auth or httpx.USE_CLIENT_DEFAULT,
        )

    def _read(self, answer: Any) -> Reading:
        target = only(answer, "write one target, and aggregate in it (sumSeries, averageSeries, ...)")
        if target is None:
            return nothing(self.source)
        return newest(((when, value) for value, when in target["datapoints"]), self.source)

    async def probe(self) -> str:
        """It must draw a line."""
        params = {"target": "constantLine(1)", "from": "-1min", "format": "json"}
        auth = self.auth or httpx.USE_CLIENT_DEFAULT
        return await reach(self.source, "GET", self.source.url("render"), params=params, auth=auth)
