"""Where no URL of a user's may lead: who asks there is taken for the machine, and told the machine's credentials."""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

SETTING = "SERINUS_ALLOW_METADATA_ADDRESSES"
FORBIDDEN = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local; the clouds' metadata services
            "::ffff:169.254.0.0/112",  # the same, mapped into IPv6
            "64:ff9b::169.254.0.0/112",  # the same, behind NAT64
            "fe80::/10",  # link-local
            "fd00:ec2::254/128",  # AWS
            "fd20:ce::254/128",  # Google Cloud
            "100.100.100.200/32",  # Alibaba Cloud
        ),
    )
)


class ForbiddenAddress(Exception):
    """The text says which setting allows it."""

    def __init__(self) -> None:
        super().__init__(
            f"leads to a link-local or metadata address, which is not called; {SETTING}=true would allow that"
        )


def refuse(addresses: Iterable[str]) -> None:
    """Raise ForbiddenAddress when one of these is; names are none."""
    if any(is_forbidden(address) for address in addresses):
        raise ForbiddenAddress


def is_forbidden(host: str) -> bool:
    """Whether a host is an address where nobody may be called; a name is not."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(address in network for network in FORBIDDEN)


async def watch_connections(event: str, info: Mapping[str, Any]) -> None:
    """HTTPX's `trace`: looks a name up before it is connected to, and once more at whom the connection reached.

    The second look is for names that lead elsewhere a moment later. Nothing has been sent by then.

    Raises:
        ForbiddenAddress: it is one that nobody may call.
    """
    if event.endswith("connect_tcp.started"):
        refuse(await _looked_up(info["host"], info["port"]))
    elif event.endswith("connect_tcp.complete"):
        stream = info["return_value"]
        peer = stream.get_extra_info("server_addr")
        if is_forbidden(str(peer[0])):
            await stream.aclose()
            raise ForbiddenAddress


async def _looked_up(host: str, port: int) -> list[str]:
    """Every address of a name; none when it has none, which connecting will tell better."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[0]) for *_, address in found]
