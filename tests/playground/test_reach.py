"""The names of a cluster's Services, carried over the API server's service proxy."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from playground.reach import Reach, service_path


@pytest.mark.parametrize(
    ("host", "port", "path"),
    [
        ("podinfo.test", 9898, "/api/v1/namespaces/test/services/podinfo:9898/proxy"),
        ("Prometheus.linkerd-viz.svc", 9090, "/api/v1/namespaces/linkerd-viz/services/prometheus:9090/proxy"),
        ("podinfo.test.svc.cluster.local.", 80, "/api/v1/namespaces/test/services/podinfo:80/proxy"),
        ("podinfo", 80, ""),
        ("api.example.com", 80, ""),
        (".test", 80, ""),
    ],
)
def test_service_path(host: str, port: int, path: str) -> None:
    """Service and namespace, with or without what a cluster appends."""
    assert service_path(host, port) == path


Ask = Callable[[str], Awaitable[httpx.Response]]


@pytest.fixture
def seen() -> list[httpx.Request]:
    """What the API server was asked."""
    return []


@pytest.fixture
def ask(seen: list[httpx.Request]) -> Ask:
    """A client that uses this as its proxy, and an API server that answers everything."""

    def api(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(418, text="from the Service")

    async def send(url: str) -> httpx.Response:
        answering = httpx.AsyncClient(transport=httpx.MockTransport(api))
        reach = Reach(answering, "http://127.0.0.1:8001")
        async with answering, httpx.AsyncClient(transport=httpx.ASGITransport(reach)) as user:
            return await user.post(url, json={"name": "podinfo"})

    return send


async def test_a_request_is_carried(ask: Ask, seen: list[httpx.Request]) -> None:
    """Path, query and body arrive, and the answer is the Service's own."""
    answer = await ask("http://podinfo.test:9898/status/500?x=1")

    assert (answer.status_code, answer.text) == (418, "from the Service")
    [request] = seen
    base = "http://127.0.0.1:8001/api/v1/namespaces/test/services/podinfo:9898/proxy"
    assert str(request.url) == f"{base}/status/500?x=1"
    assert b"podinfo" in request.content


async def test_a_name_that_is_no_service(ask: Ask, seen: list[httpx.Request]) -> None:
    """Says what a name must look like, and asks nobody."""
    answer = await ask("http://example/")

    assert answer.status_code == 502
    assert "http://SERVICE.NAMESPACE:PORT/" in answer.text
    assert seen == []
