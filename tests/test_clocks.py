"""A clock that jumps: what reads that of the machine, and that nothing is decided by it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("workflows", "activities", "k8s", "worker", "loadtester")
WALL_CLOCK = re.compile(
    r"\btime\.(?:time|time_ns|localtime|gmtime)\(|\bdatetime\.(?:now|utcnow|today)\(|\bdate\.today\("
)
NAMED = re.compile(r"\]\(\.\./([\w/]+\.py)\)")
SECTION = re.compile(r"^## Clocks\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def readers() -> set[str]:
    """Every file that reads the wall clock."""
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    assert len(files) > 100
    return {str(file.relative_to(ROOT)) for file in files if WALL_CLOCK.search(file.read_text())}


def test_every_reader_of_the_wall_clock_is_documented() -> None:
    """Each in the table that says what becomes of it when the clock jumps, and no other."""
    section = SECTION.search((ROOT / "docs" / "robustness.md").read_text())
    assert section
    assert set(NAMED.findall(section[1])) == readers()


@pytest.mark.parametrize("line", ["time.time()", "time.time_ns()", "datetime.now(UTC)", "datetime.today()"])
def test_a_reader_is_found(line: str) -> None:
    """Whichever way it reads."""
    assert WALL_CLOCK.search(f"    at = {line}")
