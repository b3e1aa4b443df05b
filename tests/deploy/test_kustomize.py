"""The kustomize files follow the charts, and each folder is one that kubectl takes."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.client import Json
from k8s.routers.registry import ROUTERS
from playground.binaries import ensure_programs
from playground.charts import DEPLOY, files

KUSTOMIZE = DEPLOY / "kustomize"
FOLDERS = sorted(path.parent.name for path in KUSTOMIZE.glob("*/kustomization.yaml"))
WITH_A_WORKER = [name for name in FOLDERS if name not in ("base", "podinfo", "tester")]


def kustomized(folder: str) -> list[Json]:
    """What `kubectl apply -k` would send."""
    kubectl = asyncio.run(ensure_programs()).kubectl
    text = subprocess.run([kubectl, "kustomize", KUSTOMIZE / folder], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def only(objects: list[Json], kind: str) -> Json:
    """The one object of the kind."""
    [found] = [obj for obj in objects if obj["kind"] == kind]
    return found


def test_the_generated_files_are_those_of_the_charts(helm: Path) -> None:
    """None is missing, none is left over; `make deploy` writes them."""
    made = {KUSTOMIZE / path: text for path, text in files(helm)}
    by_hand = {*KUSTOMIZE.glob("*/kustomization.yaml"), KUSTOMIZE / "base/namespace.yaml", *KUSTOMIZE.glob("podinfo/*")}
    assert {path: path.read_text() for path in made} == made
    assert set(KUSTOMIZE.glob("*/*")) == made.keys() | by_hand


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_of_a_folder_is_part_of_it(folder: str) -> None:
    """What is generated beside a kustomization is applied with it."""
    said: dict[str, Any] = yaml.safe_load((KUSTOMIZE / folder / "kustomization.yaml").read_text())
    files_there = {path.name for path in (KUSTOMIZE / folder).iterdir()} - {"kustomization.yaml"}
    assert files_there == {name for name in said["resources"] if "/" not in name}


@pytest.mark.parametrize("folder", WITH_A_WORKER)
def test_an_overlay_names_a_provider_and_a_prometheus(folder: str) -> None:
    """Of those that there are; the rest is the base's."""
    environment = {
        each["name"]: each.get("value")
        for each in only(kustomized(folder), "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert environment["SERINUS_MESH_PROVIDER"] in ROUTERS
    assert environment["SERINUS_METRICS_SERVER"].startswith("http://prometheus")
    assert environment["TEMPORAL_ADDRESS"] == "serinus-temporal:7233"


def test_linkerds_prometheus_answers_the_worker() -> None:
    """By the ServiceAccount of the same folder."""
    objects = kustomized("linkerd")
    [account] = only(objects, "AuthorizationPolicy")["spec"]["requiredAuthenticationRefs"]
    assert account["name"] == only(objects, "ServiceAccount")["metadata"]["name"]
    assert account["namespace"] == only(objects, "Namespace")["metadata"]["name"]


def test_the_guides_canary_finds_the_load_tester() -> None:
    """Under the host that its webhooks call."""
    service = only(kustomized("tester"), "Service")
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("flagger-loadtester", "test")
    assert service["spec"]["ports"][0]["port"] == 80
