"""etcd: where the API server keeps its objects."""

from collections.abc import Sequence

from playground.components.base import Component
from playground.ports import LOOPBACK
from playground.probes import answers


class Etcd(Component):
    """A single member on loopback; only the API server talks to it."""

    name = "etcd"
    client_port: int
    peer_port: int

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://{LOOPBACK}:{self.client_port}"

    def flags(self) -> Sequence[str]:
        """One member, its data in the world's folder."""
        peers = f"http://{LOOPBACK}:{self.peer_port}"
        return (
            *("--name", "playground", "--data-dir", str(self.folder / "etcd"), "--log-level", "warn"),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"playground={peers}"),
            # What a killed process wrote is safe with the kernel; only a power cut could lose the last seconds.
            "--unsafe-no-fsync",
        )

    async def probe(self) -> None:
        """It can commit writes."""
        await answers(f"{self.url}/readyz")
