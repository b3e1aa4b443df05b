"""The process itself, through a real socket."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.loadtester.visitors import Visitors

START_SECONDS = 30.0


@asynccontextmanager
async def a_process(*options: str, **environment: str) -> AsyncIterator[Process]:
    """`python -m loadtester`, which does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtester", "--log-format", "json", *options),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()  # not kill: its tasks shall end, too
        async with asyncio.timeout(START_SECONDS):
            await process.communicate()


@asynccontextmanager
async def a_server(*options: str, **environment: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A load tester on a free port, and a client of it."""
    async with a_process("--port", "0", *options, **environment) as process:
        line = await logged(process, "loadtester_listening")
        url = f"http://{line['host']}:{line['port']}"
        async with httpx.AsyncClient(base_url=url, timeout=START_SECONDS, trust_env=False) as client:
            yield process, client


async def logged(process: Process, event: str) -> dict[str, Any]:
    """The next line with this event."""
    assert process.stderr is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stderr:
            fields: dict[str, Any] = json.loads(line)
            if fields["event"] == event:
                return fields
    raise AssertionError(f"it ended without {event}")


def a_call(kind: str, cmd: str) -> dict[str, Any]:
    """The payload of a hook."""
    return {"name": "podinfo", "namespace": "test", "metadata": {"type": kind, "cmd": cmd, "returnCmdOutput": "true"}}


async def test_sigterm_ends_every_task_and_then_the_process(visitors: Visitors) -> None:
    """Who waits is told; no process of any task is left; the exit code is 0."""
    async with a_server() as (process, client):
        await client.post("/", json=a_call("cmd", visitors.command(before='trap "" TERM; sleep 1000 &')))
        waiting = asyncio.create_task(client.post("/", json=a_call("bash", visitors.command())))
        visits = [await visitors.next(), await visitors.next()]
        process.send_signal(signal.SIGTERM)
        for visit in visits:
            await visit.gone()
        answer = await waiting
        async with asyncio.timeout(START_SECONDS):
            assert await process.wait() == 0
    assert answer.status_code == 503
    assert answer.text.endswith("was ended: the load tester is shutting down")


async def test_a_caller_that_hangs_up_takes_its_command_along(visitors: Visitors) -> None:
    """Its processes end, and the load tester goes on."""
    async with a_server() as (_, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/", json=a_call("bash", visitors.command(before="sleep 1000 &")), timeout=1)
        await (await visitors.next()).gone()
        assert (await client.post("/", json=a_call("bash", "echo alive"))).text == "alive\n"


async def test_a_gate_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    """It had no time to say good-bye."""
    file, podinfo = str(tmp_path / "gates.json"), {"name": "podinfo", "namespace": "test"}
    async with a_server("--gates-file", file) as (process, client):
        assert (await client.post("/gate/open", json=podinfo)).status_code == 202
        process.kill()
    async with a_server(LOADTESTER_GATES_FILE=file) as (_, client):
        assert (await client.post("/gate/check", json=podinfo)).text == "Approved"


async def test_gates_that_cannot_be_read_are_no_closed_ones(tmp_path: Path) -> None:
    """It does not start, and says why; exit code 1."""
    file = tmp_path / "gates.json"
    file.write_text("podinfo.test")
    async with a_process("--gates-file", str(file)) as process:
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith(f"error: {file} does not say which gates are open: Invalid JSON")


async def test_settings_come_from_the_environment_and_options_go_first() -> None:
    """Each by its LOADTESTER_ name."""
    options = ("--namespace-regexp", "^test$")
    async with a_server(*options, LOADTESTER_NAMESPACE_REGEXP="^prod$", LOADTESTER_MAX_TASKS="1") as (_, client):
        assert (await client.post("/", json=a_call("cmd", "sleep 1000"))).status_code == 202
        answer = await client.post("/", json=a_call("cmd", "sleep 1001"))
        forbidden = await client.post("/", json={**a_call("bash", "true"), "namespace": "prod"})
    assert (answer.status_code, forbidden.status_code) == (429, 403)


async def test_sigint_ends_every_task_too(visitors: Visitors) -> None:
    """Ctrl-C does not reach the tasks by itself, as they have sessions of their own."""
    async with a_server() as (process, client):
        await client.post("/", json=a_call("cmd", visitors.command()))
        visit = await visitors.next()
        process.send_signal(signal.SIGINT)
        await visit.gone()
        async with asyncio.timeout(START_SECONDS):
            assert await process.wait() == 130


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param(["--port", "70000"], "LOADTESTER_PORT is 70000: input should be less than", id="port"),
        pytest.param(["--namespace-regexp", "("], "LOADTESTER_NAMESPACE_REGEXP is '('", id="regular expression"),
        pytest.param(["--extra-path", "/nowhere"], "LOADTESTER_EXTRA_PATH is", id="folder"),
        pytest.param(["--log-level", "loud"], "LOADTESTER_LOG_LEVEL is 'loud'", id="log level"),
    ],
)
async def test_a_wrong_setting_is_named_with_its_value(options: list[str], text: str) -> None:
    """One line, exit code 2."""
    async with a_process(*options) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode().startswith(f"error: {text}")
    assert errors.count(b"\n") == 1


async def test_a_port_that_is_taken_is_named() -> None:
    """With the settings that choose another; exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with a_process("--port", str(port)) as process:
            _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode() == (
        f"error: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another address with LOADTESTER_HOST and LOADTESTER_PORT\n"
    )
