"""What the integration tests share: a place to write down what they measured."""

from collections.abc import Callable

import pytest

MEASURED = pytest.StashKey[list[str]]()
Measured = Callable[[str], None]


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Measured:
    """Write a line for the end of the test run: numbers worth knowing that no test asserts."""
    return pytestconfig.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    if lines := config.stash.get(MEASURED, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
