"""Dashboard and alerts against a real worker: every series they name is exported, and every panel shows something."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from k8s.client import Json
from playground.binaries import Binaries
from playground.stage import Stage
from tests.integration.scenario import Scene, a_canary, unchecked
from tests.monitoring.queries import RULES, SERIES, all_queries, panel_queries, rules
from worker.codec import converter_of
from workflows.steering import Command

pytestmark = pytest.mark.integration

NAMESPACE = "watched"
TESTS = Path(__file__).parents[1] / "monitoring" / "rules_test.yaml"


async def promtool(binaries: Binaries, *words: str | Path) -> str:
    """What it says; fails when it objects."""
    child = await asyncio.create_subprocess_exec(
        binaries.promtool, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await child.communicate())[0].decode()
    assert child.returncode == 0, said
    return said


async def test_rules_are_rules(binaries: Binaries) -> None:
    """In the eyes of the program that will read them."""
    said = await promtool(binaries, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert f"{len(rules())} rules found" in said


async def test_alerts_fire_when_they_should(binaries: Binaries) -> None:
    """And not before."""
    await promtool(binaries, "test", "rules", TESTS)


def test_every_alert_is_tested() -> None:
    """By its name."""
    tested = set(re.findall(r"alertname: (\w+)", TESTS.read_text()))
    assert tested == {rule["alert"] for rule in rules()}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A worker that saw everything once: a promotion, a rollback, a chat that refuses, and Temporal away."""
    query = {"name": "two", "interval": "10s", "thresholdRange": {"max": 2}, "query": "vector(2)"}
    chat: Json = {"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "void"}}
    chat |= {"spec": {"type": "slack", "address": "http://127.0.0.1:1/"}}
    alerts = [{"name": "void", "providerRef": {"name": "void"}}]
    async with AsyncExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("SERINUS_ENCRYPTION_KEYS", f"ours={base64.b64encode(bytes(32)).decode()}")
        stage = await stack.enter_async_context(Stage(tmp_path_factory.mktemp("watched"), binaries))
        await stage.world.prometheus.scrape([stage.mesh_metrics, stage.worker_metrics])
        scene = await stack.enter_async_context(a_canary(stage, NAMESPACE, unchecked(NAMESPACE, metrics=[query])))
        await scene.apply(chat)
        await scene.release("6.0.1")
        await scene.until_event("Starting canary analysis")
        await stage.world.temporal.stop()
        await until_found(stage, all_queries()["SerinusTemporalUnreachable"])
        await stage.world.temporal.start()
        assert await scene.until_over() == "Succeeded"
        bad = query | {"thresholdRange": {"max": 1}}
        await scene.apply(unchecked(NAMESPACE, metrics=[bad], threshold=1, alerts=alerts))
        await scene.release("6.0.2")
        await scene.until_event("Canary failed!")
        assert await scene.until_over() == "Failed"
        await until_found(stage, "temporal_activity_execution_failed_total")
        await spoil(scene)
        await until_found(stage, "temporal_workflow_task_execution_failed_total")
        yield scene


async def spoil(scene: Scene) -> None:
    """Signal what no key of the worker's decrypts, so that its workflow task fails."""
    theirs = Client.connect(scene.stage.temporal_address, data_converter=converter_of({"theirs": bytes(32)}))
    await scene.release("6.0.3")
    await scene.until_event("Starting canary analysis")
    await (await theirs).get_workflow_handle(scene.workflow_id).signal("pause", Command())


async def until_found(stage: Stage, query: str) -> None:
    """Return once Prometheus finds something; raises RetryError."""
    missing = retry_if_result(lambda found: not found)
    await AsyncRetrying(retry=missing, wait=wait_fixed(0.5), stop=stop_after_delay(60))(asked, stage, query)


async def asked(stage: Stage, query: str) -> list[Any]:
    """The answer of the stage's Prometheus; fails when it does not understand the query."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{stage.world.prometheus_url}/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["result"])


async def test_every_series_is_exported(scene: Scene) -> None:
    """By the worker, under that name."""
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(scene.stage.worker_metrics)).text
    exported = set(re.findall(r"^(\w+)", page, re.MULTILINE)) | set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    named = {series for query in all_queries().values() for series in SERIES.findall(query)}
    assert named
    assert named - exported == set()


@pytest.mark.parametrize("panel", panel_queries())
async def test_every_panel_shows_something(scene: Scene, panel: str) -> None:
    """Its query is understood and finds something; a rate needs two scrapes of what was counted a moment ago."""
    await until_found(scene.stage, panel_queries()[panel])


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
async def test_every_alert_is_understood(scene: Scene, alert: str) -> None:
    """Its expression is one."""
    await asked(scene.stage, all_queries()[alert])
