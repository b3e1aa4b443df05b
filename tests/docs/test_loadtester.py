"""The page on the load tester names its settings with their defaults, its task types and its paths, and no others."""

import re
from pathlib import Path

from loadtester.app import create_app
from loadtester.gates import Gates
from loadtester.metrics import Metrics
from loadtester.payload import WITH_CURL, Kind
from loadtester.settings import PREFIX, LoadTesterSettings, load_settings
from loadtester.tasks import Tasks
from tests.settings import written

PAGE = (Path(__file__).parents[2] / "docs" / "loadtester.md").read_text()
ROW = re.compile(rf"^\| `({PREFIX}\w+)` \| (?:`(.*?)`)? ?\|", re.MULTILINE)


def test_every_setting_is_documented_with_its_default() -> None:
    """As somebody would write it into the environment."""
    fields = {f"{PREFIX}{name.upper()}": field.default for name, field in LoadTesterSettings.model_fields.items()}
    assert dict(ROW.findall(PAGE)) == {name: written(default) for name, default in fields.items()}


def test_every_task_type_is_documented() -> None:
    """Those that are run in the table, the others as refused."""
    table = PAGE.split("## Tasks")[1].split("## Gates")[0]
    rows = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) - {"type"} == set(Kind)
    assert all(f"`{name}`" in table for name in WITH_CURL)


def test_every_reserved_path_is_documented() -> None:
    """By what is served."""
    settings, metrics = load_settings(), Metrics()
    routes = create_app(settings, Tasks(settings, metrics), Gates(None), metrics).routes
    reserved = {getattr(route, "path", "").partition("{")[0] for route in routes} - {"/"}
    documented = set(re.findall(r"`(/[a-z/]+)`", PAGE))
    assert reserved
    assert all(any(path.startswith(each) for path in documented) for each in reserved)
