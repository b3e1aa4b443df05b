"""Secrets planted in every place that may hold one are found nowhere, after releases that met everybody who is hostile.

Activity by activity, and each way to be refused, it is `tests/activities/test_secrets.py`.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict

from k8s.client import Json
from playground.binaries import Binaries
from playground.stage import Stage
from tests.integration.scenario import NAME, Scene, a_canary, podinfo_of, temporal_of, unchecked
from tests.planted import Echo, planted, traces
from tests.workflows.test_replay import texts_of

pytestmark = pytest.mark.integration

NAMESPACE = "secrets"
SECRET_VALUES = ("address", "token", "username", "password", "datadog_api_key", "datadog_application_key")
TEMPLATES = ("prometheus", "graphite", "datadog")


def an_object(kind: str, name: str, **fields: Any) -> Json:
    """One of Flagger's, or a Secret."""
    version = "v1" if kind == "Secret" else "flagger.app/v1beta1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}} | fields


def a_secret(echo: Echo) -> Json:
    """All keys that anything reads."""
    values = {key: planted(key) for key in SECRET_VALUES} | {"address": echo.url("/services")}
    return an_object("Secret", "planted", stringData=values)


def a_provider() -> Json:
    """A chat whose address and token are secret."""
    return an_object("AlertProvider", "chat", spec={"type": "slack", "secretRef": {"name": "planted"}})


def a_template(kind: str, echo: Echo) -> Json:
    """Asked with what the Secret holds, and a header beside."""
    provider = {"type": kind, "address": echo.url(), "secretRef": {"name": "planted"}}
    provider |= {"headers": {"X-Key": [planted("header")]}} if kind == "prometheus" else {}
    return an_object("MetricTemplate", kind, spec={"provider": provider, "query": "up"})


def podinfo_with_a_secret() -> list[Json]:
    """It reads one that is tracked."""
    objects = podinfo_of(NAMESPACE)
    objects[0]["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "settings"}}]
    return [an_object("Secret", "settings", stringData={"password": planted("config")}), *objects]


def hostile(echo: Echo) -> Json:
    """A Canary that asks and tells nobody but the echo, and gives up at once."""
    hook = {"url": echo.url("/gate"), "metadata": {"password": planted("metadata")}}
    return unchecked(
        NAMESPACE,
        threshold=1,
        metrics=[
            *({"name": kind, "templateRef": {"name": kind}, "thresholdRange": {"max": 1}} for kind in TEMPLATES),
            {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
        ],
        alerts=[{"name": "chat", "severity": "info", "providerRef": {"name": "chat"}}],
        webhooks=[{"name": kind, "type": kind} | hook for kind in ("pre-rollout", "rollout", "event")],
    )


@pytest.fixture(scope="module")
async def echo() -> AsyncIterator[Echo]:
    """Refuses everybody."""
    echo = Echo(status=403)
    runner = await echo.serve()
    yield echo
    await runner.cleanup()


@pytest.fixture(scope="module")
async def scene(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> AsyncIterator[Scene]:
    """On a stage of its own, whose worker's settings are secret and which logs all that it can."""
    settings = {
        "SERINUS_LOG_LEVEL": "debug",
        "SERINUS_SLACK_URL": echo.url("/chat"),
        "SERINUS_SLACK_TOKEN": planted("slack"),
        "SERINUS_SLACK_CHANNEL": "releases",
        "SERINUS_EVENT_WEBHOOK": echo.url("/events"),
        "AWS_SECRET_ACCESS_KEY": planted("aws"),
    }

    async def prepare(scene: Scene) -> None:
        templates = [a_template(kind, echo) for kind in TEMPLATES]
        await scene.apply(a_secret(echo), a_provider(), *templates, *podinfo_with_a_secret())

    async with AsyncExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in settings.items():
            environment.setenv(name, value)
        stage = await stack.enter_async_context(Stage(tmp_path_factory.mktemp("secrets"), binaries))
        yield await stack.enter_async_context(a_canary(stage, NAMESPACE, unchecked(NAMESPACE), prepare))


async def everything(scene: Scene) -> str:
    """All that is kept or told of the canary, save for Secrets and for the specs in which users wrote the secrets."""
    texts = [(scene.stage.world.folder / "logs" / "worker.log").read_text()]
    temporal = await temporal_of(scene.stage)
    async for run in temporal.list_workflows(f'WorkflowId = "{scene.workflow_id}"'):
        handle = temporal.get_workflow_handle(run.id, run_id=run.run_id)
        texts += texts_of(json.loads((await handle.fetch_history()).to_json()))
        texts += texts_of(MessageToDict((await handle.describe()).raw_description))
    texts.append(await scene.kubectl("get", "events", "-o", "json"))
    texts.append(json.dumps((await scene.read("canary", NAME))["status"]))
    async with httpx.AsyncClient(trust_env=False) as http:
        texts.append((await http.get(scene.stage.worker_metrics)).text)
    return "\n".join(texts)


async def test_no_secret_is_told(scene: Scene, echo: Echo) -> None:
    """Neither by a release that is promoted with a new Secret, nor by one that everybody refuses."""
    new = an_object("Secret", "settings", stringData={"password": planted("new-config")})
    await scene.apply(new)
    await scene.release("6.0.1")
    assert await scene.until_over() == "Succeeded"
    await scene.apply(hostile(echo))
    await scene.release("6.0.2")
    await scene.until_event("Halt ")
    assert await scene.until_over() == "Failed"
    await scene.until_event("Alert to chat")

    text = await everything(scene)
    assert "403" in text  # the refusals are told
    assert traces(text) == []


async def test_the_demand_for_secrets_is_met(scene: Scene) -> None:
    """They reached whoever needs them: the primary's copy holds the Secret's value."""
    copy = await scene.read("secret", "settings-primary")
    assert traces(copy["data"]["password"])
