"""The values of a chart by their dotted names, as its schema divides them: what is free-form is one value."""

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any

import yaml

from playground.charts import CHARTS, Json

HELMS_OWN = "global"


def names(chart: str) -> list[str]:
    """Every value that the schema knows."""
    return list(_names(json.loads((CHARTS / chart / "values.schema.json").read_text())))


def defaults(chart: str) -> dict[str, Any]:
    """Every value of the schema with its default; raises KeyError when it has none."""
    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    return {name: reduce(lambda at, key: at[key], name.split("."), values) for name in names(chart)}


def _names(schema: Json, path: tuple[str, ...] = ()) -> Iterator[str]:
    for key, each in schema["properties"].items():
        if each.get("additionalProperties") is False:
            yield from _names(each, (*path, key))
        elif key != HELMS_OWN:
            yield ".".join((*path, key))
