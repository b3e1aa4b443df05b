"""The API server's word on the definitions: what it accepts, what it keeps, what it refuses and how it says so."""

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from activities.templates import template_problem
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


URL = "write an absolute URL that begins with http:// or https://"
MATCH = "Invalid value: is for A/B testing: write iterations (such as 10) in place of stepWeight and stepWeights"
NO_QUERY = "Required value: write templateRef (the name of a MetricTemplate), or name one of the built-in metrics"
NO_BOUND = "Required value: write thresholdRange, such as {min: 99} for request-success-rate (percent)"
RANGE = "spec.analysis.metrics[0].thresholdRange: Invalid value: "
LADDER = "spec.analysis.stepWeights: Invalid value: write ascending weights from 1 to 100, each once"
KNATIVE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
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
    ("spec.analysis.stepWeight", 0.5, "spec.analysis.stepWeight in body must be of type integer"),
    ("spec.analysis.match", [{"headers": {"x-a": {"exact": "1"}}}], f"spec.analysis.match: {MATCH}"),
    ("spec.analysis.metrics.0", {"name": "mine"}, f"spec.analysis.metrics[0]: {NO_QUERY}"),
    ("spec.analysis.metrics.0", {"name": "mine", "query": ""}, f"spec.analysis.metrics[0]: {NO_QUERY}"),
    ("spec.analysis.metrics.0", {"name": "request-duration"}, f"spec.analysis.metrics[0]: {NO_BOUND}"),
    ("spec.analysis.metrics.0.thresholdRange", ABSENT, f"spec.analysis.metrics[0]: {NO_BOUND}"),
    (
        "spec.analysis.metrics.0.thresholdRange",
        {},
        f"{RANGE}without a bound every value passes; write min, max or both",
    ),
    (
        "spec.analysis.metrics.0.thresholdRange",
        {"min": 2, "max": 1},
        f"{RANGE}no value passes; write min not above max",
    ),
    ("spec.analysis.metrics.0.templateRef", {"name": ""}, "templateRef.name in body should be at least 1 chars long"),
    ("spec.analysis.metrics.0.name", ABSENT, "spec.analysis.metrics[0].name: Required value"),
    ("spec.analysis.alerts", [{"name": "on-call"}], "spec.analysis.alerts[0].providerRef: Required value"),
    (
        "spec.analysis.alerts",
        [{"name": "on-call", "severity": "fatal", "providerRef": {"name": "slack"}}],
        'severity: Unsupported value: "fatal": supported values: "", "info", "warn", "error"',
    ),
    ("spec.metricsServer", "prometheus:9090", f'spec.metricsServer: Invalid value: "prometheus:9090": {URL}'),
    ("spec.analysis.webhooks.0.url", "", "url in body should be at least 1 chars long"),
    ("spec.analysis.webhooks.0.retries", -1, "retries in body should be greater than or equal to 0"),
    ("spec.service.timeout", "10", 'spec.service.timeout: Invalid value: "10": write hours, minutes and seconds'),
    ("spec.service.backendTimeout", "10 s", "spec.service.backendTimeout: Invalid value"),
    ("spec.service.retries", {"perTryTimeout": "ten"}, "spec.service.retries.perTryTimeout: Invalid value"),
    ("spec.service", ABSENT, "spec.service: Required value: write the port that the target is reached at, such as"),
    ("spec.targetRef", KNATIVE, "spec.provider: Invalid value: write knative: no other provider splits the traffic"),
    (
        "spec.provider",
        "knative",
        "spec.targetRef: Invalid value: provider knative splits the traffic of a Knative Service",
    ),
    ("spec.targetRef.name", "", "spec.targetRef.name in body should be at least 1 chars long"),
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


def analysed(**analysis: Any) -> dict[str, Any]:
    """The guide's Canary with another way of analysis: fields that are replaced, or taken away."""
    canary = example("guide_canary", name="analysed")
    wanted = {**canary["spec"]["analysis"], "stepWeight": ABSENT, "maxWeight": ABSENT, **analysis}
    canary["spec"]["analysis"] = {field: value for field, value in wanted.items() if value is not ABSENT}
    return canary


def knative(**spec: Any) -> dict[str, Any]:
    """A Canary of a Knative Service, which needs no service of its own."""
    canary = example("guide_canary", name="knative")
    canary["spec"] = {"provider": "knative", "targetRef": KNATIVE, "analysis": canary["spec"]["analysis"], **spec}
    return canary


def without_router(canary: dict[str, Any]) -> dict[str, Any]:
    """The Canary, of a provider that divides no traffic."""
    canary["spec"]["provider"] = "kubernetes"
    return canary


@pytest.mark.parametrize("weights", [[20, 10], [10, 10], [0, 10], [10, 50, 20]], ids=str)
async def test_ladder(cluster: World, weights: list[int]) -> None:
    """Weights that do not ascend would hold a canary for ever."""
    assert LADDER in await refused(cluster, analysed(stepWeights=weights))


async def test_knative_scaler(cluster: World) -> None:
    """Knative scales by itself."""
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
    answer = await refused(cluster, knative(autoscalerRef=scaler))
    assert "spec.autoscalerRef: Forbidden: a Knative Service scales itself; remove autoscalerRef" in answer


HEADERS = [{"headers": {"x-canary": {"exact": "1"}}}]
TEMPLATED = {"name": "errors", "templateRef": {"name": "errors"}}
ACCEPTED = {
    "ladder": analysed(stepWeights=[1, 2, 10, 100]),
    "long ladder": analysed(stepWeights=list(range(1, 101))),
    "blue/green": analysed(iterations=10),
    "A/B": analysed(iterations=10, match=HEADERS),
    "no match": analysed(stepWeight=5, match=[]),
    "no steps": analysed(stepWeight=0),
    "a match that provider kubernetes leaves out": without_router(analysed(stepWeight=5, match=HEADERS)),
    "no metrics": analysed(stepWeight=5, metrics=[]),
    "a bound of zero": analysed(stepWeight=5, metrics=[{"name": "request-duration", "thresholdRange": {"max": 0}}]),
    "one value": analysed(stepWeight=5, metrics=[TEMPLATED | {"thresholdRange": {"min": 1, "max": 1}}]),
    "deprecated threshold": analysed(stepWeight=5, metrics=[{"name": "request-success-rate", "threshold": 0}]),
    "at most zero": analysed(stepWeight=5, metrics=[TEMPLATED, {"name": "mine", "query": "up"}]),
    "many metrics": analysed(stepWeight=5, metrics=[TEMPLATED] * 256),
    "Knative": knative(),
    "Knative with a service": knative(service={"port": 80}),
    "a core Service": changed("spec.targetRef", {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}),
    "the default metrics server": changed("spec.metricsServer", ""),
    "a URL in capitals": changed("spec.metricsServer", "HTTPS://prometheus:9090/prom"),
    "no timeout": changed("spec.service.timeout", "0"),
    "a timeout of Go's": changed("spec.service.timeout", "1h1.5m.5s100us"),
    "an empty timeout": changed("spec.service.timeout", ""),
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_accepted(cluster: World, case: str) -> None:
    """What Flagger acts on is no mistake."""
    await cluster.kubectl("apply", "--dry-run=server", "-f", "-", manifest=json.dumps(ACCEPTED[case]))


@pytest.mark.parametrize("path", ["spec.canaryAnalysis", "spec.analysis.stepWight"])
async def test_unknown_field(cluster: World, path: str) -> None:
    """Kubectl names it; a client that does not ask for strictness has it dropped, Flagger's former alias too."""
    canary = changed(path, {"interval": "1m"})
    assert f'unknown field "{path}"' in await refused(cluster, canary)
    words = ("create", "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-")
    kept = json.loads(await cluster.kubectl(*words, manifest=json.dumps(canary)))
    assert kept["spec"] == example("guide_canary")["spec"]


ALERT_PROVIDER = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "AlertProvider",
    "metadata": {"name": "on-call", "namespace": NAMESPACE},
    "spec": {"type": "slack", "address": "https://hooks.example.com/x", "channel": "on-call"},
}
METRIC_TEMPLATE: dict[str, Any] = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "MetricTemplate",
    "metadata": {"name": "errors", "namespace": NAMESPACE},
    "spec": {"provider": {"type": "prometheus", "headers": {"X-Scope": ["a"]}}, "query": "vector(1)"},
}


@pytest.mark.parametrize("manifest", [ALERT_PROVIDER, METRIC_TEMPLATE], ids=["alert", "metric"])
async def test_siblings(cluster: World, manifest: dict[str, Any]) -> None:
    """An AlertProvider and a MetricTemplate are kept as they are."""
    assert (await stored(cluster, manifest))["spec"] == manifest["spec"]


QUERIES = [
    "up",
    'sum(rate(x{namespace="{{ namespace }}",pod=~"{{ target }}-[0-9a-z]+"}[{{ interval }}]))',
    "{{name}}{{- service -}}{{ ingress -}} {{- route }}{{ variables.team }}{{ variables.a.b }}{{ variables }}",
    '{{ if eq name "podinfo" }}a{{ else if variables.x }}b{{ else }}c{{ end }}',
    '{{ range $k, $v := variables }}{{ $k }}{{ . }}{{ .x }}{{ end }}{{ printf "%s" name | print }}{{/* why */}}',
    '{{ "{{" }}{{ `}}` }}x}}',
    "x{a={{ name }}}}",
    "target=x&from=-{{\n  interval\n}}",
]
NAMES = "between {{ and }} write one of name, namespace, target, service, ingress, route, interval, or variables."
BRACES = "write }} after the last {{"


@pytest.mark.parametrize("query", QUERIES)
async def test_query(cluster: World, query: str) -> None:
    """What is a template of Go is taken, and kept as it is."""
    manifest = copy.deepcopy(METRIC_TEMPLATE)
    manifest["spec"]["query"] = query
    assert template_problem(query) == ""
    assert (await stored(cluster, manifest))["spec"] == manifest["spec"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("up{{ pod }}", NAMES),
        ("{{pod}}{{ name }}", NAMES),
        ("{{ names }}", NAMES),
        ("{{- variable.team -}}", NAMES),
        ("{{ name.x }}", NAMES),
        ("x{{ name ", BRACES),
        ("x{{ name }} {{ interval }", BRACES),
    ],
)
async def test_query_mistake(cluster: World, query: str, message: str) -> None:
    """A query that no rollout could use is refused on apply, with what to write."""
    manifest = copy.deepcopy(METRIC_TEMPLATE)
    manifest["spec"]["query"] = query
    refusal = await refused(cluster, manifest)
    assert "spec.query" in refusal
    assert message in refusal


@pytest.mark.parametrize(
    "spec", [{}, {"address": "https://x.test/", "secretRef": {"name": "slack"}}], ids=["no", "two"]
)
async def test_alert_address(cluster: World, spec: dict[str, Any]) -> None:
    """An AlertProvider with no address, or with two, is refused."""
    manifest = copy.deepcopy(ALERT_PROVIDER) | {"spec": {"type": "slack", **spec}}
    assert "write either address (the hook's URL) or secretRef" in await refused(cluster, manifest)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("address", "hooks.example.com", f'spec.address: Invalid value: "hooks.example.com": {URL}'),
        ("address", "", "spec.address in body should be at least 1 chars long"),
        ("proxy", "proxy:3128", f'spec.proxy: Invalid value: "proxy:3128": {URL} or socks5://'),
        ("type", "pager", 'spec.type: Unsupported value: "pager": supported values: "slack", "msteams", "discord"'),
    ],
)
async def test_alert_provider_mistake(cluster: World, field: str, value: str, message: str) -> None:
    """A mistake is refused, naming the field and what to write."""
    spec = {**ALERT_PROVIDER["spec"], field: value}  # type: ignore[dict-item]  # the spec is a dict
    assert message in await refused(cluster, ALERT_PROVIDER | {"spec": spec})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"provider": {"type": "prometheus"}}, "spec.query: Required value"),
        ({"provider": {"type": "prometheus"}, "query": ""}, "spec.query in body should be at least 1 chars long"),
        ({"query": "up"}, "spec.provider: Required value"),
        ({"provider": {"type": "promethues"}, "query": "up"}, 'spec.provider.type: Unsupported value: "promethues"'),
        (
            {"provider": {"type": "datadog", "secretRef": {"name": ""}}, "query": "up"},
            "spec.provider.secretRef.name in body should be at least 1 chars long",
        ),
        (
            {"provider": {"type": "prometheus", "address": "prometheus:9090"}, "query": "up"},
            f'spec.provider.address: Invalid value: "prometheus:9090": {URL}',
        ),
        (
            {"provider": {"type": "graphite"}, "query": "target=x"},
            "spec.provider.address: Required value: write the provider's base URL, such as http://graphite.monitoring",
        ),
        (
            {"provider": {"type": "datadog"}, "query": "avg:x{*}"},
            "spec.provider.secretRef: Required value: name a Secret with the provider's credentials, such as",
        ),
        (
            {"provider": {"type": "cloudwatch"}, "query": "[]"},
            "spec.provider.region: Required value: write the region, such as eu-central-1",
        ),
    ],
)
async def test_metric_template_mistake(cluster: World, spec: dict[str, Any], message: str) -> None:
    """The same for a MetricTemplate."""
    assert message in await refused(cluster, METRIC_TEMPLATE | {"spec": spec})
