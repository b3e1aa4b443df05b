"""Every way a request can fail is one of four errors, and nothing else gets out."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from k8s.client import Cluster
from k8s.errors import ClusterError, Conflict, NotFound, Refused, Unavailable, from_answer
from k8s.resources import CANARIES, CONFIG_MAPS, DEPLOYMENTS, SCALED_OBJECTS, TRAFFIC_ROUTES, Resource
from tests.api_server import ApiServer
from tests.authority import Authority

Json = dict[str, Any]
PATH = CONFIG_MAPS.path("test", "settings")


def says(message: str, code: int = 0) -> str:
    """A Status object, as text."""
    return json.dumps({"kind": "Status", "code": code, "message": message})


@pytest.mark.parametrize(
    ("code", "body", "error", "text"),
    [
        (404, says("configmaps not found"), NotFound, "configmaps not found"),
        (404, "404 page not found\n", NotFound, "404 page not found"),
        (404, "<html>no such host</html>", Unavailable, "<html>no such host</html>"),
        (404, '{"error": "no route"}', Unavailable, '{"error": "no route"}'),
        (404, "", Unavailable, "HTTP 404"),
        (409, says("already exists"), Conflict, "already exists"),
        (400, says("bad"), Refused, "bad"),
        (403, says("forbidden"), Refused, "forbidden"),
        (422, says("invalid"), Refused, "invalid"),
        (500, says("field not declared in schema"), Refused, "field not declared in schema"),
        (401, says("Unauthorized"), Unavailable, "Unauthorized"),
        (410, says("too old"), Unavailable, "too old"),
        (429, says("slow down"), Unavailable, "slow down"),
        (500, says("etcd is away"), Unavailable, "etcd is away"),
        (503, "<html>Service Unavailable</html>", Unavailable, "<html>Service Unavailable</html>"),
        (502, '["a", "list"]', Unavailable, "['a', 'list']"),
        (302, "", Unavailable, "HTTP 302"),
    ],
)
def test_answers(code: int, body: str, error: type[ClusterError], text: str) -> None:
    """Gone, overtaken, refused for good, or away for now; what a proxy says of an object is not believed."""
    found = from_answer(code, body)
    assert type(found) is error
    assert (str(found), found.status) == (text, code)


@pytest.mark.parametrize("resource", [SCALED_OBJECTS, TRAFFIC_ROUTES])
def test_a_kind_that_is_not_served(resource: Resource) -> None:
    """What to install is named, wherever its objects live."""
    found = from_answer(404, "404 page not found\n", resource.path("test", "podinfo"))
    version = resource.api_version.rpartition("/")[2]
    assert str(found) == (
        f"this cluster has no {resource.plural}.{resource.group} in version {version}; install their definition (CRD)"
    )


@given(st.integers(300, 599), st.text(max_size=30) | st.integers().map(str) | st.just("null") | st.just("[1]"))
def test_any_answer(code: int, body: str) -> None:
    """There is an error with a text for whatever comes."""
    assert str(from_answer(code, body))


def test_long_bodies_are_cut() -> None:
    """A page of HTML is not a message."""
    assert len(str(from_answer(500, "x" * 10_000))) == 500


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"5", b'"text"', b"null", b"\xff\xfe"], ids=repr)
async def test_success_that_is_none(api: ApiServer, cluster: Cluster, body: bytes) -> None:
    """A 200 without a JSON object is a proxy speaking: the request may pass later."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    api.intercepts.append(answer)
    with pytest.raises(Unavailable, match=f"GET {PATH}: the answer is not a JSON object"):
        await cluster.get(PATH)


async def test_nobody_listens(api: ApiServer, cluster: Cluster) -> None:
    """A refused connection is an absence; the text says what was asked."""
    await api.server.close()
    with pytest.raises(Unavailable, match=f"GET {PATH}: ClientConnectorError"):
        await cluster.get(PATH)


async def test_connection_reset(api: ApiServer, cluster: Cluster) -> None:
    """So is an answer that breaks off."""

    async def reset(request: web.Request) -> None:
        assert request.transport
        request.transport.abort()

    api.intercepts.append(reset)
    with pytest.raises(Unavailable, match=f"PATCH {PATH}: "):
        await cluster.merge(PATH, {})


async def test_what_is_sent(api: ApiServer, cluster: Cluster) -> None:
    """Each verb by its method and content type, under our field manager and name."""
    seen: list[tuple[str, str, str, Json, str]] = []

    async def look(request: web.Request) -> web.Response:
        body = await request.json() if request.body_exists else {}
        query = "&".join(f"{key}={value}" for key, value in request.query.items())
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["User-Agent"] == "serinus"
        seen.append((request.method, request.path, query, body, request.content_type))
        return web.json_response({})

    api.intercepts.append(look)
    body = {"metadata": {"name": "settings", "namespace": "test"}}
    await cluster.create(CONFIG_MAPS.path("test"), body)
    await cluster.merge(PATH, body)
    await cluster.replace(PATH, body)
    await cluster.apply(CONFIG_MAPS, body)
    await cluster.delete(PATH)
    assert seen == [
        ("POST", CONFIG_MAPS.path("test"), "fieldManager=serinus", body, "application/json"),
        ("PATCH", PATH, "fieldManager=serinus", body, "application/merge-patch+json"),
        ("PUT", PATH, "fieldManager=serinus", body, "application/json"),
        ("PATCH", PATH, "fieldManager=serinus&force=true", body, "application/apply-patch+yaml"),
        ("DELETE", PATH, "", {"propagationPolicy": "Background"}, "application/json"),
    ]


async def test_one_look(api: ApiServer, cluster: Cluster) -> None:
    """What was read in it is not asked for again; the next look asks anew, and what is not there is asked for."""
    await api.put(PATH, {"data": {"a": "1"}})
    look = cluster.once()
    first, again = await look.get(PATH), await look.get(PATH)
    await cluster.once().get(PATH)
    assert first == again
    assert api.asked("GET") == [PATH] * 2
    for _ in range(2):
        with pytest.raises(NotFound):
            await look.get(f"{PATH}-gone")
    assert len(api.asked("GET")) == 4


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "a: [b",
        "just text",
        "apiVersion: v1\nkind: Config\n",
        "current-context: gone\ncontexts: []\nclusters: []\nusers: []\n",
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
            "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: eA==}}]\n"
            "users: [{name: a, user: {token: a}}]\n"
        ),
    ],
    ids=["no file", "empty", "no YAML", "text", "no context", "missing context", "broken certificate"],
)
async def test_kubeconfig(tmp_path: Path, content: str | None) -> None:
    """One that cannot be used is named, with the variable that chooses another."""
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Unavailable) as refusal:
        async with Cluster.connect(file):
            pytest.fail("connected with nothing")
    assert str(file) in str(refusal.value)
    assert str(refusal.value).endswith("set KUBECONFIG to a kubeconfig file")


async def test_the_key_of_a_kubeconfig_is_not_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is what a second connection needs missing then."""
    authority, client = Authority(tmp_path), Authority(tmp_path, "clients").issue("client")

    def data(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    server = {"server": "https://127.0.0.1:1", "certificate-authority-data": data(authority.certificate)}
    user = {"client-certificate-data": data(client.certificate), "client-key-data": data(client.key)}
    kubeconfig, temporary = tmp_path / "kubeconfig", tmp_path / "temporary"
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [{"name": "a", "cluster": server}],
                "users": [{"name": "a", "user": user}],
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                "current-context": "a",
            }
        )
    )
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for _ in range(2):
        async with Cluster.connect(kubeconfig):
            assert list(temporary.iterdir()) == []


def test_paths() -> None:
    """Core and named groups, one namespace or all, objects and their status."""
    assert CONFIG_MAPS.path() == "/api/v1/configmaps"
    assert DEPLOYMENTS.path("test") == "/apis/apps/v1/namespaces/test/deployments"
    assert CANARIES.path("test", "podinfo", "status").endswith("/namespaces/test/canaries/podinfo/status")
