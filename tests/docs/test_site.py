"""The documentation as a site: it builds strictly, loads nothing from elsewhere, and a broken link is noticed."""

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|link|img|iframe)[^>]*?\s(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Material tells of its successor at each start."""
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")


def built(site: Path, **changes: str | None) -> None:
    """Build into a folder; raises Abort on a warning."""
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(site), **changes)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)


def test_it_builds_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Each page is there, and neither fonts nor scripts come over the network."""
    built(tmp_path)
    pages = {page.relative_to(tmp_path).with_suffix(".md") for page in tmp_path.rglob("*.html")}
    written = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    assert written <= pages
    assert {Path(name) for name in ("index.md", "settings.md", "contributing.md", "changelog.md")} <= pages
    assert [loaded for page in tmp_path.rglob("*.html") for loaded in LOADED.findall(page.read_text())] == []


def test_the_settings_have_a_page(tmp_path: Path) -> None:
    """All of those in the README's table."""
    built(tmp_path)
    page = (tmp_path / "settings.html").read_text()
    named = re.findall(r"^\| `(SERINUS_\w+)`", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert named
    assert [name for name in named if f"<code>{name}</code>" not in page] == []


@pytest.mark.parametrize("link", ["[there](nowhere.md)", "[there](index.md#nowhere)"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    """To a page, or to a heading."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "page.md").write_text(f"# Page\n\n{link}\n")
    with pytest.raises(Abort):
        built(tmp_path / "site", docs_dir=str(docs), nav=None)
