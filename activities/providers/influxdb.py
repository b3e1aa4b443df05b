"""InfluxDB's Flux over HTTP (`POST /api/v2/query`).

https://docs.influxdata.com/influxdb/v2/query-data/execute-queries/influx-api/; the answer is CSV, one table for each
series, tables of different columns apart by an empty line:
https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from activities.http import Reply
from activities.providers.asking import Unusable, ask, newest, nothing, only, reach
from activities.providers.base import Reading, Source
from workflows.verdict import NoData

EXAMPLE = "http://influxdb.monitoring:8086"
SECONDS = 15.0
Row = dict[str, str]


@dataclass(frozen=True)
class InfluxDB:
    """One organisation; the Secret holds `token` and `org`."""

    source: Source
    request: dict[str, Any]

    @classmethod
    def of(cls, source: Source) -> "InfluxDB":
        """Raises UnfitProvider, UnfitSecret."""
        source.url("", example=EXAMPLE)
        headers = {
            "Authorization": f"Token {source.secret.header('token')}",
            "Accept": "application/csv",
            "Content-Type": "application/vnd.flux",
        }
        return cls(source, {"headers": headers, "params": {"org": source.secret.line("org")}})

    async def query(self, text: str) -> Reading:
        """The newest record of the only table."""
        url = self.source.url("api/v2/query")
        return await ask(
            self.source,
            "POST",
            url,
            self._read,
            whose="InfluxDB",
            seconds=SECONDS,
            content=text.encode(),
            **self.request,
        )

    def _read(self, reply: Reply) -> Reading:
        tables: dict[tuple[str, ...], list[Row]] = {}
        for block, row in rows_of(reply.body.decode()):
            if "error" in row and "_value" not in row:
                raise Unusable(f"error response: {row['error']}")
            tables.setdefault((str(block), row.get("result", ""), row.get("table", "")), []).append(row)
        rows = only(list(tables.values()), "aggregate in the query (|> group() |> mean(), ...), so that it returns one")
        if rows is None:
            return nothing(self.source)
        if len(rows) > 1 and any("_time" not in row for row in rows):
            raise Unusable(f"the query returned {len(rows)} records without _time; write |> last() or |> mean()")
        reading = newest(((row.get("_time", ""), row["_value"] or None) for row in rows), self.source)
        return nothing(self.source) if isinstance(reading, NoData) else reading

    async def probe(self) -> str:
        """The token must let a query through."""
        url, query = self.source.url("api/v2/query"), b"buckets() |> limit(n: 1)"
        return await reach(self.source, "POST", url, content=query, **self.request)


def rows_of(text: str) -> Iterator[tuple[int, Row]]:
    """Records, each with the number of its block; a block begins with its column names, after annotations.

    Raises:
        ValueError: it is not CSV, or a record has another number of columns than its header.
    """
    header: list[str] | None = None
    block = 0
    try:
        for line in csv.reader(text.splitlines(), strict=True):
            if not any(line):
                header, block = None, block + 1
            elif line[0].startswith("#"):
                header = None
            elif header is None:
                header = line
            else:
                yield block, dict(zip(header, line, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if header is not None and "_value" not in header and "error" not in header:
        raise ValueError("no column _value")
