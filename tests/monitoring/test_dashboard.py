"""The dashboard can be imported anywhere: it names no data source, and every panel says what it shows."""

import re
from typing import Any

from tests.monitoring.queries import all_queries, dashboard, panel_queries

VARIABLE = {"type": "prometheus", "uid": "${datasource}"}
ANYBODYS = re.compile(r"\b(?:temporal|process)_\w+")
OURS = "and on (job, instance) flagger_info"


def panels() -> list[Any]:
    """Those that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def sources(node: Any) -> list[Any]:
    """Every data source that anything names."""
    if isinstance(node, list):
        return [source for child in node for source in sources(child)]
    if not isinstance(node, dict):
        return []
    own = [node["datasource"]] if "datasource" in node else []
    return own + [source for child in node.values() for source in sources(child)]


def test_no_data_source_is_named() -> None:
    """Each is what the reader chooses above the panels."""
    found = sources(dashboard())
    assert found
    assert all(source == VARIABLE for source in found)


def test_every_panel_is_explained_and_asks_something() -> None:
    """With a title, a description and a query."""
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["targets"]


def test_panels_do_not_overlap() -> None:
    """Each has its place in the grid of 24 columns, and an id of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_every_variable_of_a_query_is_known() -> None:
    """Grafana's, or one of the dashboard's."""
    assert not [query for query in panel_queries().values() if "$" in query]


def test_strangers_are_left_out() -> None:
    """Panels and alerts ask for Temporal's and the process's series where they stand beside `flagger_info`."""
    for name, query in all_queries().items():
        assert query.count(OURS) == len(ANYBODYS.findall(query)), name


def test_no_number_turns_red_unasked() -> None:
    """Grafana's own thresholds, which hold where a panel has none, are red from 80 on."""
    for panel in panels():
        field = panel["fieldConfig"]["defaults"]
        if panel["type"] == "stat":
            assert "thresholds" in field or field["color"]["mode"] == "fixed", panel["title"]
