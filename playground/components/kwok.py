"""kwok: plays every node and its kubelet, so that pods become Ready without containers."""

from collections.abc import Sequence
from pathlib import Path

from playground.components.apiserver import ApiServer
from playground.components.base import Component
from playground.ports import LOOPBACK
from playground.probes import answers


class Kwok(Component):
    """Takes each Node object, and each pod bound to it, through the stages it is given."""

    name = "kwok"
    port: int
    api: ApiServer
    stages: Path

    def flags(self) -> Sequence[str]:
        """All nodes; room for 65,000 pod addresses."""
        return (
            *("--kubeconfig", str(self.api.kubeconfig), "--config", str(self.stages), "--manage-all-nodes"),
            *("--cidr", "10.244.0.0/16", "--node-ip", "10.245.0.1"),
            *("--server-address", f"{LOOPBACK}:{self.port}"),
            # Leases would make a restarted kwok wait 40 s for those of its predecessor to run out; one needs none.
            *("--node-lease-duration-seconds", "0"),
        )

    async def probe(self) -> None:
        """Healthy by its own account."""
        await answers(f"http://{LOOPBACK}:{self.port}/healthz")
