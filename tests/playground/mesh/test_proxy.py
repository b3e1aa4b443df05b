"""The proxy end to end, over real sockets, in front of a cluster in memory."""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from playground.mesh.__main__ import Applications
from playground.mesh.admin import admin
from playground.mesh.forwarding import ABSENT, Forwarder
from playground.mesh.ingress import PREFIX
from playground.mesh.proxy import Mesh
from playground.mesh.serving import PortTaken, serving
from playground.mesh.telemetry import Telemetry
from playground.ports import LOOPBACK, free_ports
from tests.playground.mesh.objects import Cluster, a_pod, a_ref, a_route, a_rule, a_service, an_ingress

BY_HEADER = {PREFIX: "true", f"{PREFIX}-by-header": "X-Canary", f"{PREFIX}-by-header-value": "always"}
UPSTREAM = "test-podinfo-canary-9898"
APEX, CANARY = "http://podinfo.test:9898", "http://podinfo-canary.test:9898"


@dataclass
class Running:
    """A mesh that serves, and what is around it."""

    cluster: Cluster
    proxy: str
    metrics: str
    client: httpx.AsyncClient
    """Sends everything through the proxy."""

    async def samples(self, name: str) -> list[Sample]:
        """Of one series, as a scrape gives them."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{self.metrics}/metrics")).raise_for_status().text
        return [each for family in text_string_to_metric_families(text) for each in family.samples if each.name == name]

    async def counted(self, name: str, **labels: str) -> Counter[tuple[str, str]]:
        """Sums of a counter by Deployment (or the Service, outbound) and status."""
        sums: Counter[tuple[str, str]] = Counter()
        for sample in await self.samples(name):
            if labels.items() <= sample.labels.items():
                who = sample.labels.get("deployment") or sample.labels.get("dst_service", "")
                sums[who, sample.labels.get("status_code", "")] += int(sample.value)
        return sums


@asynccontextmanager
async def running(load_tester: ASGIApp = ABSENT) -> AsyncIterator[Running]:
    """A mesh on free ports, with the guide's podinfo."""
    cluster, telemetry = Cluster(), Telemetry()
    cluster.podinfo()
    mesh = Mesh(cluster.directory, telemetry, Applications(load_tester))
    port, metrics_port = free_ports(2)
    proxy = f"http://{LOOPBACK}:{port}"
    async with (
        serving(mesh, port),
        serving(admin(cluster.directory, telemetry, list), metrics_port),
        httpx.AsyncClient(proxy=proxy, trust_env=False) as client,
    ):
        yield Running(cluster, proxy, f"http://{LOOPBACK}:{metrics_port}", client)
        await mesh.aclose()


@pytest.fixture
async def mesh() -> AsyncIterator[Running]:
    """Without load tester."""
    async with running() as mesh:
        yield mesh


def split(primary: int, canary: int, **rule: Any) -> dict[str, Any]:
    """The generated route."""
    return a_route(a_rule(a_ref("podinfo-primary", primary), a_ref("podinfo-canary", canary), **rule))


async def versions(mesh: Running, requests: int, url: str = APEX) -> Counter[str]:
    """Which version answered how often."""
    answers = [await mesh.client.get(url) for _ in range(requests)]
    return Counter(answer.raise_for_status().json()["version"] for answer in answers)


async def curl(mesh: Running, *words: str) -> str:
    """What curl prints with `http_proxy` set, as the guide's commands run."""
    program = shutil.which("curl")
    assert program, "these tests need curl"
    process = await asyncio.create_subprocess_exec(
        program, "-sS", *words, env={"http_proxy": mesh.proxy}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_curl_works_as_the_guide_prints_it(mesh: Running) -> None:
    """The acceptance test's command, with `http_proxy` set."""
    assert "token" in json.loads(await curl(mesh, "-d", "test", f"{CANARY}/token"))


@pytest.mark.parametrize(
    ("host", "version"),
    [
        ("podinfo.test:9898", "6.0.0"),
        ("podinfo-canary.test:9898", "6.0.1"),
        ("podinfo-primary.test.svc.cluster.local:9898", "6.0.0"),
        ("podinfo-canary:9898", "6.0.1"),
    ],
)
async def test_each_service_leads_to_its_own_pods(mesh: Running, host: str, version: str) -> None:
    """The pod tells its version."""
    assert json.loads(await curl(mesh, f"http://{host}/version?a=b"))["version"] == version


async def test_a_client_may_take_the_proxy_for_the_server(mesh: Running) -> None:
    """Then the Host header names the Service."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{mesh.proxy}/version", headers={"host": "podinfo.test:9898"})
    assert answer.json()["version"] == "6.0.0"


async def test_the_routes_present_weights_decide(mesh: Running) -> None:
    """A changed route holds from the next request on."""
    mesh.cluster.routes.put(split(100, 0))
    assert await versions(mesh, 20) == {"6.0.0": 20}
    mesh.cluster.routes.put(split(0, 100))
    assert await versions(mesh, 20) == {"6.0.1": 20}
    mesh.cluster.routes.put(split(50, 50))
    assert min((await versions(mesh, 100)).values()) > 20


async def test_the_canary_is_reached_directly_whatever_the_weights(mesh: Running) -> None:
    """The route is attached to the apex alone."""
    mesh.cluster.routes.put(split(100, 0))
    assert await versions(mesh, 5, CANARY) == {"6.0.1": 5}


async def test_a_traffic_split_decides_where_no_route_does(mesh: Running) -> None:
    """And a route goes before it."""
    backends = [{"service": "podinfo-canary", "weight": 100}, {"service": "podinfo-primary", "weight": 0}]
    spec = {"service": "podinfo", "backends": backends}
    mesh.cluster.splits.put({"metadata": {"namespace": "test", "name": "podinfo"}, "spec": spec})
    assert await versions(mesh, 5) == {"6.0.1": 5}
    mesh.cluster.routes.put(split(100, 0))
    assert await versions(mesh, 5) == {"6.0.0": 5}


async def test_a_header_may_choose_the_canary(mesh: Running) -> None:
    """A/B testing."""
    match = {"headers": [{"name": "x-canary", "value": "always", "type": "Exact"}]}
    chosen = a_rule(a_ref("podinfo-canary", 100), matches=[match])
    mesh.cluster.routes.put(a_route(chosen, a_rule(a_ref("podinfo-primary", 100))))
    assert json.loads(await curl(mesh, "-H", "X-Canary: always", f"{APEX}/"))["version"] == "6.0.1"
    assert json.loads(await curl(mesh, f"{APEX}/"))["version"] == "6.0.0"


async def test_every_answer_is_counted_on_both_sides(mesh: Running) -> None:
    """At the pod that gave it, and at the client."""
    for path in ("/", "/", "/status/500", "/status/404"):
        await mesh.client.get(CANARY + path)
    expected = {("podinfo", "200"): 2, ("podinfo", "500"): 1, ("podinfo", "404"): 1}
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == expected
    assert await mesh.counted("request_total", direction="inbound", srv_port="9898") == {("podinfo", ""): 4}
    outbound = {("podinfo-canary", status): count for (_, status), count in expected.items()}
    assert await mesh.counted("response_total", direction="outbound") == outbound


async def test_latency_is_measured(mesh: Running) -> None:
    """In milliseconds, the body included."""
    await mesh.client.get(f"{CANARY}/delay/0.15")
    assert (await mesh.counted("response_latency_ms_sum", srv_port="9898"))["podinfo", "200"] >= 150
    slow = await mesh.counted("response_latency_ms_bucket", srv_port="9898", le="100")
    assert slow == {("podinfo", "200"): 0}


async def test_without_ready_pod_the_client_is_refused(mesh: Running) -> None:
    """With 503, which counts at the client and at no pod."""
    mesh.cluster.pods.put(a_pod("podinfo", ready=False))
    answer = await mesh.client.get(CANARY)
    assert answer.status_code == 503
    assert answer.text == "pocket mesh: Service podinfo-canary.test has no ready endpoint\n"
    assert await mesh.counted("response_total", direction="outbound") == {("podinfo-canary", "503"): 1}
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == {}


async def test_a_traffic_split_of_any_version_decides(mesh: Running) -> None:
    """A cluster may serve only a newer one."""
    spec = {"service": "podinfo", "backends": [{"service": "podinfo-canary", "weight": 100}]}
    mesh.cluster.newer_splits.put({"metadata": {"namespace": "test", "name": "podinfo"}, "spec": spec})
    assert await versions(mesh, 5) == {"6.0.1": 5}


async def test_an_ingress_leads_in_and_its_canary_takes_its_share(mesh: Running) -> None:
    """By the header as the guide's curl sends it; each answer is counted under the Ingress, as its controller does."""
    shadow = an_ingress("podinfo-canary", service="podinfo-canary", annotations=BY_HEADER)
    for ingress in (an_ingress(), shadow):
        mesh.cluster.ingresses.put(ingress)
    outsider = json.loads(await curl(mesh, "http://app.example.com"))
    insider = json.loads(await curl(mesh, "-H", "X-Canary: always", "http://app.example.com/"))
    await curl(mesh, "-H", "X-Canary: always", "http://app.example.com/status/500")
    assert (outsider["version"], insider["version"]) == ("6.0.0", "6.0.1")
    counted = {
        (sample.labels["canary"], sample.labels["status"]): sample.value
        for sample in await mesh.samples("nginx_ingress_controller_requests")
        if (sample.labels["namespace"], sample.labels["ingress"]) == ("test", "podinfo")
    }
    assert counted == {("", "200"): 1, (UPSTREAM, "200"): 1, (UPSTREAM, "500"): 1}
    slowest = [
        sample.value
        for sample in await mesh.samples("nginx_ingress_controller_response_duration_seconds_bucket")
        if (sample.labels["canary"], sample.labels["le"]) == (UPSTREAM, "+Inf")
    ]
    assert slowest == [1, 1]


async def test_an_ingress_may_name_the_port_of_its_service(mesh: Running) -> None:
    """And one that the Service does not have answers as such."""
    service = a_service("podinfo", selector={"app": "podinfo-primary"})
    service["spec"]["ports"][0]["name"] = "http"
    mesh.cluster.services.put(service)
    for port, status in (("http", 200), ("grpc", 502)):
        ingress = an_ingress()
        ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"name": port}
        mesh.cluster.ingresses.put(ingress)
        assert (await mesh.client.get("http://app.example.com/")).status_code == status


@pytest.mark.parametrize(
    ("url", "status", "why"),
    [
        ("http://app.example.com/", 502, "app.example.com: there is no Service app in namespace example.com"),
        ("http://podinfo.test/", 502, "Service podinfo.test has no port 80: 9898"),
    ],
)
async def test_an_unknown_host_is_named(mesh: Running, url: str, status: int, why: str) -> None:
    """The client reads what to do."""
    answer = await mesh.client.get(url)
    assert answer.status_code == status
    assert why in answer.text
    assert why in answer.headers["l5d-proxy-error"]


async def test_https_is_refused(mesh: Running) -> None:
    """The proxy does not tunnel, and says so."""
    reader, writer = await asyncio.open_connection(*mesh.proxy.removeprefix("http://").split(":"))
    writer.write(b"CONNECT podinfo.test:443 HTTP/1.1\r\nHost: podinfo.test:443\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 501")
    writer.close()
    await writer.wait_closed()


async def test_a_mirror_gets_a_copy_and_its_answer_is_dropped(mesh: Running) -> None:
    """The copy's failure is the canary's alone; the body goes to both."""
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": a_ref("podinfo-canary")}}
    mesh.cluster.routes.put(split(100, 0, filters=[mirror]))
    mesh.cluster.pods.put(a_pod("podinfo", env={"PODINFO_FAULT_RATE": "1"}))
    assert await versions(mesh, 5) == {"6.0.0": 5}
    assert (await mesh.client.post(f"{APEX}/echo", content=b"x" * 100_000)).content == b"x" * 100_000
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == {
        ("podinfo-primary", "200"): 5,
        ("podinfo-primary", "202"): 1,
        ("podinfo", "500"): 5,
        ("podinfo", "202"): 1,
    }


async def test_header_modifiers_reach_pod_and_client(mesh: Running) -> None:
    """The pod sees the request's, the client the response's."""
    filters = [
        {
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": {"set": [{"name": "Content-Type", "value": "application/canary"}]},
        },
        {
            "type": "ResponseHeaderModifier",
            "responseHeaderModifier": {"add": [{"name": "X-Seen", "value": "yes"}], "remove": ["Content-Length"]},
        },
    ]
    mesh.cluster.routes.put(split(100, 0, filters=filters))
    answer = await mesh.client.post(f"{APEX}/echo", content=b"{}", headers={"content-type": "application/json"})
    assert answer.headers["content-type"] == "application/canary"
    assert answer.headers["x-seen"] == "yes"
    assert "content-length" not in answer.headers


async def test_a_cookie_keeps_its_holder_on_one_side(mesh: Running) -> None:
    """Session affinity: the answer of the drawn backend sets it, the narrower rule matches it among others."""
    cookie = {"name": "Set-Cookie", "value": "side=abc; Max-Age=60"}
    filters = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [cookie]}}]
    holds = {"name": "Cookie", "type": "RegularExpression", "value": r"(.*;\s*)?side=abc(;.*)?"}
    sticky = a_rule(a_ref("podinfo-canary", 100), matches=[{"headers": [holds]}])
    drawn = a_rule(a_ref("podinfo-primary", 100), a_ref("podinfo-canary", 0, filters=filters))
    mesh.cluster.routes.put(a_route(sticky, drawn))
    assert "set-cookie" not in (await mesh.client.get(APEX)).headers
    drawn["backendRefs"][0]["weight"], drawn["backendRefs"][1]["weight"] = 0, 100
    assert (await mesh.client.get(APEX)).headers["set-cookie"] == "side=abc; Max-Age=60"
    drawn["backendRefs"][0]["weight"], drawn["backendRefs"][1]["weight"] = 100, 0
    answer = await mesh.client.get(APEX, headers={"cookie": "a=b; side=abc; c=d"})
    assert answer.json()["version"] == "6.0.1"


async def test_the_pod_sees_what_was_rewritten(mesh: Running) -> None:
    """Its version stands under the new path."""
    path = {"type": "ReplaceFullPath", "replaceFullPath": "/version"}
    mesh.cluster.routes.put(split(100, 0, filters=[{"type": "URLRewrite", "urlRewrite": {"path": path}}]))
    assert (await mesh.client.get(f"{APEX}/status/500")).json()["version"] == "6.0.0"


async def test_preflight_requests_are_answered_by_the_route(mesh: Running) -> None:
    """For origins that are allowed; other answers say who may read them."""
    cors = {"allowOrigins": ["https://*.example.com"], "allowMethods": ["GET"], "allowHeaders": ["*"], "maxAge": 60}
    mesh.cluster.routes.put(split(100, 0, filters=[{"type": "CORS", "cors": cors}]))
    asking = {"access-control-request-method": "GET", "access-control-request-headers": "x-a"}
    allowed, other = {"origin": "https://a.example.com"}, {"origin": "https://example.org"}
    preflight = await mesh.client.options(APEX, headers=asking | allowed)
    assert {name: value for name, value in preflight.headers.items() if name.startswith("access-control")} == {
        "access-control-allow-origin": "https://a.example.com",
        "access-control-allow-methods": "GET",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }
    assert "access-control-allow-methods" not in (await mesh.client.options(APEX, headers=asking | other)).headers
    assert (await mesh.client.get(APEX, headers=allowed)).headers["access-control-allow-origin"] == allowed["origin"]
    assert "access-control-allow-origin" not in (await mesh.client.get(APEX, headers=other)).headers
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == {("podinfo-primary", "200"): 2}


async def test_a_routes_deadline_ends_a_slow_answer(mesh: Running) -> None:
    """With 504 at the client; the pod has a request without response."""
    mesh.cluster.routes.put(split(100, 0, timeouts={"request": "100ms"}))
    answer = await mesh.client.get(f"{APEX}/delay/5")
    assert answer.status_code == 504
    assert "podinfo-primary.test:9898 did not answer within the 0.1 s" in answer.text
    assert await mesh.counted("response_total", direction="outbound") == {("podinfo-primary", "504"): 1}
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == {}


async def test_small_answers_are_not_held_back(mesh: Running) -> None:
    """Nagle's algorithm and a delayed acknowledgement would make each take 40 ms on a connection that is kept."""
    await mesh.client.get(APEX)
    took = []
    for _ in range(21):
        started = time.perf_counter()
        await mesh.client.get(APEX)
        took.append(time.perf_counter() - started)
    assert median(took) < 0.03


async def test_many_clients_at_once_lose_no_request(mesh: Running) -> None:
    """Every one is answered and counted."""
    answers = await asyncio.gather(*(mesh.client.get(APEX) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert await mesh.counted("response_total", direction="inbound", srv_port="9898") == {
        ("podinfo-primary", "200"): 100
    }


# -- the load tester's pod --------------------------------------------------------------------------------------------


async def _mirrored(request: Request) -> Response:
    seen = {"method": request.method, "url": str(request.url.path), "query": request.url.query}
    text = (await request.body()).decode()
    return JSONResponse(seen | {"body": text, "type": request.headers.get("content-type")}, 202, {"x-from": "tester"})


def load_tester_objects(cluster: Cluster) -> None:
    """As the guide installs it: port 80 to the container's `http`."""
    cluster.services.put(a_service("flagger-loadtester", port=80, targetPort="http"))
    cluster.pods.put(a_pod("flagger-loadtester", image="ghcr.io/fluxcd/flagger-loadtester:0.36.0"))


async def test_the_load_testers_pod_is_the_real_load_tester() -> None:
    """Method, path, query, body and headers go there, the answer comes back, and the pod counts it."""
    (port,) = free_ports(1)
    real = Starlette(routes=[Route("/{path:path}", _mirrored, methods=["POST"])])
    async with (
        serving(real, port),
        httpx.AsyncClient(trust_env=False) as outgoing,
        running(Forwarder(outgoing, f"http://{LOOPBACK}:{port}/")) as mesh,
    ):
        load_tester_objects(mesh.cluster)
        answer = await mesh.client.post("http://flagger-loadtester.test/gate/check?x=1", json={"name": "podinfo"})
        assert answer.status_code == 202
        assert answer.headers["x-from"] == "tester"
        assert answer.json() == {
            "method": "POST",
            "url": "/gate/check",
            "query": "x=1",
            "body": '{"name":"podinfo"}',
            "type": "application/json",
        }
        counted = await mesh.counted("response_total", direction="inbound", srv_port="9898")
        assert counted == {("flagger-loadtester", "202"): 1}


async def test_a_load_tester_that_is_away_is_named() -> None:
    """With the URL that was tried."""
    (port,) = free_ports(1)
    async with (
        httpx.AsyncClient(trust_env=False) as outgoing,
        running(Forwarder(outgoing, f"http://{LOOPBACK}:{port}")) as mesh,
    ):
        load_tester_objects(mesh.cluster)
        answer = await mesh.client.post("http://flagger-loadtester.test/", json={})
    assert answer.status_code == 502
    assert f"the load tester at http://{LOOPBACK}:{port} does not answer" in answer.text


async def test_without_load_tester_its_pod_says_so(mesh: Running) -> None:
    """It is not taken for a podinfo."""
    load_tester_objects(mesh.cluster)
    answer = await mesh.client.post("http://flagger-loadtester.test/", json={})
    assert (answer.status_code, "--loadtester" in answer.text) == (503, True)


# -- the two ports ----------------------------------------------------------------------------------------------------


async def test_health_waits_for_every_watch() -> None:
    """And names those that it lacks."""
    lacking = ["/api/v1/pods"]
    app = admin(Cluster().directory, Telemetry(), lambda: lacking)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://mesh") as client:
        early = await client.get("/healthz")
        assert (early.status_code, early.text) == (503, "not synced yet: /api/v1/pods\n")
        lacking.clear()
        assert (await client.get("/healthz")).status_code == 200


async def test_a_taken_port_is_refused() -> None:
    """By its number."""
    (port,) = free_ports(1)
    async with serving(ABSENT, port):
        with pytest.raises(PortTaken, match=f"port {port} of .* choose another"):
            async with serving(ABSENT, port):
                pass
