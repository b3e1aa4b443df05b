"""Which programs of the machine are used instead of built ones."""

from pathlib import Path

import pytest

from playground.versions import fits, fitting, parse

CASES = [
    ("kube-apiserver", "Kubernetes v1.37.2", True),
    ("kube-apiserver", "Kubernetes v1.37.0-rc.1", True),
    ("kube-apiserver", "Kubernetes v1.36.9", False),
    ("kube-apiserver", "Kubernetes v1.38.0", False),
    ("kube-scheduler", "Kubernetes v2.37.0", False),
    ("kube-controller-manager", "", False),
    ("etcd", "etcd Version: 3.7.0\nGit SHA: 1.2.3", True),
    ("etcd", "etcd Version: 3.5.13", True),
    ("etcd", "etcd Version: 3.5.12", False),
    ("etcd", "etcd Version: 3.4.31", False),
    ("etcd", "Segmentation fault", False),
    ("kubectl", "Client Version: v1.36.0", True),
    ("kubectl", "Client Version: v1.38.1", True),
    ("kubectl", "Client Version: v1.32.4-dispatcher", False),
    ("helm", "v3.17.0+g301108e", True),
    ("helm", "v3.16.4+g7877b45", False),
    ("helm", "v4.0.1+g12500dd", False),
    ("hey", "hey 9.9.9", False),
]


@pytest.mark.parametrize(("name", "said", "expected"), CASES, ids=[f"{n}-{s[:26]}" for n, s, _ in CASES])
def test_a_program_is_used_only_when_its_version_fits(name: str, said: str, expected: bool) -> None:
    """Control plane of exactly our minor version, etcd that answers watch-list, kubectl one minor away at most."""
    assert fits(name, said) is expected


@pytest.mark.parametrize(("said", "expected"), [("v1.2.3", (1, 2, 3)), ("a 10.20.30-x", (10, 20, 30)), ("1.2", None)])
def test_the_first_complete_version_counts(said: str, expected: tuple[int, int, int] | None) -> None:
    """Anything around it is ignored."""
    assert parse(said) == expected


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_a_named_folder_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What KUBEBUILDER_ASSETS holds is what its owner wants used."""
    named = program(tmp_path / "assets", "etcd", "echo etcd Version: 3.6.0")
    program(tmp_path / "path", "etcd", "echo etcd Version: 3.7.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    assert await fitting("etcd", [named.parent]) == named


async def test_path_is_asked_when_the_named_folder_has_a_misfit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old program in one place does not hide a good one in the other."""
    old = program(tmp_path / "assets", "etcd", "echo etcd Version: 3.4.23")
    good = program(tmp_path / "path", "etcd", "echo etcd Version: 3.7.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    assert await fitting("etcd", [old.parent]) == good


async def test_a_program_that_fails_to_tell_its_version_is_not_used(tmp_path: Path) -> None:
    """Whatever it printed before it failed."""
    broken = program(tmp_path / "assets", "kube-scheduler", "echo Kubernetes v1.37.2; exit 1")
    assert await fitting("kube-scheduler", [broken.parent]) is None
