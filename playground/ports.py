"""Chooses loopback ports for servers."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, HIGHEST = 10_000, 32_767


def free_ports(count: int) -> list[int]:
    """Distinct free TCP ports of the loopback address.

    Below the ports the kernel hands to clients: a server that is down for a moment finds its port still free, and a
    client that knocks meanwhile cannot be connected to itself.

    Raises:
        OSError: fewer than `count` ports are free.
    """
    wanted = range(LOWEST, _end())
    free: list[int] = []
    for port in random.sample(wanted, len(wanted)):
        if _is_free(port):
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"no {count} free ports on {LOOPBACK} between {wanted.start} and {wanted.stop}")


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
