"""The page on installing lists every value and every right there is, and no other."""

import re
from typing import Any

import pytest
import yaml

from playground.charts import DEPLOY
from tests.charts import defaults

PAGE = (DEPLOY.parent / "docs" / "installing.md").read_text()
ROW = re.compile(r"^\| `([\w.]+)` \| (?:`(.*?)`|(…))? ?\| \S", re.MULTILINE)
SECTIONS = {"serinus": "Values of the chart", "loadtester": "Values of the load tester's chart"}
RIGHTS = re.compile(r"^\| (core|`[\w.-]+`) \| (all|[^|]+) \|", re.MULTILINE)
RULES_SECTION = "What it may do in the cluster"


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def written(default: Any) -> str:
    """As the table has it: what takes more than a word stands in values.yaml."""
    match default:
        case bool():
            return str(default).lower()
        case dict() | list():
            return "…" if default else ""
        case _:
            return str(default)


@pytest.mark.parametrize("chart", SECTIONS)
def test_every_value_is_documented_with_its_default_and_no_other(chart: str) -> None:
    """In the order of values.yaml."""
    rows = [(name, default or dots) for name, default, dots in ROW.findall(section(SECTIONS[chart]))]
    assert rows == [(name, written(default)) for name, default in defaults(chart).items()]


def test_every_right_is_explained_and_no_other() -> None:
    """By group and kind."""
    granted = {
        (group, resource)
        for rule in next(yaml.safe_load_all((DEPLOY / "kustomize/base/rbac.yaml").read_text()))["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    explained = {
        ("" if group == "core" else group.strip("`"), kind.strip("`"))
        for group, kinds in RIGHTS.findall(section(RULES_SECTION))
        for kind in ("*" if kinds == "all" else kinds).split(", ")
    }
    assert explained == granted
