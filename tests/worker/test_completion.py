"""What a shell is told when somebody presses Tab."""

import asyncio
import os
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner

from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.objects import a_canary
from worker import cli, completion

pytestmark = pytest.mark.usefixtures("kubeconfig")


@pytest.fixture
async def _canaries(api: ApiServer) -> None:
    """Three in two namespaces."""
    for namespace, name in (("test", "podinfo"), ("test", "billing"), ("prod", "podium")):
        await api.put(CANARIES.path(namespace, name), a_canary())


async def offered(app: typer.Typer, line: str) -> list[str]:
    """For the last word of a line."""
    words = line.split(" ")
    env = {"_SERINUS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = await asyncio.to_thread(CliRunner().invoke, app, [], env=env, prog_name="serinus")
    assert result.exit_code == 0, result.output
    return result.stdout.split()


@pytest.mark.usefixtures("_canaries")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("serinus pro", ["promote"]),
        ("serinus status ", ["billing", "podinfo", "podium"]),
        ("serinus status pod", ["podinfo", "podium"]),
        ("serinus promote pod", ["podinfo", "podium"]),
        ("serinus promote -n test pod", ["podinfo"]),
        ("serinus explain --namespace prod ", ["podium"]),
        ("serinus abort podinfo -n ", ["prod", "test"]),
        ("serinus status -n t", ["test"]),
        ("serinus status -o ", ["table", "json"]),
    ],
)
async def test_a_word_is_completed(app: typer.Typer, line: str, words: list[str]) -> None:
    """Commands, names, namespaces, values."""
    assert await offered(app, line) == words


@pytest.mark.usefixtures("_canaries")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pro"], ["promote", ":4"]),
        (["promote", "-n", "test", ""], ["billing", "podinfo", ":4"]),
        (["abort", "nob"], [":4"]),
    ],
)
async def test_kubectl_is_told_too(
    app: typer.Typer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: list[str],
) -> None:
    """In the words of its protocol for plugins."""
    assert app is cli.app
    monkeypatch.setattr(cli, "mount", lambda: None)
    monkeypatch.setattr("sys.argv", ["kubectl_complete-canary", *words])
    monkeypatch.setattr("os.environ", os.environ.copy())
    await asyncio.to_thread(cli.complete)
    assert capsys.readouterr().out.split() == told


async def test_a_cluster_that_is_away_completes_nothing(
    api: ApiServer, app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says nothing, neither when it refuses nor when it hangs."""

    async def hang(_: Any) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(completion, "PATIENCE_SECONDS", 0.2)
    api.intercepts.append(hang)
    assert await offered(app, "serinus promote ") == []
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/kubeconfig")
    assert await offered(app, "serinus promote ") == []
