"""What is wrong with a manifest is told before it is applied, as the API server and the worker would tell it."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st

from activities.bench import Defaults
from k8s.models.loading import load_canary
from tests.integration.test_crds import (
    ACCEPTED,
    ALERT_PROVIDER,
    DATA,
    METRIC_TEMPLATE,
    MISTAKES,
    QUERIES,
    analysed,
    changed,
    example,
)
from tests.objects import a_canary
from tests.worker.commands import run
from worker.lint import Mistake, _loaded, mistakes_in
from worker.manifests import Document, read

MANIFESTS = Path(__file__).parents[2] / "playground" / "manifests"
CANARY = """\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: podinfo
  namespace: test
spec:
  provider: kubernetes
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: podinfo
  service:
    port: 9898
  analysis:
    interval: 30s
    threshold: 5
    iterations: 10
"""


def documents(folder: Path, *objects: Any) -> list[Document]:
    """Objects as a file holds them."""
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    return read(str(file))


def lint(folder: Path, *objects: Any, **defaults: Any) -> list[Mistake]:
    """What is found in objects, by a worker with these settings."""
    return mistakes_in(documents(folder, *objects), Defaults(**defaults))


def told(mistakes: list[Mistake]) -> list[str]:
    """Without file and line."""
    return [f"{mistake.field}: {mistake.message}" for mistake in mistakes]


def a_template(query: str = "vector(1)", **provider: Any) -> dict[str, Any]:
    """A MetricTemplate."""
    return METRIC_TEMPLATE | {"spec": {"provider": {"type": "prometheus"} | provider, "query": query}}


# -- as the API server ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[f"{m[0]}-{n}" for n, m in enumerate(MISTAKES)])
def test_what_the_api_server_refuses_is_found(tmp_path: Path, path: str, value: Any, message: str) -> None:
    """Each mistake that it is known to refuse, with its own words where they are ours."""
    mistakes = lint(tmp_path, changed(path, value))
    assert mistakes
    assert all(mistake.field for mistake in mistakes)
    _, invalid, remedy = message.partition("Invalid value: ")
    if invalid and remedy:
        assert any(remedy.rpartition('": ')[2] in mistake.message for mistake in mistakes), told(mistakes)


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_api_server_accepts_is_no_mistake(tmp_path: Path, case: str) -> None:
    """The worker may have something to say about it all the same."""
    (document,) = documents(tmp_path, ACCEPTED[case])
    assert _loaded(document).problems == []


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_guides_canaries_and_one_with_every_field_are_no_mistake(file: Path) -> None:
    """So every rule can be evaluated."""
    assert [problem for document in read(str(file)) for problem in _loaded(document).problems] == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_gos_templates_is_no_mistake(tmp_path: Path, query: str) -> None:
    """Whatever it calls."""
    assert lint(tmp_path, a_template(query)) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("spec.analysis.stepWight", 5, "spec.analysis.stepWight: unknown field; write stepWeight"),
        ("spec.canaryAnalysis", {}, "spec.canaryAnalysis: unknown field; write analysis"),
        ("spec.analysis.metrics.0.zzz", 1, "spec.analysis.metrics[0].zzz: unknown field; remove it"),
        ("data", {}, "data: unknown field; write metadata"),
    ],
)
def test_an_unknown_field_is_told_with_the_likely_one(tmp_path: Path, path: str, value: Any, problem: str) -> None:
    """Strict clients refuse it, others drop it."""
    assert told(lint(tmp_path, changed(path, value))) == [problem]


@pytest.mark.parametrize(("field", "value"), [("threshold", "5"), ("mirror", "true"), ("stepWeight", True)])
def test_a_value_of_another_type_is_found(tmp_path: Path, field: str, value: Any) -> None:
    """Even where a lenient reader would make something of it."""
    (mistake,) = lint(tmp_path, changed(f"spec.analysis.{field}", value))
    assert mistake.field == f"spec.analysis.{field}"
    assert json.dumps(value) in mistake.message


def test_null_is_absent(tmp_path: Path) -> None:
    """As the API server drops it."""
    assert lint(tmp_path, changed("spec.analysis.match", None)) == []
    assert told(lint(tmp_path, changed("spec.analysis.threshold", None))) == [
        "spec.analysis.threshold: write the number of failed checks that means rollback, such as 5"
    ]


def test_an_exported_object_is_no_mistake(tmp_path: Path) -> None:
    """`kubectl get -o yaml` prints more than is applied."""
    exported = example("guide_canary", uid="u", creationTimestamp="2026-01-01T00:00:00Z", managedFields=[{}])  # type: ignore[arg-type]  # any metadata
    exported["status"] = {"phase": "Succeeded", "unknownField": 1}
    assert lint(tmp_path, exported) == []


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"kind": "Canry"}, 'kind: "Canry" is unknown; write one of Canary, MetricTemplate, AlertProvider'),
        (
            {"apiVersion": "flagger.app/v1alpha3"},
            'apiVersion: "flagger.app/v1alpha3" is not served; write flagger.app/v1beta1',
        ),
    ],
)
def test_a_kind_or_version_that_is_not_ours_is_told(tmp_path: Path, header: dict[str, str], problem: str) -> None:
    """Within our group."""
    assert told(lint(tmp_path, a_canary() | header)) == [problem]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    kind=st.sampled_from(["Canary", "MetricTemplate", "AlertProvider"]) | ANY_JSON,
    key=st.sampled_from(["metadata", "spec", "targetRef", "analysis", "metrics", "provider", "query"]),
    value=ANY_JSON,
)
def test_no_object_makes_it_stumble(kind: Any, key: str, value: Any) -> None:
    """Whatever stands where, it is told in lines."""
    obj: dict[str, Any] = example("guide_canary") | {"kind": kind}
    where = next((part for part in (obj["spec"]["analysis"], obj["spec"]) if key in part), obj)
    where[key] = value
    node = yaml.compose(yaml.safe_dump(obj))
    assert node
    for mistake in mistakes_in([Document("file.yaml", obj, node)], Defaults()):
        assert str(mistake).startswith("file.yaml:")


# -- as the worker ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(MANIFESTS.glob("*.yaml")), ids=lambda file: file.name)
def test_what_the_demo_applies_has_nothing_to_change(file: Path) -> None:
    """The guide's Canary among it."""
    ours = [each for each in read(str(file)) if each.obj["kind"] == "Canary"]
    assert mistakes_in(ours, Defaults(mesh_provider="linkerd")) == []


@pytest.mark.parametrize(
    ("canary", "problem"),
    [
        pytest.param(
            changed("spec.provider", "osm"), "spec.provider: osm is not supported yet; use one of", id="router"
        ),
        pytest.param(
            changed("spec.analysis.mirror", True),
            "spec.analysis.mirror: ",
            id="what the router cannot express",
        ),
        pytest.param(analysed(stepWeight=0), "spec.analysis.stepWeight: missing or 0; write a step", id="no steps"),
        pytest.param(
            changed("spec.targetRef.apiVersion", "batch/v1"),
            "spec.targetRef: batch/v1 Deployment cannot be released; use one of",
            id="target",
        ),
    ],
)
def test_what_the_worker_refuses_is_found(tmp_path: Path, canary: dict[str, Any], problem: str) -> None:
    """Before it holds a release."""
    (text,) = told(lint(tmp_path, canary, mesh_provider="smi:v1alpha2"))
    assert text.startswith(problem)


def test_settings_of_the_worker_count(tmp_path: Path) -> None:
    """What one worker takes, another one blocks."""
    metric = {"name": "errors", "templateRef": {"name": "errors", "namespace": "shared"}, "thresholdRange": {"max": 1}}
    canary = analysed(stepWeight=5, metrics=[metric])
    assert lint(tmp_path, canary) == []
    (text,) = told(lint(tmp_path, canary, no_cross_namespace_refs=True))
    assert text.startswith("spec.analysis.metrics[0].templateRef: can't access metric template errors.shared")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("up{x='{{ pod }}'}", "spec.analysis.metrics[0].query: "),
        ("up{{ name }", "spec.analysis.metrics[0].query: "),
    ],
)
def test_an_inline_query_is_rendered(tmp_path: Path, query: str, problem: str) -> None:
    """With the Canary's own values."""
    (text,) = told(lint(tmp_path, analysed(stepWeight=5, metrics=[{"name": "mine", "query": query}])))
    assert text.startswith(problem)


def test_a_template_is_rendered_with_the_variables_of_the_canary_beside_it(tmp_path: Path) -> None:
    """Wherever in the files it stands."""
    template = a_template('{{ printf "%d" variables.team }}')
    metric = {"name": "errors", "templateRef": {"name": "errors"}, "templateVariables": {"team": "a"}}
    canary = analysed(stepWeight=5, metrics=[metric])
    (text,) = told(lint(tmp_path, canary, template))
    assert text.startswith("spec.analysis.metrics[0].templateRef: the query of MetricTemplate errors.crds: ")


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        ({"type": "graphite"}, "spec.provider.address: write the provider's base URL"),
        ({"type": "datadog"}, "spec.provider.secretRef: name a Secret with the provider's credentials"),
    ],
)
def test_a_provider_that_lacks_a_field_is_found(tmp_path: Path, provider: dict[str, str], problem: str) -> None:
    """Before a release waits for it."""
    (text,) = told(lint(tmp_path, a_template(**provider)))
    assert text.startswith(problem)


def test_what_is_in_a_secret_is_the_clusters_business(tmp_path: Path) -> None:
    """A file does not know it."""
    assert lint(tmp_path, a_template(type="datadog", secretRef={"name": "datadog"})) == []


def test_an_alert_provider_is_checked_too(tmp_path: Path) -> None:
    """By its rules."""
    assert lint(tmp_path, ALERT_PROVIDER) == []
    (text,) = told(lint(tmp_path, ALERT_PROVIDER | {"spec": {"type": "slack"}}))
    assert text.startswith("spec: write either address")


# -- the command ------------------------------------------------------------------------------------------------------


async def test_mistakes_are_printed_with_file_and_line(app: typer.Typer, tmp_path: Path) -> None:
    """As editors and CI jump to it, in the order of the lines; other kinds are skipped; exit code 1."""
    file = tmp_path / "canary.yaml"
    text = CANARY.replace("port: 9898", "port: http").replace("iterations", "iteratons")
    file.write_text(f"kind: Deployment\napiVersion: apps/v1\n---\n{text}")
    result = await run(app, "lint", str(file))
    assert result.exit_code == 1
    port = "write the port of the ClusterIP service"
    assert result.stdout.splitlines() == [
        f'{file}:16: Canary podinfo.test: spec.service.port: "http" should be a valid integer; {port}',
        f"{file}:20: Canary podinfo.test: spec.analysis.iteratons: unknown field; write iterations",
    ]
    assert result.stderr == "1 object checked, 2 problems\n"


async def test_a_clean_file(app: typer.Typer, tmp_path: Path) -> None:
    """Nothing on standard output; exit code 0."""
    (tmp_path / "canary.yaml").write_text(CANARY)
    result = await run(app, "lint", str(tmp_path / "canary.yaml"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 object checked, 0 problems\n")


async def test_mistakes_for_scripts(app: typer.Typer, tmp_path: Path) -> None:
    """A list of objects, and the same exit code."""
    (tmp_path / "canary.yaml").write_text(CANARY.replace("30s", "soon"))
    result = await run(app, "lint", "-o", "json", str(tmp_path / "canary.yaml"))
    (mistake,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert mistake["message"].startswith('"soon" is not a duration; write minutes and seconds')
    assert {**mistake, "message": ""} == {
        "file": str(tmp_path / "canary.yaml"),
        "line": 15,
        "object": "Canary podinfo.test",
        "field": "spec.analysis.interval",
        "message": "",
    }


async def test_a_file_that_is_no_yaml_is_a_mistake(app: typer.Typer, tmp_path: Path) -> None:
    """And the others are checked all the same."""
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text(CANARY)
    result = await run(app, "lint", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{tmp_path / 'a.yaml'}:1: no YAML: ")
    assert result.stderr == "1 object checked, 1 problem\n"


async def test_standard_input(app: typer.Typer) -> None:
    """By the name `-`."""
    result = await run(app, "lint", "-", input=CANARY.replace("port: 9898", "port: 0"))
    assert result.exit_code == 1
    assert result.stdout.startswith("stdin:13: Canary podinfo.test: spec.service.port: 0 ")


@pytest.mark.parametrize("arguments", [(), ("nowhere.yaml",)])
async def test_no_file_is_wrong_usage(app: typer.Typer, arguments: tuple[str, ...]) -> None:
    """Exit code 2."""
    assert (await run(app, "lint", *arguments)).exit_code == 2


def test_the_guard_knows_the_model() -> None:
    """The Canary of these tests is a good one."""
    assert load_canary(yaml.safe_load(CANARY), strict=True).name == "podinfo"
