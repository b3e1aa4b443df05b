"""From a model to a structural schema: the dialect of OpenAPI that a CustomResourceDefinition may contain.

A structural schema is a plain tree: references are written out, `anyOf` is gone, null is not a type. Recursive models
have none.
"""

from functools import cache
from typing import Any, Final

from k8s.models.common import ApiModel

Schema = dict[str, Any]

KEPT: Final = frozenset(
    {
        "type",
        "description",
        "format",
        "enum",
        "default",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "required",
        "properties",
        "items",
        "additionalProperties",
        "x-kubernetes-validations",
    },
)
DROPPED: Final = frozenset({"title", "const", "$defs"})


class NotStructural(Exception):
    """A model uses something that a CustomResourceDefinition cannot express."""


@cache
def structural(model: type[ApiModel]) -> Schema:
    """The structural schema of what the API server stores for `model`. Treat it as read-only.

    Raises:
        NotStructural: the model has a union of objects, or a keyword that is not known here.
    """
    root = model.model_json_schema(by_alias=True)
    return _Converter(root.get("$defs", {})).convert(root)


class _Converter:
    """Writes out the references of one JSON schema."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def convert(self, schema: Schema) -> Schema:
        """One node and all below it."""
        node = self._alternatives(self._resolved(schema))
        if "const" in node:
            node.setdefault("enum", [node["const"]])
        if unknown := node.keys() - KEPT - DROPPED - {"x-kubernetes-int-or-string"}:
            raise NotStructural(f"keywords {sorted(unknown)} in {node}")
        node = {key: value for key, value in node.items() if key not in DROPPED}
        # The API server fills in defaults; one that is zero or empty is the same as absent, and would only be noise.
        if not node.get("default"):
            node.pop("default", None)
        return self._children(node)

    def _resolved(self, schema: Schema) -> Schema:
        """What stands beside a reference, such as a field's own description, wins."""
        if "$ref" not in schema:
            return dict(schema)
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self._definitions[schema["$ref"].rsplit("/", 1)[-1]], **beside}

    def _alternatives(self, node: Schema) -> Schema:
        """`X | None` is X: the server drops null. `int | str` has a name of its own."""
        real = [option for option in node.pop("anyOf", []) if option.get("type") != "null"]
        if not real:
            return node
        if len(real) == 1:
            return {**self._resolved(real[0]), **node}
        if {option.get("type") for option in real} == {"integer", "string"}:
            return {**node, "x-kubernetes-int-or-string": True}
        raise NotStructural(f"union of {real}")

    def _children(self, node: Schema) -> Schema:
        if "properties" in node:
            node["properties"] = {name: self.convert(child) for name, child in node["properties"].items()}
        if "items" in node:
            node["items"] = self.convert(node["items"])
        more = node.pop("additionalProperties", None)
        if more is True:
            node["x-kubernetes-preserve-unknown-fields"] = True
        elif more:
            node["additionalProperties"] = self.convert(more)
        return node
