"""The API server's word on the definitions: what it accepts, what it keeps, what it refuses and how it says so."""

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from k8s.models.loading import load_canary
from playground.kubectl import KubectlFailed
from playground.stage import Stage
from playground.world import World

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "k8s" / "data"
NAMESPACE = "crds"
ABSENT = object()
DURATION = "write minutes and seconds, such as 30s, 1m or 1m30s"
OUTSIDE = "in body should be less than or equal to"
EXCLUSIVE = (
    "spec.analysis: Invalid value: iterations, stepWeight and stepWeights exclude each other: keep stepWeight or"
)


def example(file: str, **metadata: str) -> dict[str, Any]:
    """A Canary of the test data, in a namespace of our own."""
    canary: dict[str, Any] = yaml.safe_load((DATA / f"{file}.yaml").read_text())
    canary["metadata"] |= {"namespace": NAMESPACE, **metadata}
    return canary


def changed(path: str, value: Any) -> dict[str, Any]:
    """The guide's Canary with one value replaced, or taken away."""
    canary = example("guide_canary", name="bad")
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node: Any = canary
    for step in way:
        node = node[step]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return canary


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(stage: Stage) -> AsyncIterator[World]:
    """The definitions as they are deployed, and a namespace that goes in the end; no worker touches the Canaries."""
    world = stage.world
    await stage.worker.stop()
    await world.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "deploy" / "crds"))
    crds = [
        f"customresourcedefinition/{kind}.flagger.app" for kind in ("canaries", "metrictemplates", "alertproviders")
    ]
    await world.kubectl("wait", "--for=condition=Established", "--timeout=30s", *crds)
    await world.kubectl("create", "namespace", NAMESPACE)
    yield world
    await world.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    await stage.worker.start()


async def stored(world: World, manifest: dict[str, Any]) -> dict[str, Any]:
    """Apply, and read what the server keeps."""
    await world.kubectl("apply", "-f", "-", manifest=json.dumps(manifest))
    kind, name = manifest["kind"].lower(), manifest["metadata"]["name"]
    answer: dict[str, Any] = json.loads(await world.kubectl("get", kind, name, "-n", NAMESPACE, "-o", "json"))
    return answer


async def refused(world: World, manifest: dict[str, Any]) -> str:
    """What the server says to an object it does not take."""
    with pytest.raises(KubectlFailed) as refusal:
        await world.kubectl("apply", "--dry-run=server", "-f", "-", manifest=json.dumps(manifest))
    return str(refusal.value)


@pytest.mark.parametrize("name", ["guide_canary", "guide_custom_metric", "guide_ab_testing"])
async def test_guide(cluster: World, name: str) -> None:
    """Each spec of the Linkerd guide is accepted and kept as it is, and loads."""
    canary = example(name, name=name.replace("_", "-"))
    answer = await stored(cluster, canary)
    assert answer["spec"] == canary["spec"]
    assert load_canary(answer).spec.as_json() == canary["spec"]


async def test_every_field(cluster: World) -> None:
    """Of a Canary with every field of Flagger's the server keeps all, spec and status."""
    canary = example("every_field")
    status = canary["status"] | {"observedGeneration": 1, "haltReason": "x", "configVersions": {"secret/podinfo": "7"}}
    await stored(cluster, canary)
    patch = ("patch", "canary", "everything", "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p")
    await cluster.kubectl(*patch, json.dumps({"status": status}))
    answer = json.loads(await cluster.kubectl("get", "canary", "everything", "-n", NAMESPACE, "-o", "json"))
    assert (answer["spec"], answer["status"]) == (canary["spec"], status)


async def test_defaults(cluster: World) -> None:
    """A gateway reference without kind is one of a Gateway, and a cookie without age lives for a day."""
    canary = example("guide_canary", name="defaults")
    canary["spec"]["service"]["gatewayRefs"] = [{"name": "public"}]
    canary["spec"]["analysis"]["sessionAffinity"] = {"cookieName": "canary"}
    spec = (await stored(cluster, canary))["spec"]
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
    assert spec["service"]["gatewayRefs"] == [gateway]
    assert spec["analysis"]["sessionAffinity"] == {"cookieName": "canary", "maxAge": 86400}


async def test_columns(cluster: World) -> None:
    """`kubectl get canaries` shows what scripts look for."""
    await stored(cluster, example("guide_canary", name="columns"))
    status = {"phase": "Progressing", "canaryWeight": 15, "failedChecks": 2}
    patch = ("patch", "canary", "columns", "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p")
    await cluster.kubectl(*patch, json.dumps({"status": status | {"lastTransitionTime": "2019-06-30T14:05:07Z"}}))
    words = ("get", "canaries", "columns", "-n", NAMESPACE)
    head, row = (line.split() for line in (await cluster.kubectl(*words)).splitlines())
    assert head == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"]
    assert row == ["columns", "Progressing", "15", "2019-06-30T14:05:07Z"]
    wide = (await cluster.kubectl(*words, "-o", "wide")).splitlines()[0].split()
    assert wide == [
        *("NAME", "STATUS", "WEIGHT", "SUSPENDED", "FAILEDCHECKS", "INTERVAL", "MIRROR"),
        *("STEPWEIGHT", "STEPWEIGHTS", "MAXWEIGHT", "LASTTRANSITIONTIME"),
    ]


MISTAKES = [
    ("spec.analysis.interval", ABSENT, "Required value: write how long to wait between two checks, such as 30s"),
    ("spec.analysis.interval", "ten", f'Invalid value: "ten": {DURATION}'),
    ("spec.analysis.interval", "10sec", f'Invalid value: "10sec": {DURATION}'),
    ("spec.analysis.interval", "1h", f'Invalid value: "1h": {DURATION}'),
    ("spec.analysis.metrics.0.interval", "1", f'spec.analysis.metrics[0].interval: Invalid value: "1": {DURATION}'),
    ("spec.analysis.webhooks.0.timeout", "5 s", f'spec.analysis.webhooks[0].timeout: Invalid value: "5 s": {DURATION}'),
    ("spec.analysis.threshold", ABSENT, "Required value: write the number of failed checks that means rollback"),
    ("spec.analysis.stepWeight", ABSENT, "spec.analysis: Required value: write stepWeight (such as 5) or stepWeights"),
    ("spec.analysis.iterations", 5, EXCLUSIVE),
    ("spec.analysis.stepWeights", [5, 10], EXCLUSIVE),
    ("spec.analysis.stepWeight", 101, f"spec.analysis.stepWeight {OUTSIDE} 100"),
    ("spec.analysis.stepWeight", -1, "spec.analysis.stepWeight in body should be greater than or equal to 0"),
    ("spec.analysis.maxWeight", 150, f"spec.analysis.maxWeight {OUTSIDE} 100"),
    ("spec.analysis.stepWeights", [300], f"spec.analysis.stepWeights[0] {OUTSIDE} 100"),
    ("spec.analysis.mirrorWeight", 101, f"spec.analysis.mirrorWeight {OUTSIDE} 100"),
    ("spec.analysis.stepWeightPromotion", 101, f"spec.analysis.stepWeightPromotion {OUTSIDE} 100"),
    ("spec.analysis.primaryReadyThreshold", 101, f"spec.analysis.primaryReadyThreshold {OUTSIDE} 100"),
    ("spec.analysis.canaryReadyThreshold", 101, f"spec.analysis.canaryReadyThreshold {OUTSIDE} 100"),
    ("spec.analysis.webhooks.0.url", ABSENT, "spec.analysis.webhooks[0].url: Required value"),
    ("spec.analysis.webhooks.0.name", ABSENT, "spec.analysis.webhooks[0].name: Required value"),
    ("spec.analysis.webhooks.0.url", "podinfo.test/", "write an absolute URL that begins with http:// or https://"),
    ("spec.analysis.webhooks.0.type", "pre", 'supported values: "", "confirm-rollout", "pre-rollout", "rollout"'),
    ("spec.analysis.match", [{"headers": {"x-a": {}}}], "write exactly one of exact, prefix, suffix and regex"),
    (
        "spec.analysis.match",
        [{"queryParams": {"a": {"exact": "1", "regex": "1"}}}],
        "write only one of exact, prefix and regex",
    ),
    (
        "spec.analysis.sessionAffinity",
        {"cookieName": "a", "primaryCookieName": "a"},
        "primaryCookieName: Invalid value: write a name other than that of cookieName",
    ),
    ("spec.provider", "gatewayapi", 'supported values: "apisix", "appmesh"'),
    ("spec.targetRef.kind", "StatefulSet", 'supported values: "DaemonSet", "Deployment", "Service"'),
    ("spec.service.port", ABSENT, "spec.service.port: Required value"),
    ("spec.service.port", 70000, f"spec.service.port {OUTSIDE} 65535"),
    ("spec.service.port", "http", "spec.service.port in body must be of type integer"),
    ("spec.progressDeadlineSeconds", -1, "in body should be greater than or equal to 0"),
    ("spec.analysis", ABSENT, "spec.analysis: Required value"),
    ("spec.targetRef", ABSENT, "spec.targetRef: Required value"),
    ("spec", ABSENT, "spec: Required value"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[f"{m[0]}-{n}" for n, m in enumerate(MISTAKES)])
async def test_mistake(cluster: World, path: str, value: Any, message: str) -> None:
    """A mistake is refused on apply, naming the field and what to write."""
    assert message in await refused(cluster, changed(path, value))


ALERT_PROVIDER = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "AlertProvider",
    "metadata": {"name": "on-call", "namespace": NAMESPACE},
    "spec": {"type": "slack", "address": "https://hooks.example.com/x", "channel": "on-call"},
}
METRIC_TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "errors", "namespace": NAMESPACE},
    "spec": {"provider": {"type": "prometheus", "headers": {"X-Scope": ["a"]}}, "query": "vector(1)"},
}


@pytest.mark.parametrize("manifest", [ALERT_PROVIDER, METRIC_TEMPLATE], ids=["alert", "metric"])
async def test_siblings(cluster: World, manifest: dict[str, Any]) -> None:
    """An AlertProvider and a MetricTemplate are kept as they are."""
    assert (await stored(cluster, manifest))["spec"] == manifest["spec"]


@pytest.mark.parametrize(
    "spec", [{}, {"address": "https://x.test/", "secretRef": {"name": "slack"}}], ids=["no", "two"]
)
async def test_alert_address(cluster: World, spec: dict[str, Any]) -> None:
    """An AlertProvider with no address, or with two, is refused."""
    manifest = copy.deepcopy(ALERT_PROVIDER) | {"spec": {"type": "slack", **spec}}
    assert "write either address (the hook's URL) or secretRef" in await refused(cluster, manifest)
