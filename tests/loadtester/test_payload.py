"""From a body to a command, or to a refusal."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtester.app import create_app
from loadtester.gates import Gates
from loadtester.metrics import Metrics
from loadtester.payload import Command, Kind, Refusal, read_command
from loadtester.settings import load_settings
from loadtester.tasks import Tasks

ALL = re.compile("")
NAMES = st.text(max_size=8)
NOT_A_STRING = st.none() | st.booleans() | st.integers() | st.floats() | st.lists(NAMES) | st.dictionaries(NAMES, NAMES)
ANY_JSON = st.recursive(
    NOT_A_STRING | NAMES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=5
)
RUNNABLE = {"type": "bash", "cmd": "true"}


def a_body(metadata: Any = RUNNABLE, **keys: Any) -> bytes:
    """A call as a canary makes it."""
    whole = {"name": "podinfo", "namespace": "test", "phase": "Progressing", "checksum": "85d557f47b"}
    return json.dumps({**whole, "metadata": metadata, **keys}).encode()


def not_an_object() -> st.SearchStrategy[bytes]:
    """JSON, but no payload."""
    return ANY_JSON.filter(lambda value: not isinstance(value, dict)).map(lambda value: json.dumps(value).encode())


def cut_off() -> st.SearchStrategy[bytes]:
    """The beginning of a good payload."""
    return st.integers(0, len(a_body()) - 1).map(lambda length: a_body()[:length])


def wrong_type_of_key() -> st.SearchStrategy[bytes]:
    """One of the keys is no string."""
    key = st.sampled_from(["name", "namespace", "phase", "checksum"])
    return st.builds(lambda key, value: a_body(**{key: value}), key, NOT_A_STRING)


def wrong_type_of_metadata() -> st.SearchStrategy[bytes]:
    """Metadata is no object, or one of its values no string."""
    entry = st.builds(
        lambda key, value: {**RUNNABLE, key: value}, NAMES | st.sampled_from(["cmd", "type"]), NOT_A_STRING
    )
    return (ANY_JSON.filter(lambda value: not isinstance(value, dict)) | entry).map(a_body)


def no_command() -> st.SearchStrategy[bytes]:
    """Well-formed metadata that has no command, or a blank one, or one that no program can be given."""
    others = st.dictionaries(NAMES.filter(lambda name: name != "cmd"), NAMES)
    blank = st.text(" \t\n").map(lambda blank: {**RUNNABLE, "cmd": blank})
    nul = st.builds(lambda before, after: {**RUNNABLE, "cmd": f"{before}\0{after}"}, NAMES, NAMES)
    return (others | blank | nul).map(a_body)


def unknown_type() -> st.SearchStrategy[bytes]:
    """A task type that does not exist."""
    return NAMES.filter(lambda name: name not in set(Kind)).map(lambda name: a_body({**RUNNABLE, "type": name}))


MALFORMED = st.one_of(
    st.binary().filter(lambda body: b"cmd" not in body),
    not_an_object(),
    cut_off(),
    wrong_type_of_key(),
    wrong_type_of_metadata(),
    no_command(),
    unknown_type(),
    st.just(a_body({**RUNNABLE, "cmd": "x" * 200_000})),
    st.just(b'{"metadata":{"cmd":"\\ud800"}}'),
    st.just(b'{"metadata":{"cmd":"\xff"}}'),
)


@contextmanager
def nothing_may_start() -> Iterator[mock.AsyncMock]:
    """Watches the one place where processes are made."""
    with mock.patch.object(asyncio, "create_subprocess_exec", side_effect=AssertionError("a process!")) as start:
        yield start


@given(
    body=MALFORMED,
    path=st.sampled_from(["/", "/run", "/a/b", "/gat", "/gate"]),
    method=st.sampled_from(["POST", "PUT"]),
)
async def test_a_malformed_payload_is_refused_and_nothing_is_run(body: bytes, path: str, method: str) -> None:
    """Whatever is wrong with it, on whichever path it comes: always a 4xx."""
    settings, metrics = load_settings(), Metrics()
    with nothing_may_start() as start:
        async with Tasks(settings, metrics) as tasks:
            transport = httpx.ASGITransport(create_app(settings, tasks, Gates(None), metrics))
            async with httpx.AsyncClient(transport=transport, base_url="http://loadtester") as client:
                answer = await client.request(method, path, content=body)
            assert tasks.running == 0
    assert 400 <= answer.status_code < 500
    assert answer.text
    start.assert_not_called()


async def test_a_good_payload_would_have_been_run() -> None:
    """The guard of the test above does notice."""
    settings, metrics = load_settings(), Metrics()
    async with Tasks(settings, metrics) as tasks:
        transport = httpx.ASGITransport(create_app(settings, tasks, Gates(None), metrics))
        async with httpx.AsyncClient(transport=transport, base_url="http://loadtester") as client:
            with nothing_may_start() as start, pytest.raises(AssertionError, match="a process!"):
                await client.post("/", content=a_body())
    start.assert_called_once()


@pytest.mark.parametrize(
    ("metadata", "command"),
    [
        pytest.param(
            {"type": "cmd", "cmd": "hey -z 1m http://podinfo-canary.test:9898/", "logCmdOutput": "true"},
            Command(Kind.CMD, "podinfo.test", "hey -z 1m http://podinfo-canary.test:9898/", log_output=True),
            id="hey",
        ),
        pytest.param({"cmd": "true"}, Command(Kind.CMD, "podinfo.test", "true"), id="cmd is the default"),
        pytest.param(
            {"type": "bash", "cmd": "date", "returnCmdOutput": "true"},
            Command(Kind.BASH, "podinfo.test", "date", return_output=True),
            id="bash",
        ),
        pytest.param(
            {"cmd": "true", "logCmdOutput": "yes", "other": "key"},
            Command(Kind.CMD, "podinfo.test", "true"),
            id="what is not true is false",
        ),
    ],
)
def test_metadata_says_what_to_run(metadata: dict[str, str], command: Command) -> None:
    """As in Flagger."""
    assert read_command(a_body(metadata), ALL) == command


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        pytest.param(b"{}", 400, "metadata not found in payload", id="no metadata"),
        pytest.param(a_body({}), 400, "metadata not found in payload", id="empty metadata"),
        pytest.param(a_body({"type": "bash"}), 400, "cmd not found in metadata", id="no cmd"),
        pytest.param(a_body({"type": "ruby", "cmd": "1"}), 400, "unknown task type ruby", id="unknown type"),
        *(
            pytest.param(
                a_body({"type": kind, "cmd": "1"}),
                400,
                f"task type {kind} is not supported; call the service with curl in a task of type bash",
                id=kind,
            )
            for kind in ("concord", "ngrinder")
        ),
        pytest.param(b"cmd=ls", 400, "payload: Invalid JSON: expected value at line 1 column 1", id="a form"),
        pytest.param(a_body({"cmd": 1}), 400, "metadata.cmd: Input should be a valid string", id="a number"),
        pytest.param(
            a_body({"cmd": "a\0b"}),
            400,
            "metadata.cmd contains a NUL character, which no program can be given; remove it",
            id="a NUL",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(body: bytes, status: int, text: str) -> None:
    """In Flagger's words where it has some."""
    with pytest.raises(Refusal) as refused:
        read_command(body, ALL)
    assert (refused.value.status, refused.value.text) == (status, text)


@pytest.mark.parametrize(
    ("regexp", "namespace", "served"),
    [
        pytest.param("", "anything", True, id="all by default"),
        pytest.param("test", "my-test-2", True, id="anywhere in the name, as in Flagger"),
        pytest.param("^test$", "test", True, id="the whole name"),
        pytest.param("^test$", "my-test-2", False, id="more than the whole name"),
        pytest.param("^test$", "", False, id="no namespace"),
    ],
)
def test_only_matching_namespaces_are_served(regexp: str, namespace: str, *, served: bool) -> None:
    """Others are forbidden, before anything else in the payload is looked at."""
    body = a_body(RUNNABLE if served else {}, namespace=namespace)
    if served:
        assert read_command(body, re.compile(regexp)).canary == f"podinfo.{namespace}"
        return
    with pytest.raises(Refusal, match=r"^Forbidden$") as refused:
        read_command(body, re.compile(regexp))
    assert refused.value.status == 403
