"""Prometheus' HTTP API: instant queries (`GET /api/v1/query`)."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import httpx

from activities.http import NotReached, Reply, exchange
from activities.providers.base import Reading
from workflows.verdict import NoData, Unreadable, Value

TIMEOUT_SECONDS = 5.0
ANSWER_LIMIT_BYTES = 1024 * 1024
"""One number takes a hundred bytes; more is a query that forgot to aggregate."""
EXCERPT = 200
LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Prometheus:
    """One server."""

    http: httpx.AsyncClient
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    insecure: bool = False
    """The server's certificate is not verified."""

    async def query(self, text: str) -> Reading:
        """Run the query now; white space is collapsed, since specs fold long queries over lines."""
        try:
            answer = await exchange(
                self.http,
                "GET",
                f"{self.address.rstrip('/')}/api/v1/query",
                seconds=TIMEOUT_SECONDS,
                limit_bytes=ANSWER_LIMIT_BYTES,
                insecure=self.insecure,
                params={"query": " ".join(text.split())},
                headers=self.headers,
                auth=self.auth or httpx.USE_CLIENT_DEFAULT,
            )
        except NotReached as error:
            return Unreadable(detail=str(error))
        if not answer.agrees:
            return Unreadable(detail=f"error response: {answer.status}: {answer.excerpt(EXCERPT)}")
        if not answer.whole:
            return Unreadable(detail="the answer exceeds 1 MiB; write a query that returns a single value")
        return reading_of(answer)


def reading_of(answer: Reply) -> Reading:
    """The one number in the answer; a vector takes its last sample, as Flagger does."""
    try:
        data = json.loads(answer.body)["data"]
        return _reading(data["resultType"], data["result"])
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return Unreadable(detail=f"not an answer of Prometheus: {answer.excerpt(EXCERPT)}")


def _reading(kind: str, result: Any) -> Reading:
    match kind:
        case "vector":
            return number(result[-1]["value"][1]) if result else NoData()
        case "scalar":
            return number(result[1])
        case _:
            return Unreadable(detail=f"query returned a {kind}; write one that returns a single value")


def number(text: str) -> Reading:
    """A sample's value; not-a-number is what dividing by no requests gives."""
    value = float(text)
    if math.isnan(value):
        return NoData()
    # JSON has no infinity: the largest number breaks the same bounds.
    return Value(value=value if math.isfinite(value) else math.copysign(LARGEST, value))
