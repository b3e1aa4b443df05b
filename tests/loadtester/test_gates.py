"""Gates stay as somebody left them."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtester.gates import Gates, GatesLost
from tests.loadtester.calls import serving

PODINFO = {"name": "podinfo", "namespace": "test"}
OPEN, CLOSED = (200, "Approved"), (403, "Forbidden")


async def at(client: httpx.AsyncClient, path: str, **canary: str) -> tuple[int, str]:
    """Status and text of a call for a canary's gate."""
    answer = await client.post(path, json=PODINFO | canary)
    return answer.status_code, answer.text


async def test_a_gate_is_closed_until_it_is_opened_and_open_until_it_is_closed() -> None:
    """However often each is done."""
    async with serving() as client:
        assert await at(client, "/gate/check") == CLOSED
        for _ in range(2):
            assert await at(client, "/gate/open") == (202, "")
            assert await at(client, "/gate/check") == OPEN
        for _ in range(2):
            assert await at(client, "/gate/close") == (202, "")
            assert await at(client, "/gate/check") == CLOSED


@pytest.mark.parametrize(
    ("path", "canary"),
    [
        ("/rollback/check", {}),
        ("/rollback/check", {"name": "gate/podinfo"}),
        ("/gate/check", {"name": "other"}),
        ("/gate/check", {"namespace": "prod"}),
    ],
)
async def test_other_gates_stay_closed(path: str, canary: dict[str, str]) -> None:
    """That of the rollback, and those of other canaries."""
    async with serving() as client:
        await at(client, "/gate/open")
        assert await at(client, path, **canary) == CLOSED


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        pytest.param({}, 400, "write whose gate is meant", id="empty"),
        pytest.param({"name": "podinfo"}, 400, "write whose gate is meant", id="no namespace"),
        pytest.param({"namespace": "test"}, 400, "write whose gate is meant", id="no name"),
        pytest.param([], 400, "payload: ", id="a list"),
        pytest.param({"name": "podinfo", "namespace": "prod"}, 403, "Forbidden", id="not served here"),
    ],
)
@pytest.mark.parametrize("verb", ["open", "close", "check"])
async def test_a_call_that_names_no_canary_of_ours_moves_nothing(verb: str, body: Any, status: int, text: str) -> None:
    """It is told what to write."""
    async with serving(namespace_regexp="test|^$") as client:
        answer = await client.post(f"/gate/{verb}", json=body)
    assert answer.status_code == status
    assert answer.text.startswith(text)


async def test_open_gates_outlive_a_restart(tmp_path: Path) -> None:
    """And closed ones do."""
    file = tmp_path / "gates.json"
    async with serving(gates_file=file) as client:
        for name in ("podinfo", "other"):
            await at(client, "/gate/open", name=name)
        await at(client, "/gate/close", name="other")
        await at(client, "/rollback/open")
    async with serving(gates_file=file) as client:
        assert await at(client, "/gate/check") == OPEN
        assert await at(client, "/gate/check", name="other") == CLOSED
        assert await at(client, "/rollback/check") == OPEN


def test_a_write_that_was_cut_short_leaves_the_gates_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file and in the process alike."""
    file = tmp_path / "gates.json"
    gates = Gates(file)
    gates.open("gate/podinfo.test")

    def cut_short(_: Any, writing: Any) -> None:
        writing.write('["gate/podinfo')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", cut_short)
    with pytest.raises(GatesLost, match=r"stays as it was, since .*gates\.json cannot be written: No space left"):
        gates.close("gate/podinfo.test")
    assert gates.is_open("gate/podinfo.test")
    assert Gates(file).is_open("gate/podinfo.test")


async def test_a_gate_that_cannot_be_kept_is_answered_500(tmp_path: Path) -> None:
    """Better than a yes that the next start forgets."""
    async with serving(gates_file=tmp_path / "missing" / "gates.json") as client:
        status, text = await at(client, "/gate/open")
        assert (status, text.startswith("the gate stays as it was")) == (500, True)
        assert await at(client, "/gate/check") == CLOSED


@pytest.mark.parametrize("content", ["", "{", '{"gate/podinfo.test": true}', "[1]"])
def test_a_file_that_says_nothing_is_named(tmp_path: Path, content: str) -> None:
    """Rather than taken for closed gates."""
    file = tmp_path / "gates.json"
    file.write_text(content)
    with pytest.raises(GatesLost, match=r"gates\.json does not say which gates are open: .*; remove it to begin"):
        Gates(file)
