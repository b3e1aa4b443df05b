"""Who may import whom: the contracts of `[tool.importlinter]` hold, and each of them bites."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import configuration
from importlinter.contracts.forbidden import ForbiddenContract

configuration.configure()  # what its own command line does first

PYPROJECT = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
LINTER: dict[str, Any] = PYPROJECT["tool"]["importlinter"]
ROOMS = {name for name in LINTER["root_packages"] if isinstance(name, str)}
CONTRACTS = [
    ForbiddenContract(
        contract["name"], LINTER, {key: value for key, value in contract.items() if key not in ("name", "type")}
    )
    for contract in LINTER["contracts"]
]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import of every room."""
    return grimp.build_graph(*sorted(ROOMS), include_external_packages=True, cache_dir=None)


def broken(graph: grimp.ImportGraph) -> list[str]:
    """Names of the contracts that the imports do not keep."""
    return [contract.name for contract in CONTRACTS if not contract.check(copy.deepcopy(graph), verbose=False).kept]


def test_all_contracts_are_of_a_kind_that_is_checked_here() -> None:
    """Another type of contract would need another class here."""
    assert {contract["type"] for contract in LINTER["contracts"]} == {"forbidden"}


def test_the_packages_of_the_wheel_are_the_rooms_that_are_checked() -> None:
    """A new room cannot be forgotten."""
    assert set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == ROOMS


def test_the_contracts_hold(graph: grimp.ImportGraph) -> None:
    """As `make lint` says."""
    assert broken(graph) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        pytest.param("k8s.apply", "temporalio", id="k8s never meets Temporal"),
        pytest.param("k8s.informers", "workflows.observation", id="k8s knows no rollouts"),
        pytest.param("k8s.routers.registry", "activities.faults", id="k8s knows no activities"),
        pytest.param("k8s.client", "worker.settings", id="k8s knows no process"),
        pytest.param("workflows.decide", "temporalio", id="a decision needs no Temporal"),
        pytest.param("workflows.weights", "datetime", id="a decision needs no clock"),
        pytest.param("workflows.verdict", "workflows.effects", id="not even by way of an effect"),
        pytest.param("workflows.wording", "workflows.vigil", id="wording waits for nothing"),
        pytest.param("workflows.steering", "workflows.console", id="steering sends nothing"),
        pytest.param("workflows.observation", "k8s.models.canary", id="an observation is no API object"),
        pytest.param("workflows.rollout", "activities.scale", id="workflows know activities by name"),
        pytest.param("workflows.effects", "k8s.errors", id="workflows know no cluster"),
        pytest.param("workflows.console", "worker.temporal", id="workflows know no process"),
        pytest.param("activities.bench", "worker.settings", id="activities know no process"),
        pytest.param("activities.observe", "playground.world", id="activities know no playground"),
        pytest.param("k8s.apply", "kubernetes", id="writes go through the client"),
        pytest.param("activities.scale", "kubernetes", id="activities go through the client"),
        pytest.param("playground.stage", "kubernetes", id="the playground goes through the client"),
    ],
)
def test_a_forbidden_import_breaks_a_contract(graph: grimp.ImportGraph, importer: str, imported: str) -> None:
    """Each of these lines, written anywhere in the importer, fails the check."""
    assert {importer, imported} <= graph.modules
    worse = copy.deepcopy(graph)
    worse.add_import(importer=importer, imported=imported)

    assert broken(worse) != []
