"""Chats behind real AlertProviders, and an event webhook, hear of a bootstrap and of a release."""

import json

import pytest
from aiohttp import web

from k8s.client import Json
from playground.stage import Stage
from tests.integration.scenario import NAME, Scene, a_canary, temporal_of, unchecked
from tests.receiver import PATH, Receiver
from tests.workflows.test_replay import texts_of

pytestmark = pytest.mark.integration

NAMESPACE = "alerts"
REFUSED = f"Alert to void.{NAMESPACE} failed: 403 nobody reads /***/***/***"
SECRETS = ("s3cretpart", "xoxb-t0ken")


def a_provider(name: str, receiver: Receiver) -> list[Json]:
    """A Slack whose address and token stand in a Secret."""
    metadata = {"name": name, "namespace": NAMESPACE}
    secret = {"address": receiver.address, "token": "xoxb-t0ken"}
    spec = {"type": "slack", "channel": "releases", "secretRef": {"name": name}}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": secret},
        {"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": metadata, "spec": spec},
    ]


async def test_chats_and_an_event_webhook_hear_of_a_release(stage: Stage) -> None:
    """In order and in full; one that refuses is named once, and no secret is told or kept."""
    chat, void, audit = Receiver(), Receiver(), Receiver()
    void.answer = lambda: web.Response(status=403, text=f"nobody reads {PATH}")
    async with chat.serving(), void.serving(), audit.serving():
        canary = unchecked(
            NAMESPACE,
            alerts=[{"name": name, "providerRef": {"name": name}} for name in ("chat", "void")],
            webhooks=[{"name": "audit", "type": "event", "url": audit.address}],
        )

        async def prepare(scene: Scene) -> None:
            await scene.apply(*a_provider("chat", chat), *a_provider("void", void))

        async with a_canary(stage, NAMESPACE, canary, prepare) as scene:
            await scene.until(lambda: REFUSED in scene.texts, "the alert of the bootstrap")
            await scene.release()
            assert await scene.until_over() == "Succeeded"
            await scene.until(lambda: len(chat.told) == 3, "three alerts")
            await scene.until(lambda: published(audit)[-1:] == scene.texts[-1:], "the last event")

            assert [alert["attachments"][0]["text"] for alert in chat.bodies] == [
                "New Deployment detected, initialization completed.",
                "New revision detected, progressing canary analysis.",
                "Canary analysis completed successfully, promotion finished.",
            ]
            assert {told.headers["Authorization"] for told in chat.told} == {"Bearer xoxb-t0ken"}
            assert chat.bodies[1]["attachments"][0]["fields"][0]["value"] == f"Deployment/{NAME}.{NAMESPACE}"
            assert scene.texts.count(REFUSED) == 1
            assert published(audit)[-len(scene.texts) :] == scene.texts
            texts = [*await kept(scene), (stage.world.folder / "logs" / "worker.log").read_text()]
            assert [text for text in texts if any(secret in text for secret in SECRETS)] == []


def published(audit: Receiver) -> list[str]:
    """The texts of the events that the webhook was told."""
    return [body["metadata"]["eventMessage"] for body in audit.bodies]


async def kept(scene: Scene) -> list[str]:
    """Everything that Temporal keeps of the last run."""
    handle = (await temporal_of(scene.stage)).get_workflow_handle(scene.workflow_id)
    return list(texts_of(json.loads((await handle.fetch_history()).to_json())))
