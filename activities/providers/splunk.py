"""Splunk Observability Cloud: a SignalFlow program over HTTP (`POST /v2/signalflow/execute`).

The answer is a stream of server-sent events that ends when the computation does:
https://dev.splunk.com/observability/reference/api/signalflow/latest and …/docs/signalflow/messages/.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from activities.http import Reply
from activities.providers.asking import Unusable, ask, newest, nothing, reach
from activities.providers.base import Reading, Source

EXAMPLE = "https://api.us1.signalfx.com"


@dataclass(frozen=True)
class Splunk:
    """One organisation; the Secret holds `sf_token_key`. The address is the realm's API: `https://api.<realm>…`."""

    source: Source
    headers: dict[str, str]

    @classmethod
    def of(cls, source: Source) -> "Splunk":
        """Raises UnfitProvider, UnfitSecret."""
        source.url("", example=EXAMPLE)
        return cls(source, {"X-SF-Token": source.secret.header("sf_token_key")})

    async def query(self, text: str) -> Reading:
        """The newest point of the only time series in the window."""
        now = int(time.time() * 1000)
        start = now - int(self.source.window_seconds * 1000)
        return await ask(
            self.source,
            "POST",
            self.source.url("v2/signalflow/execute").replace("://api.", "://stream.", 1),
            self._read,
            whose="Splunk",
            params={"start": start, "stop": now, "immediate": "true"},
            headers=self.headers | {"Content-Type": "text/plain", "Accept": "text/event-stream"},
            content=text.encode(),
        )

    def _read(self, reply: Reply) -> Reading:
        series: dict[str, list[tuple[int, Any]]] = {}
        ended = False
        for event, message in events_of(reply.body.decode()):
            match event:
                case "error":
                    raise Unusable(f"error response: {json.dumps(message)}")
                case "control-message":
                    if message["event"] == "CHANNEL_ABORT":
                        raise Unusable(f"error response: {json.dumps(message)}")
                    ended = ended or message["event"] == "END_OF_CHANNEL"
                case "data":
                    for point in message["data"]:
                        series.setdefault(point["tsId"], []).append((message["logicalTimestampMs"], point["value"]))
                case _:  # metadata and information, of no use here
                    pass
        if not ended:
            raise ValueError("the computation did not end")
        if len(series) > 1:
            raise Unusable(f"the query returned {len(series)} series; aggregate with .sum() or .mean(), publish one")
        points = [point for points in series.values() for point in points]
        return newest(points, self.source) if points else nothing(self.source)

    async def probe(self) -> str:
        """The token must be good for reading metrics."""
        return await reach(self.source, "GET", self.source.url("v2/metric"), params={"limit": 1}, headers=self.headers)


def events_of(text: str) -> Iterator[tuple[str, Any]]:
    """Name and decoded JSON of each server-sent event; raises ValueError where the data is not JSON."""
    name, data = "", []
    for line in [*text.splitlines(), ""]:
        key, _, value = line.partition(":")
        if key == "event":
            name = value.strip()
        elif key == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "", []
