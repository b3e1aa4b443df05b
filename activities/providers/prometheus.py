"""Prometheus' HTTP API: instant queries (`GET /api/v1/query`).

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from dataclasses import dataclass, field
from typing import Any

import httpx

from activities.providers.asking import Unusable, as_json, ask, number, only
from activities.providers.base import Reading, Source
from workflows.verdict import NoData, Unreadable, Value

REMEDY = "aggregate in the query (sum, avg, max, ...), so that it returns one"


@dataclass(frozen=True)
class Prometheus:
    """One server; the Secret may hold `token`, or else `username` and `password`."""

    source: Source
    headers: dict[str, str] = field(default_factory=dict)
    auth: httpx.BasicAuth | None = None

    @classmethod
    def of(cls, source: Source) -> "Prometheus":
        """Raises UnfitSecret."""
        headers, secret = dict(source.headers), source.secret
        if not secret.name:
            return cls(source, headers)
        if "token" in secret:
            return cls(source, headers | {"Authorization": f"Bearer {secret.header('token')}"})
        if missing := [key for key in ("username", "password") if key not in secret]:
            raise secret.lacks(" and ".join(missing), "write token, or username and password")
        return cls(source, headers, httpx.BasicAuth(secret.line("username"), secret.line("password")))

    async def query(self, text: str) -> Reading:
        """Run the query now; white space is collapsed, since specs fold long queries over lines."""
        return await ask(
            self.source,
            "GET",
            self.source.url("api/v1/query"),
            as_json(reading_of),
            whose="Prometheus",
            params={"query": " ".join(text.split())},
            headers=self.headers,
            auth=self.auth or httpx.USE_CLIENT_DEFAULT,
        )

    async def probe(self) -> str:
        """It must know how much one is."""
        match await self.query("vector(1)"):
            case Value(value=1):
                return ""
            case Unreadable(detail=detail):
                return detail
            case other:
                return f"vector(1) is {other}, not 1"


def reading_of(answer: Any) -> Reading:
    """A scalar, or the one sample of a vector."""
    kind, result = answer["data"]["resultType"], answer["data"]["result"]
    match kind:
        case "vector":
            sample = only(result, REMEDY) if result else None
            return number(sample["value"][1]) if sample is not None else NoData()
        case "scalar":
            return number(result[1])
        case _:
            raise Unusable(f"query returned a {kind}; write one that returns a single value")
