"""`serinus playground` as a person meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from playground.cli import app


def test_a_build_that_cannot_be_ends_with_code_one_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither Go nor a package index within reach."""
    monkeypatch.setenv("SERINUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    result = CliRunner().invoke(app, ["build"])
    assert result.exit_code == 1
    assert result.output.index("Building once, then kept in") < result.output.index("needs Go 1.26 or newer")


def test_trim_deletes_what_go_left_and_keeps_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next build finds everything in its place."""
    monkeypatch.setenv("SERINUS_CACHE", str(tmp_path))
    for name in ("go/build", "built/hey-1"):
        (tmp_path / name).mkdir(parents=True)
    assert CliRunner().invoke(app, ["trim"]).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["built"]
