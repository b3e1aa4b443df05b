"""Every metric provider's vendor: what its API answers, in the documented form, and a server that says it."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Json = Any
NOT_A_NUMBER = "NaN"


@dataclass(frozen=True)
class Vendor:
    """One type of provider. Bodies are JSON, or text as it is."""

    kind: str
    query: str
    point: Callable[[Any], Any]
    """The answer with one value."""
    empty: Any
    several: Any = None
    """More than one series; None: the API has no such answer."""
    points: Callable[[Sequence[Any]], Any] | None = None
    """The answer with one series of values, oldest first."""
    wrong: tuple[Any, ...] = ({"a": 1}, 5, "text", [1], None)
    secret: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    in_cluster: bool = False
    """Asked through the worker's API server."""


def prometheus(*values: Any) -> Json:
    """An instant vector."""
    result = [{"metric": {"a": str(n)}, "value": [1.5, f"{value}"]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def datadog(*series: Sequence[Any]) -> Json:
    """Timeseries points; times are milliseconds."""
    return {
        "status": "ok",
        "series": [{"pointlist": [[1000.0 * n, value] for n, value in enumerate(values)]} for values in series],
    }


def cloudwatch(*results: Sequence[Any]) -> Json:
    """Newest first, as ScanBy asks."""
    return {
        "MetricDataResults": [
            {
                "Id": f"m{n}",
                "Label": "x",
                "StatusCode": "Complete",
                "Timestamps": [1.7e9 - 60 * m for m in range(len(values))],
                "Values": list(reversed(values)),
            }
            for n, values in enumerate(results)
        ],
        "Messages": [],
    }


def stackdriver(*series: Sequence[Any]) -> Json:
    """Newest first."""

    def typed(value: Any) -> dict[str, Any]:
        return {"int64Value": str(value)} if isinstance(value, int) else {"doubleValue": value}

    return {
        "timeSeriesDescriptor": {},
        "timeSeriesData": [
            {
                "pointData": [
                    {
                        "values": [typed(value)],
                        "timeInterval": {"startTime": "2026-01-01T00:00:00Z", "endTime": f"2026-01-01T00:{n:02}:00Z"},
                    }
                    for n, value in reversed(list(enumerate(values)))
                ]
            }
            for values in series
        ],
    }


def graphite(*targets: Sequence[Any]) -> Json:
    """Datapoints are [value, seconds]."""
    return [
        {"target": f"t{n}", "datapoints": [[value, 60 * m] for m, value in enumerate(values)]}
        for n, values in enumerate(targets)
    ]


def influxdb(*tables: Sequence[Any]) -> str:
    """Annotated CSV."""
    lines = [",result,table,_time,_value"]
    for n, values in enumerate(tables):
        for m, value in enumerate(values):
            lines.append(f",_result,{n},2026-01-01T00:{m:02}:00Z,{'' if value is None else value}")
    return "\r\n".join(lines) + "\r\n\r\n"


def dynatrace(*series: Sequence[Any]) -> Json:
    """One metric, a data entry for each combination of dimensions."""
    data = [{"dimensions": [], "timestamps": list(range(len(values))), "values": list(values)} for values in series]
    return {"totalCount": len(data), "resolution": "Inf", "result": [{"metricId": "m", "data": data}]}


def splunk(*series: Sequence[Any]) -> str:
    """A stream of events that ends with the computation."""
    events: list[tuple[str, Json]] = [
        ("control-message", {"event": "STREAM_START", "timestampMs": 1}),
        ("metadata", {"tsId": "AAA", "properties": {}}),
    ]
    for n, values in enumerate(series):
        for m, value in enumerate(values):
            data = [{"tsId": f"t{n}", "value": value}]
            events.append(("data", {"logicalTimestampMs": 1000 * m, "data": data}))
    events.append(("control-message", {"event": "END_OF_CHANNEL", "timestampMs": 2}))
    return "".join(
        f"event: {name}\n" + "".join(f"data: {line}\n" for line in json.dumps(data, indent=1).splitlines()) + "\n"
        for name, data in events
    )


def external(*values: Any) -> Json:
    """An ExternalMetricValueList."""
    return {
        "kind": "ExternalMetricValueList",
        "items": [{"metricName": "m", "metricLabels": {}, "value": value} for value in values],
    }


def keptn(value: Any) -> Json:
    """A KeptnMetric."""
    return {"kind": "KeptnMetric", "metadata": {"name": "errors"}, "status": {"value": f"{value}"}}


CLOUDWATCH_QUERY = json.dumps([{"Id": "m", "Expression": "TIME_SERIES(1)"}])
VENDORS = [
    Vendor("prometheus", "up", prometheus, prometheus(), prometheus(1, 2)),
    Vendor(
        "datadog",
        "avg:x{*}",
        lambda value: datadog([value]),
        datadog(),
        datadog([1], [2]),
        datadog,
        secret={"datadog_api_key": "s3cret-1", "datadog_application_key": "s3cret-2"},
    ),
    Vendor(
        "newrelic",
        "SELECT average(x) FROM Metric",
        lambda value: {"results": [{"average": value}], "metadata": {}},
        {"results": []},
        {"facets": [{"name": "a", "results": [{"average": 1}]}]},
        secret={"newrelic_account_id": "42", "newrelic_query_key": "s3cret-1"},
    ),
    Vendor(
        "cloudwatch",
        CLOUDWATCH_QUERY,
        lambda value: cloudwatch([value]),
        cloudwatch(),
        cloudwatch([1], [2]),
        cloudwatch,
        region="eu-central-1",
    ),
    Vendor(
        "stackdriver",
        "fetch x",
        lambda value: stackdriver([value]),
        {},
        stackdriver([1], [2]),
        stackdriver,
        ({"timeSeriesData": 5}, {"timeSeriesData": [{"pointData": [{}]}]}, 5, "text", [1], None),
        {"project": "p1"},
    ),
    Vendor(
        "graphite",
        "target=x",
        lambda value: graphite([value]),
        [],
        graphite([1], [2]),
        graphite,
        secret={"username": "ada", "password": "s3cret-1"},
    ),
    Vendor(
        "influxdb",
        'from(bucket: "x")',
        lambda value: influxdb([value]),
        "\r\n",
        influxdb([1], [2]),
        influxdb,
        secret={"token": "s3cret-1", "org": "acme"},
    ),
    Vendor(
        "dynatrace",
        "builtin:x",
        lambda value: dynatrace([value]),
        {"result": []},
        dynatrace([1], [2]),
        dynatrace,
        secret={"dynatrace_token": "s3cret-1"},
    ),
    Vendor(
        "keptn",
        "keptnmetric/test/errors",
        keptn,
        {"kind": "KeptnMetric", "status": {}},
        wrong=({"status": {"value": "many"}}, {"status": 5}, {"status": {"value": [1]}}, 5, "text", None),
        in_cluster=True,
    ),
    Vendor(
        "splunk",
        "data('x').publish()",
        lambda value: splunk([value]),
        splunk(),
        splunk([1], [2]),
        splunk,
        secret={"sf_token_key": "s3cret-1"},
    ),
    Vendor(
        "externalmetrics",
        "test/queue",
        lambda value: external(f"{value}"),
        external(),
        external("1", "2"),
        in_cluster=True,
    ),
]


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    params: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: str


Answer = Callable[[Asked], Awaitable[web.StreamResponse]]


class Loopback:
    """A real server on loopback that says what the test wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Answer = answering({})
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self.server = TestServer(app)

    @property
    def address(self) -> str:
        """Of this server."""
        return str(self.server.make_url("")).rstrip("/")

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/token":
            return web.json_response({"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"})
        params, body = list(request.query.items()), await request.text()
        self.asked.append(Asked(request.method, request.path, params, request.headers, body))
        return await self.answer(self.asked[-1])


def answering(body: Any, status: int = 200) -> Answer:
    """Always this; a string is sent as it is, everything else as JSON."""

    async def answer(_: Asked) -> web.StreamResponse:
        return web.Response(text=body if isinstance(body, str) else json.dumps(body), status=status)

    return answer


def service_account_key(token_uri: str) -> str:
    """A key as Google's console hands it out, for tokens from `token_uri`."""
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "serinus@p1.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "private_key_id": "1",
            "token_uri": token_uri,
        }
    )
