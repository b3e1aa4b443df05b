"""What a router must do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.services import NOT_FLUX

FULL = 100
SERVICE_MISSING = "spec.service: required; write at least port"


@dataclass(frozen=True)
class Split:
    """How traffic is divided, percent; the two always sum to 100.

    In an A/B test the numbers hold for the requests that `analysis.match` names; all others go to the primary.
    """

    canary: int
    mirrored: bool = False
    """The canary gets a copy of the primary's requests; its answers are thrown away."""

    def __post_init__(self) -> None:
        if not 0 <= self.canary <= FULL:
            raise ValueError(f"canary weight {self.canary} is outside 0-100")

    @property
    def primary(self) -> int:
        """The rest."""
        return FULL - self.canary


class UnfitRoute(Exception):
    """The Canary asks for something that this router cannot express; the text says what to change."""


def beyond_weights(canary: Canary) -> list[str]:
    """Fields of `spec.analysis` that want more of a router than a division by weight."""
    analysis = canary.spec.analysis
    asked = {
        "spec.analysis.match": canary.strategy == "ab-testing",
        "spec.analysis.mirror": analysis.mirror,
        "spec.analysis.sessionAffinity": analysis.session_affinity,
    }
    return [field for field, value in asked.items() if value]


def split_of(weights: Mapping[str, object], primary: str, canary: str) -> Split | None:
    """How weights, by name of a side, divide the traffic; None when others share it or they do not sum to 100.

    A weight may be text, as the API server stores a quantity.
    """
    numbers = {name: str(weight) for name, weight in weights.items()}
    if numbers.keys() != {primary, canary} or not all(number.isdecimal() for number in numbers.values()):
        return None
    weight = int(numbers[canary])
    return Split(weight) if weight + int(numbers[primary]) == FULL else None


def route_metadata(canary: Canary) -> Json:
    """Labels and annotations of a route: `spec.service.apex` is the apex Service's and the route's."""
    apex = canary.spec.service.apex if canary.spec.service else None
    labels, annotations = (apex.labels, apex.annotations) if apex else ({}, {})
    return {"labels": dict(labels), "annotations": {**annotations, **NOT_FLUX}}


def metadata_patch(there: Json, wanted: Json) -> Json:
    """A merge patch that adds the labels and annotations that lack; what others put there stays. Empty for none."""
    known = {key: there["metadata"].get(key) or {} for key in wanted}
    lacking = {key: values for key, values in wanted.items() if not values.items() <= known[key].items()}
    return {"metadata": lacking} if lacking else {}


class Router(Protocol):
    """Each verb is idempotent, works on fresh state, and changes only what it must."""

    def problem(self, canary: Canary) -> str:
        """Why the Canary cannot be routed, in a user's words that begin with the field; empty when it can.

        What a router does not do, see `beyond_weights`, it refuses here: left out, it would send users astray.
        """
        ...

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Make the routing objects, or bring them to the spec; weights that are there stay."""
        ...

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Divide the traffic, in one request."""
        ...

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """What the cluster says: after `set` that split, until somebody else writes; None when there is no route.

        Each step of an analysis compares the two.
        """
        ...

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """Why the data plane does not honour the route at the moment, empty when it does or does not say."""
        ...

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Lead the traffic back to the target where objects outlive the Canary."""
        ...
