"""Provider `kubernetes`: nothing divides traffic. The apex Service leads to the primary, before, during and after.

A release is analysed on `{apex}-canary` alone (blue/green), and goes live by being copied to the primary.
"""

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.routers.base import Split


class KubernetesRouter:
    """Has no object, so there is nothing to write, to read or to take away."""

    def problem(self, canary: Canary) -> str:
        """Only a missing `spec.service`: the Services themselves are all it has."""
        return "" if canary.spec.service else "spec.service: required; write at least port"

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Nothing."""

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Nothing: all traffic stays with the primary."""

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """None: there is no route."""

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """None: Services always work."""
        del cluster, canary
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Nothing."""
