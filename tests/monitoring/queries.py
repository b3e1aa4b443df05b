"""The queries that ship: those of the dashboard's panels and of the alerts."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "serinus.json"
RULES = DEPLOY / "prometheus" / "rules.yaml"
SERIES = re.compile(r"\b(?:flagger|serinus|temporal|process)_\w+")
VARIABLES = {"$namespace": ".*", "$__rate_interval": "1m", "$__range": "10m"}
"""What Grafana puts into a query."""


def dashboard() -> Any:
    """As Grafana reads it."""
    return json.loads(DASHBOARD.read_text())


def rules() -> list[Any]:
    """As Prometheus reads them."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panel_queries() -> dict[str, str]:
    """By panel and letter, with Grafana's variables filled in."""
    found = {}
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            found[f"{panel['title']} {target['refId']}"] = query
    return found


def all_queries() -> dict[str, str]:
    """Of panels and alerts."""
    return panel_queries() | {rule["alert"]: rule["expr"] for rule in rules()}
