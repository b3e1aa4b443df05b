"""The definitions are made from the models, are structural, and accept what Flagger's accept."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from k8s import crd
from k8s.models.alert_provider import AlertProvider
from k8s.models.canary import Canary
from k8s.models.common import ApiModel
from k8s.models.duration import FLAGGER_PATTERN
from k8s.models.loading import load_alert_provider, load_canary, load_metric_template
from k8s.models.metric_template import MetricTemplate
from k8s.models.schema import NotStructural, Schema, structural

DEPLOYED = Path(__file__).parents[2] / "deploy" / "crds"
DATA = Path(__file__).parent / "data"
EVERY_FIELD = yaml.safe_load((DATA / "every_field.yaml").read_text())
EXCLUDED = {"spec.analysis.stepWeight", "spec.analysis.stepWeights"}
"""Left out of the file with every field, since iterations excludes them."""
OWN = {
    "spec.analysis.approvals",
    "spec.analysis.approvalTimeout",
    "spec.analysis.approvalDefault",
    "status.configVersions",
    "status.observedGeneration",
    "status.haltReason",
}
"""Serinus' additions to Flagger's Canary."""


def test_the_files_are_what_the_models_make() -> None:
    """`make crds` was run after the last change of the models."""
    made = {f"{kind['spec']['names']['plural']}.yaml": crd.manifest(kind) for kind in crd.crds()}
    assert {file.name: file.read_text() for file in DEPLOYED.glob("*.yaml")} == made


def test_write(tmp_path: Path) -> None:
    """Writing makes the folder, and one file for each kind."""
    crd.write(tmp_path / "new")
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
        "alertproviders.yaml",
        "canaries.yaml",
        "metrictemplates.yaml",
    ]
    assert yaml.safe_load((tmp_path / "new" / "canaries.yaml").read_text()) == crd.crds()[0]


def test_canary_columns() -> None:
    """`kubectl get canaries` shows Flagger's columns in Flagger's order."""
    columns = crd.crds()[0]["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [(column["name"], column["type"], column.get("priority", 0)) for column in columns] == [
        ("Status", "string", 0),
        ("Weight", "string", 0),
        ("Suspended", "boolean", 1),
        ("FailedChecks", "string", 1),
        ("Interval", "string", 1),
        ("Mirror", "boolean", 1),
        ("StepWeight", "string", 1),
        ("StepWeights", "string", 1),
        ("MaxWeight", "string", 1),
        ("LastTransitionTime", "string", 0),
    ]


@pytest.mark.parametrize("kind", crd.crds(), ids=lambda kind: str(kind["metadata"]["name"]))
def test_definition(kind: Schema) -> None:
    """Helm keeps a definition, `kubectl get all` lists its objects, and their status is written apart."""
    assert kind["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert kind["spec"]["versions"][0]["subresources"] == {"status": {}}
    assert kind["spec"]["names"]["categories"] == ["all"]


def test_defaults() -> None:
    """The API server fills in what it fills in for Flagger, and nothing else."""
    assert dict(defaults(structural(Canary)["properties"]["spec"])) == {
        "service.gatewayRefs[].group": "gateway.networking.k8s.io",
        "service.gatewayRefs[].kind": "Gateway",
        "analysis.sessionAffinity.maxAge": 86400,
    }


def test_no_field_that_flagger_keeps_is_pruned() -> None:
    """Of an object with every field of Flagger nothing is dropped."""
    assert list(pruned(structural(Canary), EVERY_FIELD)) == []


def test_the_file_with_every_field_has_every_field() -> None:
    """So that the claim above, and the API server's answer to the file, cover the whole schema."""
    parts = ("spec", "status")
    missing = {
        path for part in parts for path in unused(structural(Canary)["properties"][part], EVERY_FIELD[part], part)
    }
    assert missing == EXCLUDED | OWN


def test_a_misspelt_field_is_pruned() -> None:
    """The check for dropped fields sees one."""
    wrong = {"spec": {"analysis": {"stepWight": 5}}}
    assert list(pruned(structural(Canary), wrong)) == ["spec.analysis.stepWight"]


def test_required() -> None:
    """What must be there is what must be there for Flagger; rules with better messages see to the rest."""
    spec = structural(Canary)["properties"]["spec"]
    assert spec["required"] == ["targetRef", "analysis"]
    assert spec["properties"]["service"]["required"] == ["port"]
    assert "required" not in spec["properties"]["analysis"]
    assert "required" not in structural(Canary)["properties"]["status"]


class _Union(ApiModel):
    """Of two objects."""

    either: MetricTemplate | AlertProvider


class _Exclusive(ApiModel):
    """A bound that the converter does not know."""

    number: int = Field(gt=0)


@pytest.mark.parametrize("model", [_Union, _Exclusive])
def test_not_structural(model: type[ApiModel]) -> None:
    """A model that a definition cannot express is refused, not bent."""
    with pytest.raises(NotStructural):
        structural(model)


LOADERS: dict[type[ApiModel], Callable[[Any], ApiModel]] = {
    Canary: load_canary,
    MetricTemplate: load_metric_template,
    AlertProvider: load_alert_provider,
}


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=50)
@given(st.data())
@pytest.mark.parametrize("model", LOADERS, ids=lambda model: str(model.__name__))
def test_whatever_the_api_server_accepts_loads(model: type[ApiModel], data: st.DataObject) -> None:
    """Objects are drawn from the schema itself."""
    obj = data.draw(conforming(structural(model)))
    loaded = LOADERS[model](obj)
    assert LOADERS[model](loaded.as_json()) == loaded


# -- walks over a structural schema ---------------------------------------------------------------------------------


def defaults(schema: Schema, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of what the API server fills in."""
    if "default" in schema:
        yield path, schema["default"]
    for name, child in schema.get("properties", {}).items():
        yield from defaults(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from defaults(schema["items"], f"{path}[]")


def pruned(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Paths of what the API server would drop; metadata is its own affair."""
    if schema.get("x-kubernetes-preserve-unknown-fields") or path == "metadata":
        return
    if isinstance(value, list):
        for item in value:
            yield from pruned(schema["items"], item, path)
    if isinstance(value, dict):
        for name, item in value.items():
            child = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            below = f"{path}.{name}" if path else name
            yield from [below] if child is None else pruned(child, item, below)


def unused(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """Paths of fields in the schema that `value` has not."""
    if isinstance(value, list):
        value = {key: item for element in value if isinstance(element, dict) for key, item in element.items()}
        schema = schema.get("items", {})
    for name, child in schema.get("properties", {}).items():
        if name in value:
            yield from unused(child, value[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}"


def conforming(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that a structural schema accepts."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(-(2**31), 2**31) | st.text()
    match schema["type"]:
        case "object":
            return conforming_object(schema)
        case "array":
            return st.lists(conforming(schema["items"]), max_size=min(3, schema.get("maxItems", 3)))
        case "string":
            return conforming_text(schema)
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63))
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
        case "boolean":
            return st.booleans()
        case other:
            raise AssertionError(other)


def conforming_object(schema: Schema) -> st.SearchStrategy[Any]:
    """With the required fields, and some of the others."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3)
    if "additionalProperties" in schema:
        return st.dictionaries(st.text(max_size=5), conforming(schema["additionalProperties"]), max_size=3)
    fields = {name: conforming(child) for name, child in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def conforming_text(schema: Schema) -> st.SearchStrategy[str]:
    """Of the right form and length; for durations, what the CEL rule beside the pattern lets through as well."""
    pattern: str | None = schema.get("pattern")
    if pattern == FLAGGER_PATTERN:
        return st.from_regex(r"[0-9]{1,6}(ms|s|m)([0-9]{1,4}([.][0-9]{1,3})?(ms|s|min|h))?", fullmatch=True)
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if pattern:
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: least <= len(text) <= (most or len(text)))
    return st.text(min_size=least, max_size=min(most or 20, 20))
