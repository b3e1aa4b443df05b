"""What tests measured: a place to write it down, and its print at the end."""

from collections.abc import Callable
from typing import Any

import pytest

MEASURED = pytest.StashKey[list[str]]()
WORKER_OUTPUT = "workeroutput"
"""What one of several pytest processes hands to the one that reports; see pytest-xdist's `pytest_testnodedown`."""
Measured = Callable[[str], None]


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Measured:
    """Write a line for the end of the test run: numbers worth knowing that no test asserts."""
    return pytestconfig.stash.setdefault(MEASURED, []).append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was measured to the process that reports."""
    if hasattr(session.config, WORKER_OUTPUT):
        getattr(session.config, WORKER_OUTPUT)["measured"] = session.config.stash.get(MEASURED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what another process measured."""
    lines = getattr(node, WORKER_OUTPUT, {}).get("measured", [])
    node.config.stash.setdefault(MEASURED, []).extend(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    if lines := config.stash.get(MEASURED, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
