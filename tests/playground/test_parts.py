"""The small parts: ports, secrets, what Prometheus is told, what the console says."""

import asyncio
import io
import random
import socket
import stat
import sys
from pathlib import Path

import pytest
from rich.console import Console

from playground.components.prometheus import configuration
from playground.credentials import admin_token, service_account_key
from playground.folders import Folders
from playground.locks import exclusive
from playground.ports import EPHEMERAL, LOOPBACK, free_ports
from playground.progress import ConsoleProgress, Planned


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"SERINUS_CACHE": "/big/disk", "XDG_CACHE_HOME": "/other"}, Path("/big/disk")),
        ({"XDG_CACHE_HOME": "/other"}, Path("/other/serinus")),
        ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "serinus"),
        ({}, Path.home() / ".cache" / "serinus"),
    ],
    ids=["named", "xdg", "empty", "default"],
)
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], cache: Path
) -> None:
    """The folder itself, or one in the user's cache folder."""
    for name in ("SERINUS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Folders().cache == cache


def test_ports_are_distinct_and_can_be_bound_at_once() -> None:
    """A world takes a dozen in one go."""
    ports = free_ports(12)
    assert len(set(ports)) == 12
    sockets = [socket.create_server((LOOPBACK, port)) for port in ports]
    for server in sockets:
        server.close()


async def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this process nor another gets it again, though no server has it yet."""
    given = free_ports(3)
    monkeypatch.setattr(random, "sample", lambda *_: given)
    with pytest.raises(OSError, match="no 1 free ports"):
        free_ports(1)
    code = f"import random; random.sample = lambda *_: {given}; from playground.ports import free_ports; free_ports(1)"
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, says = await other.communicate()
    assert b"no 1 free ports" in says


@pytest.mark.skipif(not EPHEMERAL.exists(), reason="only Linux tells which ports it gives to clients")
def test_ports_are_not_those_given_to_clients() -> None:
    """Else a client could take the port of a server that is down for a moment."""
    assert max(free_ports(50)) < int(EPHEMERAL.read_text().split()[0])


async def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """And free again afterwards."""
    async with exclusive(tmp_path / "lock"):
        with pytest.raises(BlockingIOError):
            async with exclusive(tmp_path / "lock"):
                pass
    async with exclusive(tmp_path / "lock"):
        pass


def test_secrets_are_private_and_kept(tmp_path: Path) -> None:
    """Only their owner reads them; the second start uses those of the first."""
    key, tokens = tmp_path / "sa.key", tmp_path / "tokens.csv"
    first = (service_account_key(key).read_text(), admin_token(tokens))
    assert first == (service_account_key(key).read_text(), admin_token(tokens))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (key, tokens)} == {0o600}


def test_every_target_is_scraped_at_its_own_path() -> None:
    """A URL says all of scheme, address and path; labels it exports itself win."""
    config = configuration(["http://127.0.0.1:1234/metrics", "https://127.0.0.1:5/other"])
    assert config["scrape_configs"] == [
        {
            "job_name": "playground",
            "honor_labels": True,
            "static_configs": [
                {"targets": ["127.0.0.1:1234"], "labels": {"__scheme__": "http", "__metrics_path__": "/metrics"}},
                {"targets": ["127.0.0.1:5"], "labels": {"__scheme__": "https", "__metrics_path__": "/other"}},
            ],
        }
    ]


def test_a_target_that_is_no_url_is_refused() -> None:
    """Prometheus would scrape nothing, and say nothing."""
    with pytest.raises(ValueError, match=r"'127\.0\.0\.1:1234' is not a URL such as"):
        configuration(["127.0.0.1:1234"])


def test_the_plan_says_what_how_long_and_where_before_anything_happens() -> None:
    """Who waits ten minutes was told so in the first second."""
    text = io.StringIO()
    with ConsoleProgress(Console(file=text, width=200)) as progress:
        progress.planned([Planned("etcd", "etcd 3.7.0", 22), Planned("k8s", "Kubernetes", 360)], "/cache")
    assert "/cache" in text.getvalue()
    assert "etcd 3.7.0, about 22 s" in text.getvalue()
    assert "Expect about 6 min in all" in text.getvalue()


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    """A log of ten thousand packages stays readable."""
    text = io.StringIO()
    with ConsoleProgress(Console(file=text, width=200)) as progress:
        for done in range(1000):
            progress.compiling("etcd", done, 1000)
        progress.finished("etcd", 22.4)
    assert text.getvalue() == "etcd: 0 of 1000 packages after 0 s\netcd: built in 22 s\n"


def test_on_a_terminal_every_module_has_a_bar() -> None:
    """With its count, moved in place."""
    text = io.StringIO()
    with ConsoleProgress(Console(file=text, width=100, force_terminal=True)) as progress:
        progress.fetching("etcd", "example.test/a v1.0.0")
        progress.compiling("etcd", 500, 1000)
    assert "500/1000" in text.getvalue()
