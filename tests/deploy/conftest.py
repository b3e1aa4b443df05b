"""What the tests of the charts share."""

from pathlib import Path

import pytest

from playground.binaries import Tools


@pytest.fixture(scope="session")
def helm(tools: Tools) -> Path:
    """The program."""
    return tools.helm
