"""Decides which programs already on this machine are good enough to be used instead of built ones."""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)")
ANSWER_SECONDS = 20.0
Version = tuple[int, int, int]

KUBERNETES_MINOR = (1, 37)
# Older ones cannot answer a watch-list, which the API server's own caches and Serinus' informers start with.
OLDEST_ETCD = (3, 5, 13)
OLDEST_GO = (1, 26, 0)
# The first that adopts, with --take-ownership, what another tool made.
OLDEST_HELM = (3, 17, 0)


def parse(said: str) -> Version | None:
    """The first version number in what a program says of itself; None when there is none."""
    found = VERSION.search(said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _same_minor(version: Version) -> bool:
    return version[:2] == KUBERNETES_MINOR


def _client_of_minor(version: Version) -> bool:
    # kubectl is supported one minor version away from the API server, either way.
    return version[0] == KUBERNETES_MINOR[0] and abs(version[1] - KUBERNETES_MINOR[1]) <= 1


def _recent_etcd(version: Version) -> bool:
    return version >= OLDEST_ETCD


def _recent_helm(version: Version) -> bool:
    return OLDEST_HELM <= version < (4, 0, 0)


FITS: dict[str, Callable[[Version], bool]] = {
    "kube-apiserver": _same_minor,
    "kube-controller-manager": _same_minor,
    "kube-scheduler": _same_minor,
    "kubectl": _client_of_minor,
    "etcd": _recent_etcd,
    "helm": _recent_helm,
}
ASK = {"kubectl": ("version", "--client"), "helm": ("version", "--short")}


def fits(name: str, said: str) -> bool:
    """Whether a program of this name that says this of its version does for the playground."""
    version = parse(said)
    return version is not None and name in FITS and FITS[name](version)


async def said_by(command: Iterable[str | Path]) -> str:
    """What the command prints; empty when it cannot be run, fails, or does not end in `ANSWER_SECONDS`."""
    try:
        child = await asyncio.create_subprocess_exec(
            *(str(word) for word in command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            output, _ = await child.communicate()
    except TimeoutError:
        return ""
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return output.decode(errors="replace") if child.returncode == 0 else ""


async def fitting(name: str, folders: Iterable[Path]) -> Path | None:
    """The first program of this name, in the folders and then on PATH, whose version fits."""
    for found in _found(name, folders):
        if fits(name, await said_by((found, *ASK.get(name, ("--version",))))):
            return found.absolute()
    return None


def _found(name: str, folders: Iterable[Path]) -> list[Path]:
    paths = [shutil.which(name, path=str(folder)) for folder in folders]
    return [Path(path) for path in (*paths, shutil.which(name)) if path]
