"""With a key nothing of a rollout is readable in Temporal, and worker, commands and Temporal's own tools work."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict

from playground.binaries import Binaries
from playground.ports import LOOPBACK, free_ports
from playground.stage import Actor, Stage
from tests.integration.programs import run
from tests.integration.scenario import NAME, Scene, a_canary, temporal_of, unchecked
from tests.workflows.test_replay import texts_of

pytestmark = pytest.mark.integration

NAMESPACE = "sealed"
REASON = "seen enough"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """On a stage of its own, whose worker and commands have a key."""
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "keys").write_text(f"2026-11={base64.b64encode(os.urandom(32)).decode()}\n")
    async with AsyncExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("SERINUS_ENCRYPTION_KEYS_FILE", str(folder / "keys"))
        stage = await stack.enter_async_context(Stage(folder / "stage", binaries))
        yield await stack.enter_async_context(
            a_canary(stage, NAMESPACE, unchecked(NAMESPACE, approvals=["confirm-promotion"]))
        )


async def stored(scene: Scene) -> list[str]:
    """Every text that Temporal keeps of the canary's runs, as it keeps it; search attributes apart."""
    temporal = await temporal_of(scene.stage)
    texts: list[str] = []
    async for one in temporal.list_workflows(f'WorkflowId = "{scene.workflow_id}"'):
        handle = temporal.get_workflow_handle(one.id, run_id=one.run_id)
        history = json.loads((await handle.fetch_history()).to_json())
        for event in history["events"]:
            event.pop("upsertWorkflowSearchAttributesEventAttributes", None)
            for attributes in event.values():
                if isinstance(attributes, dict):
                    attributes.pop("searchAttributes", None)
        texts += texts_of(history)
        texts += texts_of(MessageToDict((await handle.describe()).raw_description.execution_config))
    return texts


async def test_a_release(scene: Scene) -> None:
    """It is looked at, promoted by a person and told; what was said and seen is nowhere to be read."""
    await scene.release("6.0.1")
    await scene.until_phase("WaitingPromotion")
    status = await run(scene.stage, "serinus", "status", NAME, "-n", NAMESPACE, "-o", "json")
    assert status.json[0]["phase"] == "WaitingPromotion", status.err
    promoted = await run(scene.stage, "serinus", "promote", NAME, "-n", NAMESPACE, "--reason", REASON)
    assert promoted.code == 0, promoted.err
    assert await scene.until_over() == "Succeeded"
    assert any(REASON in text for text in scene.texts)
    history = await run(scene.stage, "serinus", "history", NAME, "-n", NAMESPACE, "-o", "json")
    assert history.json[0]["state"] == "Succeeded"

    texts = await stored(scene)
    assert [text for text in texts if REASON in text or "Advance" in text or "weight" in text] == []


async def test_temporals_command_line_with_the_codec_server(scene: Scene) -> None:
    """It reads a history that is unreadable without."""
    (port,) = free_ports(1)
    address = f"http://{LOOPBACK}:{port}"
    codec = Actor("codec", ["worker", "codec-server", "--port", str(port)], f"{address}/healthz", scene.stage)
    show = ("temporal", "workflow", "show", "--workflow-id", scene.workflow_id, "--detailed")
    await codec.start()
    try:
        readable = await run(scene.stage, *show, "--codec-endpoint", address)
    finally:
        await codec.stop()
    assert '"phase":"' in readable.out
    assert '"phase":"' not in (await run(scene.stage, *show)).out
