"""Chooses loopback ports for servers."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, HIGHEST = 10_000, 32_767
_ours: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Distinct free TCP ports of the loopback address, which no other call gets, in whichever process of this user.

    A server is often started long after its port was chosen, and many worlds may be made at the same time.
    Below the ports the kernel hands to clients: a server that is down for a moment finds its port still free, and a
    client that knocks meanwhile cannot be connected to itself.

    Raises:
        OSError: fewer than `count` ports are free.
    """
    wanted = range(LOWEST, _end())
    free: list[int] = []
    for port in random.sample(wanted, len(wanted)):
        if _is_free(port) and _is_promised(port):
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"no {count} free ports on {LOOPBACK} between {wanted.start} and {wanted.stop}")


def _is_promised(port: int) -> bool:
    """Whether it is ours from now on; a lock on a byte is the process's own, so those of this one are noted beside."""
    if port in _ours:
        return False
    try:
        fcntl.lockf(_promises(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    _ours.add(port)
    return True


@cache
def _promises() -> int:
    """One byte for each port, locked by the process that it was given to, for as long as that lives."""
    shared = Path(tempfile.gettempdir()) / f"serinus-ports-{os.getuid()}"
    return os.open(shared, os.O_RDWR | os.O_CREAT, 0o600)


def _end() -> int:
    first_ephemeral = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else HIGHEST
    # Some machines hand out nearly every port to clients; then there is nothing to keep away from.
    return first_ephemeral if LOWEST + 1000 < first_ephemeral < HIGHEST else HIGHEST


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
