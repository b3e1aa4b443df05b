"""What each path answers, through ASGI."""

import os
import re
from pathlib import Path
from unittest import mock

import httpx
import pytest

from tests.loadtester.calls import a_call, serving
from tests.loadtester.visitors import Visitors


async def value(client: httpx.AsyncClient, series: str) -> float:
    """The present value of a metric."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    assert found, series
    return float(found[1])


@pytest.mark.parametrize(
    ("metadata", "status", "text"),
    [
        pytest.param({"cmd": "echo hello"}, 200, "", id="success"),
        pytest.param({"cmd": "echo hello", "returnCmdOutput": "true"}, 200, "hello\n", id="success with output"),
        pytest.param({"cmd": "echo hello", "returnCmdOutput": "false"}, 200, "", id="success without output"),
        pytest.param(
            {"cmd": "echo no; exit 3"}, 500, "command echo no; exit 3 failed: no\n: exit status 3", id="failure"
        ),
        pytest.param({"cmd": "[[ a == a ]]"}, 200, "", id="it is bash"),
    ],
)
async def test_bash_answers_the_outcome(metadata: dict[str, str], status: int, text: str) -> None:
    """Once it is known."""
    async with serving() as client:
        answer = await client.post("/", json=a_call(type="bash", **metadata))
    assert (answer.status_code, answer.text) == (status, text)


async def test_bash_answers_a_time_out() -> None:
    """As a failure, with what was said until then."""
    async with serving(task_timeout_seconds=0.3) as client:
        answer = await client.post("/", json=a_call("echo slow; sleep 60", type="bash"))
    assert answer.status_code == 500
    assert answer.text == (
        "command echo slow; sleep 60 failed: slow\n: timed out after 0.3 seconds (LOADTESTER_TASK_TIMEOUT_SECONDS)"
    )


async def test_cmd_answers_at_once_and_runs_on(visitors: Visitors) -> None:
    """202 with no text, while the command runs."""
    async with serving() as client:
        answer = await client.post("/", json=a_call(visitors.command()))
        assert (answer.status_code, answer.text) == (202, "")
        visit = await visitors.next()
        assert await value(client, 'loadtester_tasks_running{type="cmd"}') == 1
        await visit.end()


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/load", "/deep/er/", "/gate", "/rollback"])
async def test_any_other_path_and_any_method_run_a_task(method: str, path: str) -> None:
    """As documented by Flagger."""
    async with serving() as client:
        answer = await client.request(method, path, json=a_call("echo hi", type="bash", returnCmdOutput="true"))
    assert (answer.status_code, answer.text) == (200, "hi\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/healthz", 200, "OK"),
        ("/gate/approve", 200, "OK"),
        ("/gate/halt", 403, "Forbidden"),
        ("/gate/check", 403, "Forbidden"),
        ("/gate/open", 202, ""),
        ("/gate/close", 202, ""),
        ("/gate/deep/er", 404, "gates know no deep/er; call open, close or check"),
        ("/rollback/check", 403, "Forbidden"),
        ("/rollback/open", 202, ""),
        ("/rollback/close", 202, ""),
        ("/rollback/halt", 404, "gates know no halt; call open, close or check"),
    ],
)
async def test_a_reserved_path_runs_no_task(method: str, path: str, status: int, text: str) -> None:
    """Not even with a payload that would."""
    async with serving() as client:
        answer = await client.request(method, path, json=a_call("true", type="bash"))
        assert (answer.status_code, answer.text) == (status, text)
        assert await value(client, 'loadtester_tasks_started_total{type="bash"}') == 0


async def test_metrics_count_tasks_by_outcome() -> None:
    """Started, running, finished."""
    async with serving(task_timeout_seconds=0.3) as client:
        for line in ("true", "false", "false", "sleep 60"):
            await client.post("/", json=a_call(line, type="bash"))
        assert await value(client, 'loadtester_tasks_started_total{type="bash"}') == 4
        assert await value(client, 'loadtester_tasks_running{type="bash"}') == 0
        for outcome, count in (("succeeded", 1), ("failed", 2), ("timed_out", 1)):
            assert await value(client, f'loadtester_tasks_finished_total{{outcome="{outcome}",type="bash"}}') == count


async def test_a_call_from_a_web_page_is_forbidden() -> None:
    """Browsers send Origin with it; a page could otherwise run commands on its visitor's machine."""
    async with serving() as client:
        answer = await client.post("/", json=a_call("true", type="bash"), headers={"Origin": "https://example.org"})
        assert answer.status_code == 403
        assert await value(client, 'loadtester_tasks_started_total{type="bash"}') == 0


async def test_a_call_too_many_is_answered_429(visitors: Visitors) -> None:
    """With the reason."""
    async with serving(max_tasks=1) as client:
        await client.post("/", json=a_call(visitors.command()))
        answer = await client.post("/", json=a_call("true", type="bash"))
    assert answer.status_code == 429
    assert answer.text.startswith("1 tasks are running, as many as LOADTESTER_MAX_TASKS allows")


@pytest.mark.parametrize(("kind", "program"), [("helm", "helm"), ("helmv3", "helm"), ("kubectl", "kubectl")])
async def test_a_tool_gets_its_arguments_and_no_shell(tmp_path: Path, kind: str, program: str) -> None:
    """Split at blanks, as in Flagger, and nothing else is made of them."""
    tool = tmp_path / program
    tool.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    tool.chmod(0o755)
    async with serving(extra_path=tmp_path) as client:
        answer = await client.post("/", json=a_call("test  podinfo; $HOME", type=kind, returnCmdOutput="true"))
    assert (answer.status_code, answer.text) == (200, "test\npodinfo;\n$HOME\n")


async def test_a_tool_that_is_not_there_is_named() -> None:
    """As a failure of the command."""
    async with serving() as client:
        with mock.patch.dict(os.environ, {"PATH": ""}):
            answer = await client.post("/", json=a_call("test podinfo", type="helm"))
    assert answer.status_code == 500
    assert answer.text.endswith("No such file or directory: 'helm'")


async def test_a_command_sees_the_environment_and_the_extra_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So http_proxy holds for curl, and hey is found."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    hey = tmp_path / "hey"
    hey.write_text('#!/bin/sh\necho "$http_proxy" "$@"\n')
    hey.chmod(0o755)
    async with serving(extra_path=tmp_path) as client:
        answer = await client.post("/", json=a_call("hey -n 1", type="bash", returnCmdOutput="true"))
    assert answer.text == "http://127.0.0.1:1 -n 1\n"
