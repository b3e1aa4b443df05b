"""New Relic's NRQL over HTTP (`GET /v1/accounts/{id}/query`).

https://docs.newrelic.com/docs/apis/insights-apis/query-insights-event-data-api/
"""

import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from activities.providers.asking import Unusable, as_json, ask, nothing, number, reach
from activities.providers.base import Reading, Source
from workflows.verdict import NoData

ADDRESS = "https://insights-api.newrelic.com"
SINCE = re.compile(r"\bSINCE\b", re.IGNORECASE)
REMEDY = "write a query that returns one value: one function, no FACET and no TIMESERIES"


@dataclass(frozen=True)
class NewRelic:
    """One account; the Secret holds `newrelic_account_id` and `newrelic_query_key`."""

    source: Source
    account: str
    headers: dict[str, str]

    @classmethod
    def of(cls, source: Source) -> "NewRelic":
        """Raises UnfitSecret."""
        account = quote(source.secret.header("newrelic_account_id"), safe="")
        return cls(source, account, {"X-Query-Key": source.secret.header("newrelic_query_key")})

    async def query(self, text: str) -> Reading:
        """The one value; a query that does not say since when looks back over the window."""
        nrql = " ".join(text.split())
        if not SINCE.search(nrql):
            nrql += f" SINCE {math.ceil(self.source.window_seconds)} seconds ago"
        return await ask(
            self.source,
            "GET",
            self._url(),
            as_json(self._read),
            whose="New Relic",
            params={"nrql": nrql},
            headers=self.headers,
        )

    def _url(self) -> str:
        return self.source.url(f"v1/accounts/{self.account}/query", default=ADDRESS)

    def _read(self, answer: Any) -> Reading:
        if "facets" in answer or "timeSeries" in answer:
            raise Unusable(f"the query returned several values; {REMEDY}")
        results = answer["results"]
        if len(results) > 1:
            raise Unusable(f"the query returned {len(results)} results; {REMEDY}")
        found: Any = results[0] if results else None
        while isinstance(found, dict):  # {"average": 1.5}, {"percentiles": {"99": 1.5}}
            if len(found) != 1:
                raise Unusable(f"the result has {len(found)} values; {REMEDY}")
            found = next(iter(found.values()))
        reading = number(found)
        return nothing(self.source) if isinstance(reading, NoData) else reading

    async def probe(self) -> str:
        """The account must answer for the key."""
        nrql = "SELECT count(*) FROM Metric SINCE 1 minute ago"
        return await reach(self.source, "GET", self._url(), params={"nrql": nrql}, headers=self.headers)
