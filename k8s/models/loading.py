"""From an object as the API server sends it to its model, or to an error that names field, value and remedy."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from k8s.models.alert_provider import AlertProvider
from k8s.models.canary import Canary
from k8s.models.common import ApiModel, quoted
from k8s.models.errors import InvalidAlertProvider, InvalidCanary, InvalidMetricTemplate, InvalidObject
from k8s.models.metric_template import MetricTemplate
from k8s.models.schema import Schema, structural

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=ApiModel)
SECRET_FIELDS = re.compile(
    r"\b(?:url|address|proxy|metricsServer)$|\bprovider\.headers\b|\bwebhooks\[\d+\]\.metadata\b"
)
"""What stands in these may hold a password or a token."""


def load_canary(obj: Any, *, strict: bool = False) -> Canary:
    """Read a Canary; raises InvalidCanary."""
    return _load(Canary, obj, InvalidCanary, strict=strict)


def load_metric_template(obj: Any, *, strict: bool = False) -> MetricTemplate:
    """Read a MetricTemplate; raises InvalidMetricTemplate."""
    return _load(MetricTemplate, obj, InvalidMetricTemplate, strict=strict)


def load_alert_provider(obj: Any, *, strict: bool = False) -> AlertProvider:
    """Read an AlertProvider; raises InvalidAlertProvider."""
    return _load(AlertProvider, obj, InvalidAlertProvider, strict=strict)


def _load(model: type[Model], obj: Any, invalid: type[InvalidObject], *, strict: bool) -> Model:
    """`strict`: as the API server judges a manifest, to which "5" is no number."""
    try:
        return model.model_validate(obj, strict=strict)
    except ValidationError as error:
        schema = structural(model)
        raise invalid([problem(schema, detail) for detail in error.errors(include_url=False)]) from error


def problem(schema: Schema, detail: "ErrorDetails") -> str:
    """One line for a reader: the field's path, what stands there, and what to write."""
    path, description = locate(schema, detail["loc"])
    remedy = f"; write {_inner(description)}" if description else ""
    match detail["type"]:
        case "missing":
            return f"{path}: required{remedy}"
        case "value_error":
            return f"{path}: {detail['ctx']['error']}"
        case _:
            stands = "***" if SECRET_FIELDS.search(path) else quoted(detail["input"])
            return f"{path}: {stands} {_inner(detail['msg']).removeprefix('input ')}{remedy}"


def locate(schema: Schema, location: Sequence[int | str]) -> tuple[str, str]:
    """The path as kubectl writes it, and the description of the field at its end, or else of what it is part of."""
    path, node, description = "", schema, str(schema.get("description", ""))
    for step in location:
        below = node.get("items") if isinstance(step, int) else _property(node, step)
        if below is None:  # pydantic names the alternatives of a union after the path
            break
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
        node, description = below, below.get("description", description)
    return path.removeprefix(".") or "object", description


def _property(node: Schema, name: str) -> Schema | None:
    below: Schema | None = node.get("properties", {}).get(name, node.get("additionalProperties"))
    return below


def _inner(sentence: str) -> str:
    """A sentence as part of another one."""
    return (sentence[:1].lower() + sentence[1:]).split(". ")[0].removesuffix(".")
