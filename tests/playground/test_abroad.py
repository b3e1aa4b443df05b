"""The demo in somebody's cluster: what it refuses, and what it says of what it leaves. kubectl is a script here."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from playground import demo_cli
from playground.abroad import LEFT_BEHIND, Abroad
from playground.binaries import Programs
from playground.plots import manifest

Demo = Callable[..., Result]
CRD = "customresourcedefinition/httproutes.gateway.networking.k8s.io"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Every kubectl call, a line each."""
    return tmp_path / "calls"


@pytest.fixture
def kubectl(tmp_path: Path, calls: Path) -> Callable[[str], Programs]:
    """A kubectl whose answers are the branches of a shell `case` over its words."""

    def make(branches: str) -> Programs:
        script = tmp_path / "kubectl"
        script.write_text(f'#!/bin/sh\necho "$*" >> {calls}\ncase "$*" in\n{branches}\nesac\n')
        script.chmod(0o755)
        return Programs(Path("/bin/false"), script)

    return make


@pytest.fixture
def demo(tmp_path: Path, kubectl: Callable[[str], Programs], monkeypatch: pytest.MonkeyPatch) -> Demo:
    """The command on a cluster that answers so."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("{}")

    def run(branches: str, *more: str) -> Result:
        programs = kubectl(branches)

        async def found() -> Programs:
            return programs

        monkeypatch.setattr(demo_cli, "ensure_programs", found)
        app = typer.Typer()
        app.command()(demo_cli.demo)
        words = ["--kubeconfig", str(kubeconfig), "--data", str(tmp_path / "data"), "--exit", *more]
        return CliRunner().invoke(app, words, env={"COLUMNS": "200", "TERM": "dumb"})

    return run


@pytest.mark.parametrize(
    ("branches", "told"),
    [
        pytest.param("*minify*) echo no such context >&2; exit 1;;", "no cluster to go to", id="no such context"),
        pytest.param("*readyz*) echo refused >&2; exit 1;;", "the cluster does not answer", id="not reachable"),
        pytest.param("", "the cluster has no HTTPRoutes", id="no Gateway API"),
        pytest.param(f"*{CRD}*) echo {CRD};; *flagger*) echo deployment/flagger;;", "Flagger runs", id="Flagger"),
        pytest.param(
            f"*{CRD}*) echo {CRD};; 'get namespace/test '*) echo namespace/test;;", "is not the demo's", id="not ours"
        ),
    ],
)
def test_a_cluster_that_does_not_fit_is_refused_untouched(demo: Demo, calls: Path, branches: str, told: str) -> None:
    """With the reason, and without a word about removing what was never made."""
    result = demo(branches)
    assert result.exit_code == 1
    assert told in result.output
    assert "delete namespace" not in result.output
    assert [line for line in calls.read_text().splitlines() if line.split()[0] not in {"get", "config"}] == []


@pytest.mark.parametrize("words", [["--remove"], ["--context", "lab"], ["--proxy", "http://127.0.0.1:3128"]])
def test_options_of_a_given_cluster_are_wrong_usage_without_one(words: list[str]) -> None:
    """Rather than left out in silence."""
    app = typer.Typer()
    app.command()(demo_cli.demo)
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 2
    assert f"{words[0]} is for a cluster of yours" in result.output


def test_what_a_given_cluster_cannot_tell_is_wrong_usage(demo: Demo) -> None:
    """It has no Ingress controller that the demo could ask for its numbers."""
    result = demo("", "--provider", "nginx")
    assert result.exit_code == 2
    assert "told on this machine alone" in result.output


async def test_the_label_of_another_namespace_gives_nothing(
    kubectl: Callable[[str], Programs], calls: Path, tmp_path: Path
) -> None:
    """The demo asks for the label of its namespace alone."""
    stage = Abroad(tmp_path / "data", kubectl("*readyz*) ;; get*flagger*) ;; get*namespaces*) ;; get*) echo there;;"))
    with pytest.raises(Exception, match="is not the demo's"):
        await stage.__aenter__()
    [asked] = [line for line in calls.read_text().splitlines() if "get namespaces" in line]
    assert "--field-selector metadata.name=test" in asked


@pytest.mark.parametrize(("mark", "whole"), [("made", True), ("true", False)])
async def test_only_a_namespace_that_the_demo_made_is_deleted(
    kubectl: Callable[[str], Programs], calls: Path, tmp_path: Path, mark: str, *, whole: bool
) -> None:
    """The Canary goes first in either case, while a worker is there to end it."""
    stage = Abroad(tmp_path / "data", kubectl(f"*'in ({mark})'*) echo namespace/test;;"))
    said = await stage.remove()
    deletions = [line for line in calls.read_text().splitlines() if "delete" in line]
    assert "canary/podinfo" in deletions[0]
    assert ("delete namespace/test" in deletions[1]) is whole
    assert ("deployment/podinfo" in deletions[1]) is not whole
    assert said.startswith("namespace test is removed" if whole else "what the demo made")


def test_what_stays_can_be_removed_without_a_worker() -> None:
    """The Canary's finalizer goes before its namespace, which would wait for it for ever."""
    assert LEFT_BEHIND.index('"finalizers":null') < LEFT_BEHIND.index("kubectl delete namespace test")


def test_the_load_tester_listens_where_its_service_leads() -> None:
    """Flagger's image listens on 9090 unless it is told otherwise."""
    deployment, service = yaml.safe_load_all(manifest("loadtester"))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    assert f"-port={port['containerPort']}" in container["command"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
