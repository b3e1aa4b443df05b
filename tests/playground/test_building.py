"""A build is whole or absent, happens once, tells how far it is, and says what failed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from playground.building import Builder, BuildFailed, place
from playground.progress import Progress
from playground.recipes import Copy, Recipe

LINUX = ("linux", "amd64")
HEY = Recipe(name="hey", what="hey", packages={"hey": "example.test/hey"})
# Answers as Go does: three packages to compile, each named when it is, and a file at the end.
GO = """
echo "$@" >> "$0.calls"
case $1 in
  list) echo "go: downloading example.test/a v1.0.0" >&2; printf 'a\\nb\\nexample.test/hey\\n' ;;
  build) for p in a b example.test/hey; do echo $p >&2; done
         while [ "$1" != -o ]; do shift; done; echo built > "$2" ;;
  mod) printf '{"Dir": "%s"}' "$(dirname "$0")/module" ;;
esac
"""


@pytest.fixture
def build(tmp_path: Path, progress: Progress) -> Callable[..., Builder]:
    """Makes a builder whose Go is a shell script."""

    def with_go(script: str = GO) -> Builder:
        go = tmp_path / "go"
        go.write_text(f"#!/bin/sh\n{script}\n")
        go.chmod(0o755)
        return Builder(go, tmp_path / "cache", LINUX, progress)

    return with_go


def calls(by: Builder) -> list[str]:
    """The first words of the go commands it ran."""
    return [line.split()[0] for line in Path(f"{by.go}.calls").read_text().splitlines()]


async def test_a_build_tells_downloads_and_every_package(build: Callable[..., Builder], told: list[str]) -> None:
    """From nothing to all packages, then that it is finished."""
    making = build()
    folder = await making.build(HEY)
    assert (folder / "hey").read_text() == "built\n"
    expected = ["fetching example.test/a v1.0.0", "0/3", "1/3", "2/3", "3/3", "finished"]
    assert told == [f"hey {text}" for text in expected]


async def test_a_finished_build_is_not_repeated(build: Callable[..., Builder]) -> None:
    """The second time Go does not run."""
    making = build()
    assert await making.build(HEY) == await making.build(HEY)
    assert calls(making) == ["list", "build"]


async def test_two_builds_at_once_run_go_once(build: Callable[..., Builder], told: list[str]) -> None:
    """The second waits for the first, and says so."""
    making = build()
    await asyncio.gather(making.build(HEY), making.build(HEY))
    assert calls(making) == ["list", "build"]
    assert "hey: another build is at it; waiting for that" in told


async def test_a_failure_names_module_last_lines_and_log(tmp_path: Path, build: Callable[..., Builder]) -> None:
    """And leaves nothing that a later build could take for complete."""
    making = build('case $1 in list) echo a ;; *) echo "undefined: frobnicate" >&2; exit 2 ;; esac')
    with pytest.raises(BuildFailed, match=r"hey could not be built: `go build` ended with exit code 2") as failed:
        await making.build(HEY)
    log = tmp_path / "cache" / "logs" / "hey.log"
    assert "undefined: frobnicate" in str(failed.value)
    assert str(log) in str(failed.value)
    assert "undefined: frobnicate" in log.read_text()
    assert list((tmp_path / "cache" / "built").iterdir()) == []


async def test_an_interrupted_build_ends_go_and_leaves_nothing(
    tmp_path: Path, build: Callable[..., Builder], eventually: Callable[..., Awaitable[None]]
) -> None:
    """Cancelling waits until the go process is gone; the next build starts clean."""
    making = build(f'echo $$ > "$0.pid"; echo started >&2\nexec sleep 300 # {GO.splitlines()[0]}')
    running = asyncio.create_task(making.build(HEY))
    log = tmp_path / "cache" / "logs" / "hey.log"

    def go_runs() -> None:
        assert "started" in log.read_text()

    await eventually(go_runs)
    pid = int(Path(f"{making.go}.pid").read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not Path(f"/proc/{pid}").exists()
    assert list((tmp_path / "cache" / "built").iterdir()) == []


async def test_what_a_killed_build_left_is_removed(tmp_path: Path, build: Callable[..., Builder]) -> None:
    """A build that could not clean up does not fill the disk for ever."""
    left = tmp_path / "cache" / "built" / ".hey-abandoned"
    left.mkdir(parents=True)
    await build().build(HEY)
    assert not left.exists()


async def test_files_of_a_module_are_joined_or_copied(tmp_path: Path, build: Callable[..., Builder]) -> None:
    """Into one YAML file of several documents, or into a folder."""
    module = tmp_path / "module"
    module.mkdir()
    for name in ("a", "b"):
        (module / f"{name}.yaml").write_text(f"kind: {name}\n")
    both = (Copy("example.test/m", ("*.yaml",), "all.yaml"), Copy("example.test/m", ("b.yaml",), "folder"))
    folder = await build().build(Recipe(name="hey", what="files", copies=both))
    assert (folder / "all.yaml").read_text().split("---") == ["kind: a\n\n", "\nkind: b\n"]
    assert [file.name for file in (folder / "folder").iterdir()] == ["b.yaml"]


async def test_a_module_without_the_expected_files_is_a_failure(tmp_path: Path, build: Callable[..., Builder]) -> None:
    """An empty folder of CRDs would be noticed only much later."""
    (tmp_path / "module").mkdir()
    copied = Recipe(name="hey", what="files", copies=(Copy("example.test/m", ("*.yaml",), "crds"),))
    with pytest.raises(BuildFailed, match=r"hey: example\.test/m has no files like \*\.yaml"):
        await build().build(copied)
    assert not place(copied, tmp_path / "cache", LINUX).exists()
