"""What a shell is told when somebody presses Tab."""

import asyncio
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner

from k8s.resources import CANARIES
from tests.api_server import ApiServer
from tests.objects import a_canary
from worker import completion

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
