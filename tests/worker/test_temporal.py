"""The connection to Temporal: ids, search attributes, and what to set when it cannot be had."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client

from playground.ports import LOOPBACK
from worker.temporal import SERVER_TYPES, TemporalUnfit, connect, register_search_attributes, workflow_id
from workflows.console import SEARCH_ATTRIBUTES
from workflows.observation import CanaryRef

WANTED = {key.name: SERVER_TYPES[key.indexed_value_type] for key in SEARCH_ATTRIBUTES}


class Namespace:
    """A Temporal namespace that has some search attributes."""

    namespace = "default"

    def __init__(self, known: dict[str, IndexedValueType.ValueType]) -> None:
        self.known = known
        self.added: list[dict[str, IndexedValueType.ValueType]] = []

    @property
    def operator_service(self) -> "Namespace":
        """Where they are listed and added."""
        return self

    async def list_search_attributes(self, request: Any) -> Any:
        """Those that it has."""
        assert request.namespace == "default"
        return type("Answer", (), {"custom_attributes": self.known})

    async def add_search_attributes(self, request: Any) -> None:
        """Keep what is added."""
        self.added.append(dict(request.search_attributes))


def test_workflow_id() -> None:
    """One for a canary, and no two canaries share one."""
    assert workflow_id(CanaryRef(namespace="test", name="podinfo")) == "canary/test/podinfo"
    assert workflow_id(CanaryRef(namespace="a-b", name="c")) != workflow_id(CanaryRef(namespace="a", name="b-c"))


@pytest.mark.parametrize("known", [{}, dict(list(WANTED.items())[:2]), WANTED], ids=["none", "some", "all"])
async def test_registering(known: dict[str, IndexedValueType.ValueType]) -> None:
    """What is missing is added, and nothing is asked when nothing is."""
    namespace = Namespace(known)
    await register_search_attributes(cast("Client", namespace))
    missing = {name: kind for name, kind in WANTED.items() if name not in known}
    assert namespace.added == ([missing] if missing else [])


async def test_other_types() -> None:
    """An attribute of our name and another type is told with both ways out."""
    taken = WANTED | {"CanaryWeight": IndexedValueType.INDEXED_VALUE_TYPE_TEXT}
    with pytest.raises(TemporalUnfit) as refusal:
        await register_search_attributes(cast("Client", Namespace(taken)))
    assert str(refusal.value) == (
        "search attributes CanaryWeight exist with another type; remove them, or set SERINUS_SEARCH_ATTRIBUTES=false"
    )


async def test_nobody_listens() -> None:
    """The text says where, and which variable leads elsewhere."""
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(TemporalUnfit) as refusal:
        await connect(address=address)
    assert str(refusal.value).startswith(f"Temporal does not answer at {address}: ")
    assert str(refusal.value).endswith("set TEMPORAL_ADDRESS")


async def test_patience() -> None:
    """Who is patient tries again until the time is up."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(TemporalUnfit):
        await connect(address="127.0.0.1:1", patience_seconds=0.3)
    assert loop.time() - began >= 0.3


async def test_an_address_that_swallows_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a pod that is gone does: it is given up in time, where Linux would try for two minutes."""
    monkeypatch.setattr("worker.temporal.CONNECT_SECONDS", 0.2)
    with socket.create_server((LOOPBACK, 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(2):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        async with asyncio.timeout(20):
            with pytest.raises(TemporalUnfit):
                await connect(address=f"{LOOPBACK}:{full.getsockname()[1]}")


async def test_senseless_address() -> None:
    """An address that is none is told likewise."""
    with pytest.raises(TemporalUnfit, match=r"Temporal does not answer at here::::: .*; set TEMPORAL_ADDRESS"):
        await connect(address="here::::")


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"TEMPORAL_CONFIG_FILE": "{file}"}, "TOML"),
        ({"TEMPORAL_PROFILE": "prod"}, "Profile 'prod' not found"),
        ({"TEMPORAL_TLS_CLIENT_CERT_PATH": "/nope", "TEMPORAL_TLS_CLIENT_KEY_PATH": "/nope"}, "/nope"),
    ],
    ids=["file", "profile", "certificate"],
)
async def test_senseless_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], text: str
) -> None:
    """A file, a profile or a certificate that cannot be used is named, with where to look."""
    file = tmp_path / "temporal.toml"
    file.write_text("[[[")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value.format(file=file))
    with pytest.raises(TemporalUnfit) as refusal:
        await connect()
    assert str(refusal.value).startswith("the connection to Temporal is not configured: ")
    assert text in str(refusal.value)
    assert str(refusal.value).endswith("see the TEMPORAL_… variables, and the file that TEMPORAL_CONFIG_FILE names")


@pytest.mark.parametrize("line", ['api_key = "s3cret" oops', 'api_key = ["s3cret"]', 'tls = "s3cret"'])
async def test_a_file_is_not_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    """The place of the mistake is told; what stands there may be a key."""
    file = tmp_path / "temporal.toml"
    file.write_text(f"[profile.default]\n{line}\n")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    with pytest.raises(TemporalUnfit, match="TOML parse error at line 2") as refusal:
        await connect()
    assert "s3cret" not in str(refusal.value)
    assert refusal.value.__cause__ is None
