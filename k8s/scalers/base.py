"""What a kind of autoscaler must offer, so that a copy of one can scale the primary."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.resources import Resource


@dataclass(frozen=True)
class Bounds:
    """Where in `spec` a kind keeps the least and the largest number of replicas, and the defaults of its API."""

    least: str
    most: str
    default_least: int
    default_most: int

    def of(self, scaler: Json) -> tuple[int, int]:
        """Both numbers."""
        spec = scaler["spec"]
        least, most = spec.get(self.least), spec.get(self.most)
        return (
            self.default_least if least is None else int(least),
            self.default_most if most is None else int(most),
        )


class Scaler(Protocol):
    """Pure knowledge of one kind; `k8s.scalers.originals` and `k8s.scalers.copies` read and write."""

    resource: Resource
    bounds: Bounds
    pause: Mapping[str, str]
    """Annotations that keep it from scaling; empty where a workload at zero replicas is left alone anyhow."""

    def spec(self, scaler: Json, canary: Canary) -> Json:
        """The copy's spec, its bounds still those of the original."""
        ...

    def annotations(self, scaler: Json) -> dict[str, str]:
        """Those of the original that its copy carries."""
        ...

    def is_scaling(self, scaler: Json) -> bool:
        """Whether its status says that it decides the replicas: one without metrics decides nothing."""
        ...
