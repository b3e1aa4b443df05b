"""Prometheus' HTTP API: instant queries (`GET /api/v1/query`)."""

import math
from dataclasses import dataclass, field
from typing import Any

import httpx

from activities.providers.base import Reading
from workflows.verdict import NoData, Unreadable, Value

TIMEOUT_SECONDS = 5.0
BODY_LIMIT = 200


@dataclass(frozen=True)
class Prometheus:
    """One server."""

    http: httpx.AsyncClient
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None

    async def query(self, text: str) -> Reading:
        """Run the query now; white space is collapsed, since specs fold long queries over lines."""
        try:
            answer = await self.http.get(
                f"{self.address.rstrip('/')}/api/v1/query",
                params={"query": " ".join(text.split())},
                headers=self.headers,
                auth=self.auth or httpx.USE_CLIENT_DEFAULT,
                timeout=TIMEOUT_SECONDS,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Unreadable(detail=f"{self.address}: {error!r}")
        if not answer.is_success:
            return Unreadable(detail=f"error response: {answer.status_code}: {answer.text.strip()[:BODY_LIMIT]}")
        return reading_of(answer)


def reading_of(answer: httpx.Response) -> Reading:
    """The one number in the answer; a vector takes its last sample, as Flagger does."""
    try:
        data = answer.json()["data"]
        kind, result = data["resultType"], data["result"]
    except (ValueError, KeyError, TypeError):
        return Unreadable(detail=f"not an answer of Prometheus: {answer.text.strip()[:BODY_LIMIT]}")
    match kind:
        case "vector":
            return _number(result[-1].get("value") if result else None)
        case "scalar":
            return _number(result)
        case _:
            return Unreadable(detail=f"query returned a {kind}; write one that returns a single value")


def _number(sample: Any) -> Reading:
    if sample is None:
        return NoData()
    try:
        value = float(sample[1])
    except (TypeError, ValueError, IndexError):
        return Unreadable(detail=f"not a number: {sample!r}"[:BODY_LIMIT])
    return NoData() if math.isnan(value) else Value(value=value) if math.isfinite(value) else _infinite(value)


def _infinite(value: float) -> Reading:
    """JSON has no infinity: the largest number breaks the same bounds."""
    return Value(value=math.copysign(1.7976931348623157e308, value))
