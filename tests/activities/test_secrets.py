"""Secrets planted in every place that may hold one are found in nothing that activities leave behind.

Everybody outside is malicious: whoever is asked sends all of the question back in a refusal. What Temporal keeps, what
the cluster is told, the logs and the metrics are searched for it; the same on the whole stage is
`tests/integration/test_secrets.py`.
"""

import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToJson
from prometheus_client import generate_latest
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.alert import AlertChat
from activities.alerts.destination import Destination
from activities.alerts.registry import SINKS
from activities.bench import Bench, Defaults
from activities.checks import Examine
from activities.faults import FaultInterceptor
from activities.hooks import CallHook
from activities.http import Http
from activities.observe import Observe
from activities.probe import Probe
from activities.promote import Promote
from activities.providers.registry import PROVIDERS
from activities.publish import Publish
from activities.report import Reporter
from k8s.client import Cluster
from k8s.informer_factory import InformerFactory
from k8s.resources import ALERT_PROVIDERS, CANARIES, DEPLOYMENTS, METRIC_TEMPLATES, SECRETS
from k8s.revision import config_checksum, template_hash
from tests.activities.provider_fixtures import google_key
from tests.activities.vendors import CLOUDWATCH_QUERY, VENDORS
from tests.api_server import KUBECONFIG, ApiServer
from tests.objects import a_canary, a_deployment, a_template, an_analysis
from tests.planted import MARK, Echo, planted, traces
from worker.logs import TALKATIVE
from workflows.effects import Alert, Alerts, Examination, Happening, HookCall, Look, Promotion, Publication, Report
from workflows.observation import Phase, Receiver, Revision, Severity

__all__ = ["google_key"]

Json = dict[str, Any]
PODINFO = Look(namespace="test", name="podinfo")
REVISION = Revision(template="s1-new")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_traces_are_found() -> None:
    """However a secret is wrapped; else everything below proves nothing."""
    secret = planted("here")
    for shift in range(3):
        assert traces(base64.b64encode(f"{'u' * shift}{secret}".encode()).decode())
    assert traces(f"said {secret}.")
    assert traces(quote(secret, safe=""))
    assert not traces("said ***.")


@pytest_asyncio.fixture(params=[401, 503, 200, 302, 0], ids=lambda status: str(status or "away"))
async def echo(request: pytest.FixtureRequest) -> AsyncIterator[Echo]:
    """One that answers with that status; 0: nobody listens any more."""
    echo = Echo(status=request.param)
    runner = await echo.serve()
    if not echo.status:
        await runner.cleanup()
    yield echo
    await runner.cleanup()


class Ledger:
    """Runs activities as the worker would, and keeps all that they leave behind."""

    def __init__(self, bench: Bench, api: ApiServer, log: pytest.LogCaptureFixture) -> None:
        self.bench, self._api, self._log = bench, api, log
        self._kept: list[str] = []

    async def run(self, activity: Callable[[Any], Any], order: Any) -> None:
        """Once, with a second attempt's manners: result, or failure with its causes, as the history would hold it."""
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_details=[{"refusals": 1}])
        environment.on_heartbeat = lambda *details: self._kept.append(repr(details))
        following = FaultInterceptor(self.bench, Reporter(self.bench)).intercept_activity(_Calling(activity))
        call = ExecuteActivityInput(fn=activity, args=[order], executor=None, headers={})
        try:
            result = await environment.run(following.execute_activity, call)
        except Exception as error:  # noqa: BLE001 - whatever fails an activity is kept by Temporal
            failure = Failure()
            await pydantic_data_converter.encode_failure(error, failure)
            self._kept.append(MessageToJson(failure))
        else:
            payloads = await pydantic_data_converter.encode([result])
            self._kept += [payload.data.decode() for payload in payloads]

    def everything(self) -> str:
        """What Temporal keeps, the cluster was told, was logged, and is exported."""
        told = {str(where): obj for where, obj in self._api.objects.items() if where.plural == "events"}
        statuses = [obj.get("status") for obj in self._api.objects.values()]
        metrics = generate_latest(self.bench.meters.registry).decode()
        return "\n".join([*self._kept, json.dumps([told, statuses]), self._log.text, metrics])


class _Calling(ActivityInboundInterceptor):
    """The end of the chain."""

    def __init__(self, activity: Callable[[Any], Any]) -> None:
        self._activity = activity

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - theirs
        """Call it."""
        return await self._activity(*input.args)


@pytest_asyncio.fixture
async def ledger(
    api: ApiServer, tmp_path: Path, echo: Echo, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ledger]:
    """A worker's bench whose every setting that may be secret is, logging all it can."""
    caplog.set_level(logging.DEBUG)
    for name in (*TALKATIVE, "aiohttp.access"):  # the last one is the log of whoever is asked
        caplog.set_level(logging.WARNING, name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, planted(name))
    kubeconfig = tmp_path / "kubeconfig"
    server = str(api.server.make_url("")).rstrip("/")
    kubeconfig.write_text(KUBECONFIG.format(server=server).replace("t0ken", planted("kubeconfig")))
    chat = Destination("slack", echo.url("/services"), token=planted("slack-token"))
    defaults = Defaults(metrics_server=echo.url(), chat=chat, event_webhook=echo.url("/events"))
    async with Cluster.connect(kubeconfig) as cluster, httpx.AsyncClient(trust_env=False) as client:
        yield Ledger(Bench(cluster, InformerFactory(cluster), Http(client), defaults), api, caplog)


def encoded(**data: str) -> Json:
    """A Secret."""
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


async def test_webhooks(ledger: Ledger, api: ApiServer, echo: Echo) -> None:
    """Their URLs' credentials and their metadata, in hooks, checks and events."""
    hook = {"url": echo.url("/gate"), "metadata": {"password": planted("metadata")}}
    webhooks = [{"name": kind, "type": kind} | hook for kind in ("confirm-rollout", "rollout", "event")]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=webhooks)))
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    call = HookCall(
        canary=PODINFO, type="confirm-rollout", name="confirm-rollout", phase=Phase.PROGRESSING, revision=REVISION
    )
    happening = Happening(text="New revision detected!", at=NOW, phase=Phase.PROGRESSING)

    await ledger.run(CallHook(ledger.bench).call_hook, call)
    await ledger.run(Examine(ledger.bench).examine, Examination(canary=PODINFO, revision=REVISION, canary_since=NOW))
    await ledger.run(Publish(ledger.bench).publish, Publication(canary=PODINFO, hook="event", happenings=(happening,)))

    assert traces(ledger.everything()) == []


async def test_settings(ledger: Ledger, api: ApiServer) -> None:
    """The worker's own Prometheus, chat and event webhook."""
    metrics = [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(metrics=metrics)))
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())
    happening = Happening(text="New revision detected!", at=NOW, phase=Phase.PROGRESSING)
    alert = Alert(text="failed", severity=Severity.ERROR)

    await ledger.run(Probe(ledger.bench).probe, PODINFO)
    await ledger.run(Examine(ledger.bench).examine, Examination(canary=PODINFO, revision=REVISION, canary_since=NOW))
    await ledger.run(Publish(ledger.bench).publish, Publication(canary=PODINFO, hook="events", happenings=(happening,)))
    await ledger.run(
        AlertChat(ledger.bench).alert, Alerts(canary=PODINFO, receiver=Receiver(provider="slack"), alerts=(alert,))
    )

    assert traces(ledger.everything()) == []


@pytest.mark.parametrize("kind", sorted(SINKS))
@pytest.mark.parametrize("proxied", [False, True])
async def test_chats(ledger: Ledger, api: ApiServer, echo: Echo, kind: str, proxied: bool) -> None:
    """An AlertProvider's address, token and proxy."""
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    await api.put(
        SECRETS.path("test", "chat"),
        encoded(address=f"{echo.url()}/{planted('path')}", token=planted("token")),
    )
    spec = {"type": kind, "secretRef": {"name": "chat"}} | ({"proxy": echo.url()} if proxied else {})
    await api.put(ALERT_PROVIDERS.path("test", "chat"), {"spec": spec})
    order = Alerts(
        canary=PODINFO,
        receiver=Receiver(provider="chat", namespace="test"),
        alerts=(Alert(text="failed", severity=Severity.ERROR),),
    )

    await ledger.run(AlertChat(ledger.bench).alert, order)

    assert traces(ledger.everything()) == []


@pytest.mark.parametrize("kind", sorted(PROVIDERS))
async def test_providers(ledger: Ledger, api: ApiServer, echo: Echo, google_key: str, kind: str) -> None:
    """A MetricTemplate's address, headers and every key of its Secret."""
    keys = {key for vendor in VENDORS for key in vendor.secret} | {"token"}
    secret = {key: planted(key) for key in keys} | {"serviceAccountKey": _google_key_of(google_key, echo)}
    if kind == "prometheus":
        del secret["token"]  # goes before user and password, which are told to be sent here
    await api.put(SECRETS.path("test", "errors"), encoded(**secret))
    provider = {"type": kind, "address": echo.url(), "region": "eu-central-1", "secretRef": {"name": "errors"}}
    provider["headers"] = {"X-Key": [f"Bearer {planted('header')}"]}
    query = CLOUDWATCH_QUERY if kind == "cloudwatch" else "keptnmetric/test/errors" if kind == "keptn" else "test/x"
    await api.put(METRIC_TEMPLATES.path("test", "errors"), {"spec": {"provider": provider, "query": query}})
    metrics = [{"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}]
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(metrics=metrics)))
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment())

    await ledger.run(Probe(ledger.bench).probe, PODINFO)
    await ledger.run(Examine(ledger.bench).examine, Examination(canary=PODINFO, revision=REVISION, canary_since=NOW))

    assert traces(ledger.everything()) == []


def _google_key_of(google_key: str, echo: Echo) -> str:
    """Tokens of it come from the same address, and are asked for in a planted name."""
    return google_key.replace("@token_uri@", echo.url()).replace("serinus@", f"{MARK}@")


async def test_tracked_configs(ledger: Ledger, api: ApiServer) -> None:
    """What stands in a Secret of the target is copied, and only its checksum is told."""
    template = a_template()
    template["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "settings"}}]
    settings = encoded(password=planted("config"))
    await api.put(CANARIES.path("test", "podinfo"), a_canary())
    await api.put(DEPLOYMENTS.path("test", "podinfo"), a_deployment(template=template))
    await api.put(DEPLOYMENTS.path("test", "podinfo-primary"), a_deployment("podinfo-primary"))
    await api.put(SECRETS.path("test", "settings"), settings)
    revision = Revision(template=template_hash(template), configs={"secret/settings": config_checksum(settings)})
    report = Report(canary=PODINFO, phase=Phase.FINALISING, promoted=revision, condition=("Unknown", "told"))

    await ledger.run(Observe(ledger.bench).observe, PODINFO)
    await ledger.run(
        Promote(ledger.bench, Reporter(ledger.bench)).promote,
        Promotion(canary=PODINFO, revision=revision, report=report),
    )

    copy = api.read(SECRETS.path("test", "settings-primary"))
    assert copy is not None
    assert copy["data"] == settings["data"]
    assert traces(ledger.everything()) == []


async def test_specs_with_mistakes(ledger: Ledger, api: ApiServer) -> None:
    """They are told without what stands in fields that may be secret, down to the last cause."""
    webhooks = [{"name": "gate", "url": [planted("url")], "metadata": {"password": [planted("metadata")]}}]
    metrics = [{"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}]
    provider = {"type": "prometheus", "address": [planted("address")], "headers": {"X-Key": planted("header")}}
    await api.put(METRIC_TEMPLATES.path("test", "errors"), {"spec": {"provider": provider, "query": "up"}})
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(webhooks=webhooks)))
    await ledger.run(Observe(ledger.bench).observe, PODINFO)
    await ledger.run(Probe(ledger.bench).probe, PODINFO)
    await api.put(CANARIES.path("test", "podinfo"), a_canary(analysis=an_analysis(metrics=metrics)))
    await ledger.run(Probe(ledger.bench).probe, PODINFO)

    text = ledger.everything()
    assert "spec.analysis.webhooks[0].url: ***" in text
    assert "spec.provider.headers.X-Key: ***" in text
    assert traces(text) == []
