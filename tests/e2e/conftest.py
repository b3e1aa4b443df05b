"""A cluster with real pods, and Serinus installed in it from images built here.

Not run unless asked: E2E_KUBECONFIG names a cluster's kubeconfig (the administrator's, of a cluster that is for tests),
E2E_LOAD a command that brings image archives to its nodes, such as `kind load image-archive`. The cluster must hold
the images of podinfo 6.0.0 to 6.0.2. E2E_IMAGE_FLAGS is handed to `make image`. Building wants root and buildah.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from k8s.client import Json
from playground.binaries import Tools
from playground.charts import CHARTS, DEPLOY

ROOT = DEPLOY.parent
SYSTEM, APPLICATION = "serinus-system", "test"
IMAGE = "serinus:0.1.0"
TOKEN = "of-the-callers"  # noqa: S105 - of a load tester that lives as long as the test
LABELS = {"e2e": "serinus"}
CLAIMS = 2
"""Temporal's volume, and that of the gates."""
BUILD_SECONDS = 1800


@dataclass(frozen=True)
class Installed:
    """The cluster, as its administrator sees it."""

    kubeconfig: Path

    def kubectl(self, *words: str, manifest: str | None = None) -> str:
        """What kubectl prints; fails with what it complained about."""
        return run("kubectl", *words, manifest=manifest, KUBECONFIG=str(self.kubeconfig))

    def apply(self, *objects: Json) -> None:
        """Create or update."""
        self.kubectl("apply", "-f", "-", manifest=yaml.safe_dump_all(objects))


def run(*words: str, manifest: str | None = None, **environment: str) -> str:
    """What a program prints; fails with what it complained about."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, **environment}
    done = subprocess.run(
        words,
        input=manifest,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=variables,
        timeout=BUILD_SECONDS,
    )
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def asked_for() -> tuple[Path, list[str]]:
    """The cluster's kubeconfig, and the command that loads images; skips when there is no such cluster."""
    kubeconfig, load = os.environ.get("E2E_KUBECONFIG"), os.environ.get("E2E_LOAD")
    if not kubeconfig or not load:
        pytest.skip("no cluster with real pods: set E2E_KUBECONFIG and E2E_LOAD, see tests/e2e/conftest.py")
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.skip("images are built with buildah, as root")
    return Path(kubeconfig), shlex.split(load)


@pytest.fixture(scope="module")
def installed(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The chart's Serinus with its own Temporal, the load tester and podinfo; all of it goes in the end."""
    kubeconfig, load = asked_for()
    cluster, folder = Installed(kubeconfig), tmp_path_factory.mktemp("e2e")
    for archive in (serinus_image(folder), temporal_image(folder)):
        run(*load, str(archive))
    helm = (str(tools.helm), "--kubeconfig", str(kubeconfig))
    give_volumes(cluster, folder)
    cluster.kubectl("create", "namespace", APPLICATION)
    install = (*helm, "install", "--wait", "--timeout", "5m")
    try:
        sets = ("--set", f"token.value={TOKEN},gates.persistent=true")
        run(*install, "flagger-loadtester", str(CHARTS / "loadtester"), "-n", APPLICATION, *sets)
        sets = ("--set", "meshProvider=kubernetes,minimumIntervalSeconds=2,networkPolicy.enabled=true")
        run(*install, "serinus", str(CHARTS / "serinus"), "-n", SYSTEM, "--create-namespace", *sets)
        cluster.kubectl("apply", "-k", str(DEPLOY / "kustomize" / "podinfo"))
        yield cluster
    finally:
        cluster.kubectl("delete", "canaries", "--all", "-n", APPLICATION, "--ignore-not-found", "--timeout=120s")
        run(*helm, "uninstall", "serinus", "-n", SYSTEM, "--wait", "--ignore-not-found")
        cluster.kubectl("delete", "namespace", APPLICATION, SYSTEM, "--ignore-not-found", "--timeout=120s")
        cluster.kubectl("delete", "persistentvolume,storageclass", "-l", "e2e=serinus", "--ignore-not-found")


def serinus_image(folder: Path) -> Path:
    """An archive of the image, under the name that the charts use."""
    run("make", "image", f"IMAGE={IMAGE}", "BUILDER=buildah", f"IMAGE_FLAGS={os.environ.get('E2E_IMAGE_FLAGS', '')}")
    return archived(f"localhost/{IMAGE}", f"docker.io/library/{IMAGE}", folder / "serinus.tar")


def temporal_image(folder: Path) -> Path:
    """An archive with the temporal that the playground runs, under the name of the image that the chart names."""
    dev = yaml.safe_load((CHARTS / "serinus" / "values.yaml").read_text())["temporal"]["dev"]["image"]
    name = f"{dev['repository']}:{dev['tag']}"
    container = run("buildah", "from", "scratch").strip()
    run("buildah", "add", container, str(Path(sys.executable).with_name("temporal")), "/usr/local/bin/temporal")
    run("buildah", "config", "--env", "PATH=/usr/local/bin", container)
    run("buildah", "commit", "--rm", container, f"localhost/{name}")
    return archived(f"localhost/{name}", f"docker.io/{name}", folder / "temporal.tar")


def archived(image: str, name: str, archive: Path) -> Path:
    """The image as an archive in which it has that name."""
    run("buildah", "push", image, f"docker-archive:{archive}:{name}")
    return archive


def give_volumes(cluster: Installed, folder: Path) -> None:
    """On this machine, which is the cluster's only node, where no class of the cluster's would give any."""
    if "(default)" in cluster.kubectl("get", "storageclasses"):
        return
    [node] = cluster.kubectl("get", "nodes", "-o", "name").split()
    storage_class: Json = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "e2e",
            "labels": LABELS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
    }
    volumes = [volume(folder / f"volume-{number}", node.removeprefix("node/")) for number in range(CLAIMS)]
    cluster.apply(storage_class, *volumes)


def volume(folder: Path, node: str) -> Json:
    """An empty folder of the node's, for the class above."""
    folder.mkdir()
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"e2e-{folder.name}", "labels": LABELS},
        "spec": {
            "storageClassName": "e2e",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
