"""What each provider sends, as its vendor documents it, and what it wants before it sends anything."""

import base64
import json
import re
import time
from typing import Any

import pytest

from activities.providers import keptn
from activities.providers.errors import UnfitProvider, UnfitSecret
from activities.providers.externalmetrics import amount, path_of
from activities.providers.registry import provider_for
from activities.providers.secret import Secret
from k8s.client import Cluster
from tests.activities.provider_fixtures import Bazaar, a_secret, bazaar, google_key
from tests.activities.vendors import VENDORS, Asked, answering, cloudwatch, external
from tests.api_server import ApiServer
from workflows.verdict import Unreadable, Value

__all__ = ["bazaar", "google_key"]

BY_KIND = {vendor.kind: vendor for vendor in VENDORS}
WINDOW = 90


async def sent(bazaar: Bazaar, kind: str, query: str = "", **source: Any) -> Asked:
    """The request that a query makes."""
    vendor = BY_KIND[kind]
    bazaar.loopback.answer = answering(vendor.point(1))
    assert await bazaar.provider(vendor, **source).query(query or vendor.query) == Value(value=1)
    (asked,) = bazaar.loopback.asked
    return asked


def seconds_ago(seconds: float) -> Any:
    """A moment that long ago, give or take the test's own time."""
    return pytest.approx(time.time() - seconds, abs=30)


async def test_prometheus(bazaar: Bazaar) -> None:
    """One line, below the address, with the headers of the template."""
    asked = await sent(
        bazaar,
        "prometheus",
        "\n  sum(\n  up )\n",
        address=f"{bazaar.loopback.address}/mimir/",
        headers={"X-Scope-OrgID": "a"},
        secret=a_secret({"username": "ada", "password": "pässword"}),
    )
    assert (asked.method, asked.path, asked.params) == ("GET", "/mimir/api/v1/query", [("query", "sum( up )")])
    assert asked.headers["X-Scope-OrgID"] == "a"
    assert base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode() == "ada:pässword"


async def test_datadog(bazaar: Bazaar) -> None:
    """Both keys, and the window in seconds."""
    asked = await sent(bazaar, "datadog", " avg:x{*} \n")
    assert (asked.method, asked.path) == ("GET", "/api/v1/query")
    params = dict(asked.params)
    assert params["query"] == "avg:x{*}"
    assert int(params["to"]) - int(params["from"]) in (WINDOW, WINDOW + 1)
    assert int(params["to"]) == seconds_ago(0)
    assert (asked.headers["DD-API-KEY"], asked.headers["DD-APPLICATION-KEY"]) == ("s3cret-1", "s3cret-2")


async def test_newrelic(bazaar: Bazaar) -> None:
    """The account in the path, and the window in the query."""
    asked = await sent(bazaar, "newrelic", "SELECT average(x)\nFROM Metric")
    assert (asked.method, asked.path) == ("GET", "/v1/accounts/42/query")
    assert asked.params == [("nrql", "SELECT average(x) FROM Metric SINCE 90 seconds ago")]
    assert asked.headers["X-Query-Key"] == "s3cret-1"


async def test_newrelic_since(bazaar: Bazaar) -> None:
    """A query that says since when is left as it is."""
    asked = await sent(bazaar, "newrelic", "SELECT average(x) FROM Metric since 5 minutes ago")
    assert asked.params == [("nrql", "SELECT average(x) FROM Metric since 5 minutes ago")]


@pytest.mark.parametrize("results", [[{"percentiles": {"99": 1}}], [{"result": 1}], [{"count": 1}]])
async def test_newrelic_functions(bazaar: Bazaar, results: Any) -> None:
    """Whatever the function calls its one value."""
    bazaar.loopback.answer = answering({"results": results})
    assert await bazaar.provider(BY_KIND["newrelic"]).query("q") == Value(value=1)


async def test_cloudwatch(bazaar: Bazaar) -> None:
    """The JSON protocol, with a signature for the region."""
    asked = await sent(bazaar, "cloudwatch")
    assert (asked.method, asked.path) == ("POST", "/")
    assert asked.headers["X-Amz-Target"] == "GraniteServiceVersion20100801.GetMetricData"
    assert asked.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIA123/\d{8}/eu-central-1/monitoring/aws4_request, "
        r"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=[0-9a-f]{64}",
        asked.headers["Authorization"],
    )
    body = json.loads(asked.body)
    assert body["MetricDataQueries"] == json.loads(BY_KIND["cloudwatch"].query)
    assert (body["ScanBy"], body["MaxDatapoints"]) == ("TimestampDescending", 20)
    assert body["StartTime"] == seconds_ago(WINDOW)
    assert body["EndTime"] == seconds_ago(0)


@pytest.mark.parametrize(("query", "text"), [("SELECT", "the query is not JSON"), ("{}", "the query is not a list")])
async def test_cloudwatch_query(bazaar: Bazaar, query: str, text: str) -> None:
    """It is JSON, and nothing is asked when it is not."""
    found = await bazaar.provider(BY_KIND["cloudwatch"]).query(query)
    assert isinstance(found, Unreadable)
    assert text in found.detail
    assert bazaar.loopback.asked == []


async def test_cloudwatch_forbidden_metric(bazaar: Bazaar) -> None:
    """A status inside a 200 is a refusal."""
    answer = cloudwatch([1])
    answer["MetricDataResults"][0]["StatusCode"] = "Forbidden"
    bazaar.loopback.answer = answering(answer)
    assert await bazaar.provider(BY_KIND["cloudwatch"]).query("[]") == Unreadable(detail="error response: Forbidden: ")


async def test_stackdriver(bazaar: Bazaar) -> None:
    """The project's, with a token for the service account."""
    asked = await sent(bazaar, "stackdriver", "fetch x | within 1m")
    assert (asked.method, asked.path) == ("POST", "/v3/projects/p1/timeSeries:query")
    assert json.loads(asked.body) == {"query": "fetch x | within 1m"}
    assert asked.headers["Authorization"] == "Bearer t0ken"


async def test_stackdriver_key(bazaar: Bazaar) -> None:
    """A key that is none is told, and not quoted."""
    secret = a_secret({"project": "p1", "serviceAccountKey": '{"type": "s3cret"}'})
    found = await bazaar.provider(BY_KIND["stackdriver"], secret=secret).query("fetch x")
    text = "secret key error: key serviceAccountKey must be the JSON key of a service account"
    assert found == Unreadable(detail=text)


async def test_graphite(bazaar: Bazaar) -> None:
    """The query is the URL's; the window is `from`, and the format ours."""
    asked = await sent(bazaar, "graphite", "target=sumSeries(a,\n 'b')&format=png")
    assert (asked.method, asked.path) == ("GET", "/render")
    assert asked.params == [("target", "sumSeries(a, 'b')"), ("from", "-90s"), ("format", "json")]
    assert base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")) == b"ada:s3cret-1"


async def test_graphite_from(bazaar: Bazaar) -> None:
    """A query that says from when is left as it is."""
    asked = await sent(bazaar, "graphite", "target=x&from=-2min", secret=Secret())
    assert ("from", "-2min") in asked.params
    assert "Authorization" not in asked.headers


async def test_influxdb(bazaar: Bazaar) -> None:
    """Flux as it is, for the organisation."""
    asked = await sent(bazaar, "influxdb", 'from(bucket: "x")\n  |> last()')
    assert (asked.method, asked.path, asked.params) == ("POST", "/api/v2/query", [("org", "acme")])
    assert asked.body == 'from(bucket: "x")\n  |> last()'
    assert asked.headers["Authorization"] == "Token s3cret-1"
    assert asked.headers["Content-Type"] == "application/vnd.flux"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("#datatype,string,long,double\r\n,result,table,_value\r\n,_result,0,5\r\n", Value(value=5)),
        ("error,reference\r\nno such bucket,897\r\n", Unreadable(detail="error response: no such bucket")),
    ],
)
async def test_influxdb_tables(bazaar: Bazaar, body: str, expected: Any) -> None:
    """Annotations are passed over; an error inside a 200 is one."""
    bazaar.loopback.answer = answering(body)
    assert await bazaar.provider(BY_KIND["influxdb"]).query("x") == expected


@pytest.mark.parametrize(
    "body",
    [
        ",result,table,_value\r\n,_result,0,5\r\n,_result,0,6\r\n",
        ",result,table,_value\r\n,_result,0,5\r\n\r\n,result,table,other,_value\r\n,_result,0,x,6\r\n",
        ",result,table,_value\r\n,_result,0,text\r\n",
        ",result,table,_value\r\n,_result,0\r\n",
        ",result,table,mean\r\n,_result,0,5\r\n",
    ],
    ids=["no times", "two tables", "text", "short", "no value"],
)
async def test_influxdb_ambiguous(bazaar: Bazaar, body: str) -> None:
    """Which record would be a guess."""
    bazaar.loopback.answer = answering(body)
    assert isinstance(await bazaar.provider(BY_KIND["influxdb"]).query("x"), Unreadable)


async def test_dynatrace(bazaar: Bazaar) -> None:
    """One point for the window, in milliseconds."""
    asked = await sent(bazaar, "dynatrace", "builtin:x:splitBy()\n")
    params = dict(asked.params)
    assert (asked.method, asked.path) == ("GET", "/api/v2/metrics/query")
    assert (params["metricSelector"], params["resolution"]) == ("builtin:x:splitBy()", "Inf")
    assert int(params["to"]) - int(params["from"]) == WINDOW * 1000
    assert asked.headers["Authorization"] == "Api-Token s3cret-1"


async def test_splunk(bazaar: Bazaar) -> None:
    """The program, from the window's beginning until now."""
    asked = await sent(bazaar, "splunk")
    params = dict(asked.params)
    assert (asked.method, asked.path, asked.body) == ("POST", "/v2/signalflow/execute", BY_KIND["splunk"].query)
    assert int(params["stop"]) - int(params["start"]) == WINDOW * 1000
    assert params["immediate"] == "true"
    assert asked.headers["X-SF-Token"] == "s3cret-1"
    assert asked.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('event: error\ndata: {"errors": [{"code": "X"}]}\n\n', 'error response: {"errors": [{"code": "X"}]}'),
        ('event: control-message\ndata: {"event": "CHANNEL_ABORT"}\n\n', "error response: "),
        ('event: data\ndata: {"logicalTimestampMs": 1, "data": []}\n\n', "not an answer of Splunk: "),
    ],
    ids=["error", "aborted", "cut off"],
)
async def test_splunk_failed(bazaar: Bazaar, body: str, text: str) -> None:
    """A computation that did not end well has no value, whatever it said before."""
    bazaar.loopback.answer = answering(body)
    found = await bazaar.provider(BY_KIND["splunk"]).query("x")
    assert isinstance(found, Unreadable)
    assert found.detail.startswith(text)


async def test_externalmetrics(bazaar: Bazaar) -> None:
    """Through the worker's API server, as the worker."""
    asked = await sent(bazaar, "externalmetrics", "queues/length?labelSelector=app%3Dpodinfo")
    assert asked.path == "/apis/external.metrics.k8s.io/v1beta1/namespaces/queues/length"
    assert asked.params == [("labelSelector", "app=podinfo")]
    assert asked.headers["Authorization"] == "Bearer t0ken"


async def test_externalmetrics_elsewhere(bazaar: Bazaar) -> None:
    """At an address of its own, with a token of its own."""
    asked = await sent(
        bazaar, "externalmetrics", "length", address=bazaar.loopback.address, secret=a_secret({"token": "other"})
    )
    assert asked.path == "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/length"
    assert asked.headers["Authorization"] == "Bearer other"


async def test_externalmetrics_unverified(bazaar: Bazaar, tls_receiver: str) -> None:
    """`insecureSkipVerify` reaches a server whose certificate nobody vouches for."""
    provider = bazaar.provider(BY_KIND["externalmetrics"], address=tls_receiver, insecure=True)
    assert await provider.query("x") == Unreadable(detail="not an answer of an API server: ")


@pytest.mark.parametrize("query", ["", "a/", "/a", "a/b/c", "../x", "a/..", "?labelSelector=a"])
async def test_externalmetrics_query(bazaar: Bazaar, query: str) -> None:
    """A path is not left by what a query says."""
    found = await bazaar.provider(BY_KIND["externalmetrics"]).query(query)
    assert isinstance(found, Unreadable)
    assert "write [namespace/]metric" in found.detail
    assert bazaar.loopback.asked == []


def test_path_is_quoted() -> None:
    """A metric's name is one segment."""
    assert path_of("ns/a|b c")[0].endswith("/namespaces/ns/a%7Cb%20c")


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("5", 5), ("1500m", 1.5), ("2k", 2000), ("1Ki", 1024), ("1.5Gi", 1.5 * 2**30), ("1e3", 1000), ("-3u", -3e-6)],
)
def test_quantity(quantity: str, value: float) -> None:
    """Decimal and binary suffixes, and exponents."""
    assert amount(quantity) == pytest.approx(value)


@pytest.mark.parametrize("quantity", ["", "x", "5 Ki", "1.2.3", "5X", "NaN"])
def test_no_quantity(quantity: str) -> None:
    """Everything else is refused."""
    with pytest.raises(ValueError, match=r"quantity|float"):
        amount(quantity)


async def test_external_value_is_read(bazaar: Bazaar) -> None:
    """Milli-units, as adapters like to write them."""
    bazaar.loopback.answer = answering(external("1500m"))
    assert await bazaar.provider(BY_KIND["externalmetrics"]).query("x") == Value(value=1.5)


# -- Keptn's Analysis -----------------------------------------------------------------------------------------------


async def judged(api: ApiServer, cluster: Cluster, bazaar: Bazaar, query: str, status: dict[str, Any]) -> Any:
    """The answer to a query when Keptn writes this status, and the Analysis it was asked for."""
    asked: list[dict[str, Any]] = []

    async def complete(request: Any) -> None:
        if request.method == "GET" and "watch" in request.query:
            where, analysis = next((key, obj) for key, obj in api.objects.items() if key.plural == "analyses")
            path = keptn.ANALYSES.path(where.namespace, where.name)
            asked.append(await api.put(path, analysis | {"status": {"state": "Progressing"}}))
            await api.put(path, analysis | {"status": status})

    api.intercepts.append(complete)
    source = bazaar.source(BY_KIND["keptn"], cluster=cluster)
    found = await provider_for("keptn", source).query(query)
    assert not [key for key in api.objects if key.plural == "analyses"], "an Analysis was left behind"
    return found, asked[0] if asked else None


@pytest.mark.parametrize(("passed", "value"), [(True, 1), (False, 0)])
async def test_keptn_analysis(api: ApiServer, cluster: Cluster, bazaar: Bazaar, value: float, *, passed: bool) -> None:
    """An Analysis is made for the window, waited for, and taken away; names keep their case."""
    status = {"state": "Completed", "pass": passed}
    found, made = await judged(api, cluster, bazaar, "analysis/test/errors/5m/Workload=podinfo;b=2", status)
    assert found == Value(value=value)
    assert made["spec"] == {
        "timeframe": {"recent": "5m"},
        "args": {"Workload": "podinfo", "b": "2"},
        "analysisDefinition": {"name": "errors", "namespace": "test"},
    }


async def test_keptn_window(api: ApiServer, cluster: Cluster, bazaar: Bazaar) -> None:
    """Without a duration it is the metric's interval."""
    _, made = await judged(api, cluster, bazaar, "analysis/test/errors", {"state": "Completed"})
    assert made["spec"]["timeframe"] == {"recent": "90s"}


async def test_keptn_too_slow(
    api: ApiServer, cluster: Cluster, bazaar: Bazaar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Analysis that is never completed is taken away too."""
    monkeypatch.setattr(keptn, "SECONDS", 0.3)
    found, _ = await judged(api, cluster, bazaar, "analysis/test/errors", {"state": "Progressing"})
    assert found == Unreadable(detail="no answer within 0.3 s")


@pytest.mark.parametrize(
    "query", ["", "x", "keptnmetric/a", "keptnmetric/a/b/c", "metric/a/b", "analysis/a/..", "analysis/a/b/1m/=2"]
)
async def test_keptn_query(bazaar: Bazaar, query: str) -> None:
    """Both forms are shown when it is neither."""
    found = await bazaar.provider(BY_KIND["keptn"]).query(query)
    assert isinstance(found, Unreadable)
    assert "write" in found.detail
    assert bazaar.loopback.asked == []


async def test_keptn_error(bazaar: Bazaar) -> None:
    """What Keptn could not read is not a value, even when an old one stands beside it."""
    bazaar.loopback.answer = answering({"status": {"value": "1", "errMsg": "no such query"}})
    found = await bazaar.provider(BY_KIND["keptn"]).query("keptnmetric/test/errors")
    assert found == Unreadable(detail="KeptnMetric errors.test: no such query")


# -- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "key"),
    [(vendor.kind, key) for vendor in VENDORS for key in vendor.secret],
    ids=str,
)
async def test_missing_key(bazaar: Bazaar, kind: str, key: str) -> None:
    """Each key that a provider wants is named when it is not there, with the Secret and the remedy."""
    kept = {name: value for name, value in BY_KIND[kind].secret.items() if name != key} | {"other": "x"}
    with pytest.raises(UnfitSecret) as refusal:
        provider_for(kind, bazaar.source(BY_KIND[kind], secret=a_secret(kept)))
    assert str(refusal.value) == f"secret key error: key {key} not found; add key {key} to the Secret"


@pytest.mark.parametrize("kind", ["datadog", "newrelic", "influxdb", "dynatrace", "splunk"])
async def test_no_secret(bazaar: Bazaar, kind: str) -> None:
    """The field is named."""
    with pytest.raises(UnfitProvider, match=r"^spec\.provider\.secretRef: required; name a Secret with key "):
        provider_for(kind, bazaar.source(BY_KIND[kind], secret=Secret()))


@pytest.mark.parametrize("kind", ["graphite", "influxdb", "dynatrace", "splunk"])
async def test_no_address(bazaar: Bazaar, kind: str) -> None:
    """Where there is no default, an example is shown."""
    with pytest.raises(UnfitProvider, match=r"^spec\.provider\.address: required; write the base URL, such as http"):
        provider_for(kind, bazaar.source(BY_KIND[kind], address=""))


@pytest.mark.parametrize("region", ["", "eu central 1", "x/../y", "EU"])
async def test_no_region(bazaar: Bazaar, region: str) -> None:
    """It goes into a host's name."""
    with pytest.raises(UnfitProvider, match=r"^spec\.provider\.region: required; write the region"):
        provider_for("cloudwatch", bazaar.source(BY_KIND["cloudwatch"], region=region))


async def test_token_without_address(bazaar: Bazaar) -> None:
    """The worker's own API server is asked as the worker only."""
    with pytest.raises(UnfitProvider, match=r"^spec\.provider\.address: required beside a secretRef"):
        provider_for("externalmetrics", bazaar.source(BY_KIND["externalmetrics"], secret=a_secret({"token": "x"})))


async def test_unknown_type(bazaar: Bazaar) -> None:
    """It cannot get past the CRD; if it does, the types that exist are named."""
    with pytest.raises(UnfitProvider, match=r"^spec\.provider\.type: 'zabbix' is unknown; write one of cloudwatch,"):
        provider_for("zabbix", bazaar.source(BY_KIND["prometheus"]))
