"""What no tool checks: the repository is the same on every machine, and installs what was locked."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOME = re.compile(r"(?<![\w.~])/(?:root|home/[a-z_][\w-]*|Users/\w+)/")
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))  # in parts, or this file would not pass
        for parts in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("proxy", "golang", "org"),
            ("sum", "golang", "org"),
            ("goproxy", "io"),
            ("npmjs", "org"),
        ]
    )
)
INDEX = re.compile(r"(?:index-url|INDEX_URL|GOPROXY)\s*[=:]\s*\S*://")
UNVERIFIED = re.compile(r"verify(?:_ssl)?\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|_create_unverified")
REQUIREMENT = re.compile(r"^[a-z0-9][a-z0-9._-]*==\S+")


def tracked() -> list[Path]:
    """Every file that is, or is about to be, part of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert len(files) > 100
    return [file for file in files if file.is_file()]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """File, line and text wherever the pattern stands."""
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in tracked()
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]


def locked() -> list[str]:
    """The entries of the lock file, each with its hashes."""
    text = (ROOT / "constraints.txt").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_no_path_of_a_machine() -> None:
    """Nobody's home, and not the folder of this checkout."""
    assert lines_with(HOME) == []
    assert lines_with(re.compile(re.escape(f"{ROOT}/"))) == []


def test_no_registry() -> None:
    """Where packages come from is the machine's to say."""
    assert lines_with(REGISTRIES) == []
    assert lines_with(INDEX) == []


def test_every_requirement_is_locked() -> None:
    """To one version and its hashes, from no place in particular."""
    entries = locked()
    assert len(entries) > 50
    for entry in entries:
        assert REQUIREMENT.match(entry), entry
        assert "--hash=sha256:" in entry, entry
        assert "://" not in entry, entry


def test_certificates_are_verified() -> None:
    """Wherever no spec says otherwise, and but for our own metrics on loopback, which have none."""
    ours = re.compile(r"^(?:activities|k8s|loadtester|worker|workflows)/")
    found = [line for line in lines_with(UNVERIFIED) if ours.match(line)]
    assert sorted(line.split(":")[0] for line in found) == ["activities/http.py", "worker/metrics.py"]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (HOME, "data = /" + "home/ann/serinus"),
        (HOME, "'/" + "root/x'"),
        (REGISTRIES, "https://py" + "pi.org/simple"),
        (INDEX, "PIP_INDEX_URL" + "=https://mirror"),
        (UNVERIFIED, "context.verify_mode = ssl.CERT_NONE"),
    ],
)
def test_what_would_be_found(pattern: re.Pattern[str], line: str) -> None:
    """The patterns see what they are for."""
    assert pattern.search(line)


@pytest.mark.parametrize("line", ["~/.kube/config", "/rootless/", "https://example.com/home/a/b", "$HOME/x"])
def test_what_is_no_home(line: str) -> None:
    """And nothing else."""
    assert not HOME.search(line)
