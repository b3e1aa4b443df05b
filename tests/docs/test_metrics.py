"""The page on metrics shows templates that work, one for each provider, and names every key that they want."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.gotemplate import FUNCTIONS
from activities.providers.registry import PROVIDERS
from activities.templates import render, template_problem
from k8s.models.loading import load_metric_template
from k8s.models.metric_template import VARIABLES
from tests.activities.vendors import VENDORS

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
TEMPLATES = [block for block in BLOCKS if block.get("kind") == "MetricTemplate"]


def test_one_for_each_provider() -> None:
    """In a section of its own."""
    assert sorted(template["spec"]["provider"]["type"] for template in TEMPLATES) == sorted(PROVIDERS)
    assert set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == set(PROVIDERS)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: str(template["spec"]["provider"]["type"]))
def test_template(template: Any) -> None:
    """It loads, and its query is rendered."""
    template["metadata"].setdefault("namespace", "test")
    query = load_metric_template(template).spec.query
    assert template_problem(query) == ""
    assert "{{" not in render(query, dict.fromkeys(VARIABLES, "x") | {"variables": {}})


def test_every_name_is_there() -> None:
    """Keys of Secrets, variables and functions."""
    keys = {key for vendor in VENDORS for key in vendor.secret}
    wanted = keys | {"token"} | set(VARIABLES) - {"variables"} | set(FUNCTIONS)
    assert not [name for name in wanted if f"`{name}`" not in PAGE]
