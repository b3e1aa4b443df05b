"""What is built, and when the cache still holds it."""

import platform
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from playground import recipes
from playground.recipes import RECIPES, Recipe, UnsupportedMachine, this_machine
from playground.versions import OLDEST_GO

LINUX = ("linux", "amd64")


@pytest.fixture
def hey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe of hey, its module in a folder that a test may change."""
    shutil.copytree(recipes.MODULES / "hey", tmp_path / "hey")
    monkeypatch.setattr(recipes, "MODULES", tmp_path)
    return RECIPES["hey"]


def test_the_key_of_an_unchanged_recipe_stays(hey: Recipe) -> None:
    """Two runs of the same build find one another's result."""
    assert hey.key(LINUX) == replace(hey).key(LINUX)


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_the_key_follows_the_pinned_versions(hey: Recipe, name: str) -> None:
    """A change of go.mod or go.sum leads to a build."""
    before = hey.key(LINUX)
    with (hey.folder / name).open("a") as file:
        file.write("\n")
    assert hey.key(LINUX) != before


@pytest.mark.parametrize(
    "changed",
    [{"ldflags": ""}, {"tags": "x"}, {"packages": {"hey": "github.com/other/hey"}}],
    ids=["ldflags", "tags", "packages"],
)
def test_the_key_follows_the_way_of_building(changed: dict[str, object]) -> None:
    """Other flags or packages lead to a build."""
    hey = RECIPES["hey"]
    assert replace(hey, **changed).key(LINUX) != hey.key(LINUX)  # type: ignore[arg-type]  # the table is untyped


@pytest.mark.parametrize("target", [("darwin", "amd64"), ("linux", "arm64")])
def test_the_key_follows_the_machine(target: tuple[str, str]) -> None:
    """A cache folder shared by two kinds of machines holds a build for each."""
    assert RECIPES["hey"].key(target) != RECIPES["hey"].key(LINUX)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_version_told_is_the_version_pinned(recipe: Recipe) -> None:
    """What people read before the build is what go.mod requires."""
    told = next(word.rstrip(":,") for word in recipe.what.split() if word[0].isdigit())
    pinned = told.replace("3.", "0.3", 1) if recipe.name == "prometheus" else told  # Prometheus 3.16.0 is v0.316.0
    assert f" v{pinned}" in (recipe.folder / "go.mod").read_text()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_no_module_needs_a_newer_go_than_the_oldest_accepted(recipe: Recipe) -> None:
    """Else a Go that was found good enough, or the one from the package index, would refuse to build it."""
    needed = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", (recipe.folder / "go.mod").read_text(), re.MULTILINE)
    assert needed is not None
    assert tuple(int(part or 0) for part in needed.groups()) <= OLDEST_GO


def test_an_unknown_processor_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot run the playground is told what to do instead."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(UnsupportedMachine, match=r"riscv64; use a Linux or macOS machine instead"):
        this_machine()
