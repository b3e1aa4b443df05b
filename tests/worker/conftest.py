"""What the tests of the process share: an API server, a Temporal of a few lines, and a clean environment."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
import typer
from temporalio.client import Client

from k8s.client import Cluster
from tests.api_fixtures import api, cluster
from tests.api_server import ApiServer
from tests.worker.canaries import at_rest
from tests.worker.commands import People
from tests.worker.temporal import Temporal
from worker import cli, explain_view, operator, steer, views
from worker.operator import Operator
from worker.settings import WorkerSettings
from worker.watches import Watches

__all__ = ["api", "cluster"]


@pytest.fixture
def temporal() -> Temporal:
    """One that takes everything."""
    return Temporal()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's Temporal nor its cluster is asked by a test that forgot to say which."""
    for variable in os.environ:
        if variable.startswith(("SERINUS_", "TEMPORAL_", "LOADTESTER_", "SLACK_", "MSTEAMS_", "EVENT_WEBHOOK_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/kubeconfig")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/nonexistent/temporal.toml")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True)
def _one_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that signals come in the order of the changes."""
    monkeypatch.setattr(operator, "SENDERS", 1)


@pytest_asyncio.fixture
async def watching(api: ApiServer, cluster: Cluster, temporal: Temporal) -> AsyncIterator[Operator]:
    """An operator that holds two canaries at rest, and has told Temporal nothing about them."""
    await at_rest(api)
    await at_rest(api, "other")
    async with Watches(cluster, "") as watches:
        running = Operator(cast("Client", temporal), watches, WorkerSettings())
        task = asyncio.create_task(running.run())
        await watches.synced()
        await api.begun(4)
        yield running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="session")
def app() -> typer.Typer:
    """All commands, those of the neighbours too."""
    cli.mount()
    return cli.app


@pytest.fixture
def kubeconfig(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBECONFIG leads to the API server."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))


@pytest.fixture(autouse=True)
def _guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is pytest's: its logging stays, and signals are not for the thread of a command."""
    monkeypatch.setattr(cli, "configure_logs", lambda _: None)
    monkeypatch.setattr("worker.process.stop_on_signals", asyncio.Event)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> People:
    """Connected to, whatever the address."""
    people = People()

    async def connect(**_: Any) -> People:
        return people

    for module in (views, steer, explain_view):
        monkeypatch.setattr(module, "connect", connect)
    return people
