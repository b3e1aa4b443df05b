"""The command line as a person meets it: help, exit codes, errors in one line, JSON for scripts."""

import socket
import subprocess
import sys
from typing import Any

import pytest
import typer

from k8s.resources import CANARIES
from tests.api_server import ApiServer, status
from tests.objects import a_canary
from tests.worker.commands import json_of, run
from worker import cli
from workflows.steering import Verb

STEERING = [verb.value for verb in Verb]


def every_command(command: Any, *path: str) -> list[tuple[str, ...]]:
    """The paths of all commands that do something."""
    below = getattr(command, "commands", None)
    if below is None:
        return [path]
    return [found for name, child in below.items() for found in every_command(child, *path, name)]


# -- help -------------------------------------------------------------------------------------------------------------


async def test_help(app: typer.Typer) -> None:
    """Every command explains itself, with an example to copy, and its exit codes where they tell something."""
    commands = every_command(typer.main.get_command(app))
    assert {path[0] for path in commands} >= {"status", "history", "worker", "demo", "loadtester", *STEERING}
    for path in commands:
        result = await run(app, *path, "--help")
        assert result.exit_code == 0, path
        assert "Example" in result.output, path
        assert path == ("playground", "trim") or "Exit codes: 0 " in result.output, path


async def test_no_arguments(app: typer.Typer) -> None:
    """Without a command all of them are listed."""
    result = await run(app)
    assert "Show canaries" in result.output


@pytest.mark.parametrize("arguments", [("nonsense",), ("pause",), ("status", "-o", "xml"), ("history", "--nonsense")])
async def test_wrong_usage(app: typer.Typer, arguments: tuple[str, ...]) -> None:
    """Ends with 2."""
    assert (await run(app, *arguments)).exit_code == 2


def test_no_folder_for_temporary_files_is_needed_to_start() -> None:
    """In the image's container there is none: its root is read-only."""
    start = "import tempfile; del tempfile.gettempdir; import sys; from worker.cli import main; main()"
    subprocess.run([sys.executable, "-c", start, "worker", "--help"], check=True, stdout=subprocess.DEVNULL)


# -- nobody there -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*((verb, "podinfo") for verb in STEERING), ("history", "podinfo")])
async def test_no_temporal(app: typer.Typer, command: tuple[str, ...]) -> None:
    """3, and the variable that leads to one."""
    result = await run(app, *command)
    assert result.exit_code == 3
    assert "Temporal does not answer at 127.0.0.1:1" in result.stderr
    assert "TEMPORAL_ADDRESS" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("kubeconfig")
async def test_status_without_temporal(app: typer.Typer) -> None:
    """Likewise, since the status would be half of the truth."""
    result = await run(app, "status")
    assert (result.exit_code, "TEMPORAL_ADDRESS" in result.stderr) == (3, True)


async def test_no_kubeconfig(app: typer.Typer) -> None:
    """3, and the variable that names one."""
    result = await run(app, "status")
    assert result.exit_code == 3
    assert "/nonexistent/kubeconfig" in result.stderr
    assert "set KUBECONFIG" in result.stderr


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_no_cluster(api: ApiServer, app: typer.Typer) -> None:
    """3, when nobody listens where the kubeconfig leads."""
    await api.server.close()
    result = await run(app, "status")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: no cluster answers: GET /apis/flagger.app/v1beta1/canaries: ")
    assert result.stderr.rstrip().endswith("see KUBECONFIG")


async def test_worker_without_cluster(app: typer.Typer) -> None:
    """The worker says so too, and does not wait."""
    result = await run(app, "worker")
    assert (result.exit_code, "set KUBECONFIG" in result.stderr) == (3, True)


@pytest.mark.usefixtures("kubeconfig")
async def test_worker_on_a_taken_port(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, and the setting that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("SERINUS_HOST", "127.0.0.1")
        monkeypatch.setenv("SERINUS_PORT", str(listener.getsockname()[1]))
        result = await run(app, "worker")
    assert (result.exit_code, "SERINUS_PORT" in result.stderr) == (1, True)


@pytest.mark.parametrize("command", ["worker", "status"])
async def test_wrong_setting(app: typer.Typer, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """2, in one line that names the variable."""
    monkeypatch.setenv("SERINUS_PORT", "http")
    result = await run(app, command)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: SERINUS_PORT is 'http': input should be a valid integer")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_forbidden(api: ApiServer, app: typer.Typer) -> None:
    """1, in the API server's own words, and no markup is made of them."""

    async def forbid(_: Any) -> Any:
        return status(403, 'canaries is forbidden: User "[red]" cannot list')

    api.intercepts.append(forbid)
    result = await run(app, "status")
    assert (result.exit_code, result.stderr.strip()) == (
        1,
        'error: canaries is forbidden: User "[red]" cannot list',
    )


# -- status -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_status_for_scripts(api: ApiServer, app: typer.Typer) -> None:
    """A list of objects in camelCase, by namespace and name."""
    fields = {"phase": "Failed", "failedChecks": 5, "conditions": [{"message": "why"}], "lastTransitionTime": "then"}
    await api.put(CANARIES.path("test", "podinfo"), a_canary(status=fields))
    await api.put(CANARIES.path("prod", "podinfo"), a_canary(status=fields))
    assert json_of(await run(app, "status", "-n", "test", "-o", "json")) == [
        {
            "namespace": "test",
            "name": "podinfo",
            "phase": "Failed",
            "weight": 0,
            "failedChecks": 5,
            "threshold": None,
            "pausedBy": None,
            "nextCheck": None,
            "says": "why",
            "lastTransition": "then",
        }
    ]
    assert len(json_of(await run(app, "status", "podinfo", "-o", "json"))) == 2


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_status_for_people(api: ApiServer, app: typer.Typer) -> None:
    """A table."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary(status={"phase": "Succeeded"}))
    result = await run(app, "status")
    assert result.exit_code == 0
    assert result.stdout.split()[:3] == ["NAMESPACE", "NAME", "STATUS"]
    assert "Succeeded" in result.stdout


@pytest.mark.usefixtures("kubeconfig", "people")
async def test_unknown_namespace(app: typer.Typer) -> None:
    """Nothing found is told beside the output: an error only when a canary was named."""
    everything = await run(app, "status", "-n", "nowhere")
    assert (everything.exit_code, everything.stdout) == (0, "")
    assert everything.stderr == "no canaries found in namespace nowhere\n"
    assert json_of(await run(app, "status", "-n", "nowhere", "-o", "json")) == []
    named = await run(app, "status", "podinfo", "-n", "nowhere")
    assert (named.exit_code, named.stderr) == (1, "canary podinfo not found in namespace nowhere\n")


async def test_interrupted(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130 and without a trace."""

    async def interrupt(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "show_status", interrupt)
    result = await run(app, "status")
    assert (result.exit_code, result.output) == (130, "")
