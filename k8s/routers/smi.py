"""Service Mesh Interface: a TrafficSplit on the apex Service (Linkerd's SMI extension, Open Service Mesh).

API: split.smi-spec.io v1alpha1, v1alpha2 and v1alpha3, which differ in nothing that is written here.
"""

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.routers.base import SERVICE_MISSING, Split, beyond_weights, split_of
from k8s.routers.single import NOTHING, SingleObjectRouter
from k8s.services import NOT_FLUX


class SmiRouter(SingleObjectRouter):
    """Writes the root Service and the weights of both backends."""

    def problem(self, canary: Canary) -> str:
        """A TrafficSplit knows weights alone."""
        if canary.spec.service is None:
            return SERVICE_MISSING
        for field in beyond_weights(canary):
            return f"{field}: a TrafficSplit divides traffic by weight alone; remove it"
        return ""

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        return {"metadata": {"annotations": dict(NOT_FLUX)}, "spec": _spec(canary, NOTHING)}

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        return self._divided(there, canary, self._kept(there, canary))

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        wanted = _spec(canary, split)
        if self._split(there, canary) == split and there["spec"].get("service") == wanted["service"]:
            return None
        return {"spec": wanted}

    def _split(self, there: Json, canary: Canary) -> Split | None:
        weights = {each["service"]: each.get("weight") for each in there["spec"].get("backends") or []}
        return split_of(weights, canary.primary_service, canary.canary_service)


def _spec(canary: Canary, split: Split) -> Json:
    """The root is what clients call: the first of `service.hosts`, or the apex Service."""
    hosts = canary.spec.service.hosts if canary.spec.service else None
    backends = [
        {"service": canary.canary_service, "weight": split.canary},
        {"service": canary.primary_service, "weight": split.primary},
    ]
    return {"service": hosts[0] if hosts else canary.apex_name, "backends": backends}
