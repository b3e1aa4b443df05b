"""The charts and the kustomize folders, installed by the real helm and kubectl on a real API server.

Where Serinus goes the cluster enforces the strictest of the pod security standards. kwok plays the kubelets, so pods
become ready without containers. The definition of Linkerd's AuthorizationPolicy is a stand-in that takes any fields.
"""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from k8s.client import Json
from playground.binaries import Binaries, Tools
from playground.charts import CHARTS, DEPLOY, Overlay, rendered
from playground.world import World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
GUIDES = (
    *("--set", "meshProvider=gatewayapi:v1beta1"),
    *("--set", "metricsServer=http://prometheus.linkerd-viz:9090"),
    *("--set", "linkerdAuthPolicy.create=true"),
)
EVERYTHING = (
    *("slack.url=https://hooks.slack.example/x", "slack.channel=general", "eventWebhook=http://events.example/"),
    *("linkerdAuthPolicy.create=true", "networkPolicy.enabled=true"),
    *("serviceMonitor.enabled=true", "prometheusRule.enabled=true"),
    *("temporal.tls.enabled=true", "temporal.tls.secretName=client", "temporal.tls.caSecretName=ca"),
    *("temporal.apiKey.secretName=key", "podPriorityClassName=system-cluster-critical", "image.pullSecret=registry"),
)
LOAD_TESTERS = ("networkPolicy.enabled=true", "rbac.create=true", "token.value=secret", "gates.persistent=true")
WAIT = "--timeout=90s"


def namespace(name: str, **labels: str) -> Json:
    """With labels."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def authorization_policies() -> Json:
    """The stand-in."""
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "authorizationpolicies.policy.linkerd.io"},
        "spec": {
            "group": "policy.linkerd.io",
            "scope": "Namespaced",
            "names": {"plural": "authorizationpolicies", "kind": "AuthorizationPolicy"},
            "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": anything}],
        },
    }


def storage() -> list[Json]:
    """A default class with two volumes: what a cluster has that can give volumes."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    volumes = [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "storageClassName": "by-hand",
                "persistentVolumeReclaimPolicy": "Retain",
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": "/nowhere"},
            },
        }
        for name in ("one", "two")
    ]
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "by-hand", "annotations": default},
            "provisioner": "kubernetes.io/no-provisioner",
        },
        *volumes,
    ]


@pytest.fixture(scope="module")
async def world(binaries: Binaries, tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A cluster of our own that has never heard of Serinus, with Linkerd's and the Prometheus Operator's kinds."""
    async with World(tmp_path_factory.mktemp("install"), binaries) as running:
        spaces = [namespace("serinus-system", **RESTRICTED), namespace("test"), namespace("linkerd-viz")]
        objects = [*spaces, authorization_policies(), *storage()]
        await running.kubectl("apply", "-f", "-", manifest=yaml.safe_dump_all(objects))
        await running.define(*tools.definitions.values())
        yield running


def run_helm_on(world: World, helm: Path, *words: str) -> str:
    """What helm prints, working on this cluster and with a home of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.folder), **world.addresses}
    done = subprocess.run([helm, *words], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def names(world: World, kind: str, *words: str) -> set[str]:
    """Of all objects of the kind."""
    listing = json.loads(await world.kubectl("get", kind, *words, "-o", "json"))
    return {obj["metadata"]["name"] for obj in listing["items"]}


async def test_the_guides_line(world: World, helm: Path) -> None:
    """Everything comes up, under the strictest pod security standard; when it goes, the Canaries stay."""
    chart = str(CHARTS / "serinus")
    said = run_helm_on(world, helm, "install", "serinus", chart, "-n", "serinus-system", *GUIDES)
    assert "WARNING: Temporal is a development server" in said
    await world.kubectl("-n", "serinus-system", "rollout", "status", "deployment/serinus", WAIT)
    await world.kubectl("-n", "serinus-system", "rollout", "status", "statefulset/serinus-temporal", WAIT)
    assert await names(world, "authorizationpolicies", "-n", "linkerd-viz") == {"prometheus-admin-serinus"}
    run_helm_on(
        world, helm, "upgrade", "serinus", chart, "-n", "serinus-system", "--reuse-values", "--set", "replicaCount=3"
    )
    await world.kubectl("-n", "serinus-system", "rollout", "status", "deployment/serinus", WAIT)
    run_helm_on(world, helm, "uninstall", "serinus", "-n", "serinus-system", "--wait")
    assert await names(world, "deployments", "-n", "serinus-system") == set()
    assert "serinus" not in await names(world, "clusterroles")
    assert "canaries.flagger.app" in await names(world, "customresourcedefinitions")
    await world.kubectl("get", "canaries", "--all-namespaces")


async def test_definitions_that_are_there_already(world: World, helm: Path) -> None:
    """As Flagger, kubectl or a former release left them: helm takes them over when it is told to."""
    await world.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEPLOY / "crds"))
    words = ("install", "serinus", str(CHARTS / "serinus"), "-n", "serinus-system", "--take-ownership")
    run_helm_on(world, helm, *words)
    run_helm_on(world, helm, "uninstall", "serinus", "-n", "serinus-system", "--wait")


async def test_the_load_tester(world: World, helm: Path) -> None:
    """Under the same standard; a token and a volume for its gates can be given later, and the volume goes with it."""
    words, chart = ("-n", "serinus-system"), str(CHARTS / "loadtester")
    rolled_out = (*words, "rollout", "status", "deployment/flagger-loadtester", WAIT)
    run_helm_on(world, helm, "install", "flagger-loadtester", chart, *words)
    await world.kubectl(*rolled_out)
    assert await names(world, "services", *words) == {"flagger-loadtester"}
    await world.kubectl(*words, "create", "secret", "generic", "loadtester", "--from-literal=token=secret")
    sets = ("--set", "token.secretName=loadtester,gates.persistent=true")
    run_helm_on(world, helm, "upgrade", "flagger-loadtester", chart, *words, *sets)
    await world.kubectl(*rolled_out)
    await world.kubectl(*words, "wait", "--for=jsonpath={.status.phase}=Bound", "pvc/flagger-loadtester", WAIT)
    run_helm_on(world, helm, "uninstall", "flagger-loadtester", *words, "--wait")
    assert "flagger-loadtester" not in await names(world, "persistentvolumeclaims", *words)


@pytest.mark.parametrize(
    "overlay",
    [
        Overlay("serinus", "all", "serinus-system", EVERYTHING),
        Overlay("serinus", "one", "serinus-system", ("namespace=test", "temporal.address=temporal:7233")),
        Overlay("loadtester", "tester", "test", LOAD_TESTERS),
    ],
    ids=["everything", "one-namespace", "loadtester"],
)
async def test_every_field_is_one_that_the_api_server_knows(world: World, helm: Path, overlay: Overlay) -> None:
    """Unknown and doubled fields are refused, where otherwise they would be dropped with a warning at most."""
    objects = [obj for each in rendered(helm, overlay).values() for obj in each]
    words = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "-f", "-")
    await world.kubectl(*words, manifest=yaml.safe_dump_all(objects))


@pytest.mark.parametrize(
    "folder", ["linkerd", "gatewayapi", "nginx", "gloo", "istio", "kubernetes", "tester", "podinfo"]
)
async def test_kubectl_apply(world: World, folder: str) -> None:
    """As the guide installs, one after the other over one another."""
    await world.kubectl("apply", "--validate=strict", "-k", str(DEPLOY / "kustomize" / folder))
    listing = json.loads(await world.kubectl("get", "-k", str(DEPLOY / "kustomize" / folder), "-o", "json"))
    assert listing["items"]
    for workload in (obj for obj in listing["items"] if obj["kind"] in ("Deployment", "StatefulSet")):
        words = ("-n", workload["metadata"]["namespace"], "rollout", "status")
        await world.kubectl(*words, f"{workload['kind']}/{workload['metadata']['name']}", WAIT)
