"""The three CustomResourceDefinitions, made from the models; `python -m k8s.crd deploy/crds` writes them.

The schemas accept every Canary that Flagger accepts and acts on. What it would ignore or stumble over is refused on
`kubectl apply`, with a message that says what to write instead.
"""

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
import yaml

from k8s.models.alert_provider import AlertProvider
from k8s.models.canary import Canary
from k8s.models.common import API_VERSION, ApiModel
from k8s.models.metric_template import MetricTemplate
from k8s.models.schema import Schema, structural

GROUP, VERSION = API_VERSION.split("/")
HEADER: Final = "# Made from k8s/models by `make crds`; change the models instead.\n"
WIDTH: Final = 120


class Column(NamedTuple):
    """A column of `kubectl get`; `wide` ones show with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def as_json(self) -> Schema:
        """As `additionalPrinterColumns` wants it."""
        column: Schema = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return column | ({"priority": 1} if self.wide else {})


class Kind(NamedTuple):
    """A model and how kubectl shows it."""

    model: type[ApiModel]
    plural: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """As `kind:` says it."""
        return self.model.__name__


KINDS: Final = (
    Kind(
        Canary,
        "canaries",
        (
            Column("Status", ".status.phase"),
            Column("Weight", ".status.canaryWeight"),
            Column("Suspended", ".spec.suspend", "boolean", wide=True),
            Column("FailedChecks", ".status.failedChecks", wide=True),
            Column("Interval", ".spec.analysis.interval", wide=True),
            Column("Mirror", ".spec.analysis.mirror", "boolean", wide=True),
            Column("StepWeight", ".spec.analysis.stepWeight", wide=True),
            Column("StepWeights", ".spec.analysis.stepWeights", wide=True),
            Column("MaxWeight", ".spec.analysis.maxWeight", wide=True),
            Column("LastTransitionTime", ".status.lastTransitionTime"),
        ),
    ),
    Kind(MetricTemplate, "metrictemplates", (Column("Provider", ".spec.provider.type"),)),
    Kind(AlertProvider, "alertproviders", (Column("Type", ".spec.type"),)),
)


def crds() -> list[Schema]:
    """The manifests, ready to be applied."""
    return [_crd(kind) for kind in KINDS]


def _crd(kind: Kind) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            # Helm would delete every Canary together with the definition.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "names": _names(kind),
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [column.as_json() for column in kind.columns],
                    "schema": {"openAPIV3Schema": _root(kind)},
                },
            ],
        },
    }


def _names(kind: Kind) -> Schema:
    return {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "categories": ["all"],
    }


def _root(kind: Kind) -> Schema:
    """The server itself sees to apiVersion, kind and metadata, and refuses a schema that has more to say of them."""
    schema = structural(kind.model)
    bare: dict[str, Schema] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    return {**schema, "required": ["spec"], "properties": {**schema["properties"], **bare}}


class _PlainDumper(yaml.SafeDumper):
    """Repeats a value that is used twice: anchors puzzle readers and tools."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        del data
        return True


def manifest(crd: Schema) -> str:
    """A definition as the text of its file."""
    return HEADER + yaml.dump(crd, Dumper=_PlainDumper, sort_keys=False, width=WIDTH, allow_unicode=True)


def write(folder: Annotated[Path, typer.Argument(help="where the YAML files go, one for each kind")]) -> None:
    """Write the CustomResourceDefinitions, one file for each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for crd in crds():
        (folder / f"{crd['spec']['names']['plural']}.yaml").write_text(manifest(crd), encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
