"""Traefik: a TraefikService of weights, which an IngressRoute of the user's leads to.

API: traefik.io/v1alpha1. Traefik drops the whole service when one of its Services has no pods, so the canary's stands
there only while it gets traffic.
"""

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.resources import TRAEFIK_SERVICES
from k8s.routers.base import SERVICE_MISSING, Split, beyond_weights, metadata_patch, route_metadata, split_of
from k8s.routers.single import NOTHING, SingleObjectRouter


class TraefikRouter(SingleObjectRouter):
    """Writes the two Services and their weights; what else stands beside them stays, such as `sticky`."""

    def __init__(self) -> None:
        super().__init__(TRAEFIK_SERVICES)

    def problem(self, canary: Canary) -> str:
        """Traefik matches and mirrors elsewhere: in the IngressRoute, which is the user's."""
        if canary.spec.service is None:
            return SERVICE_MISSING
        for field in beyond_weights(canary):
            return f"{field}: provider traefik divides traffic by weight alone; remove it"
        return ""

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        return {"metadata": route_metadata(canary), "spec": _spec([], canary, NOTHING)}

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        divided = self._divided(there, canary, self._kept(there, canary)) or {}
        return {**divided, **metadata_patch(there, wanted["metadata"])} or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        spec = _spec(_services(there), canary, split)
        return None if _services(there) == spec["weighted"]["services"] else {"spec": spec}

    def _split(self, there: Json, canary: Canary) -> Split | None:
        weights = {each["name"]: each.get("weight") for each in _services(there)}
        return split_of({canary.canary_service: 0, **weights}, canary.primary_service, canary.canary_service)


def _services(there: Json) -> list[Json]:
    return list((there["spec"].get("weighted") or {}).get("services") or [])


def _spec(present: list[Json], canary: Canary, split: Split) -> Json:
    """Both sides, or the primary's alone; each with the settings that somebody gave it."""
    settings = {each["name"]: each for each in present}
    sides = [(canary.primary_service, split.primary)]
    if split.canary:
        sides.append((canary.canary_service, split.canary))
    port = canary.spec.service.port if canary.spec.service else None
    ours = [{"name": name, "namespace": canary.namespace, "port": port, "weight": weight} for name, weight in sides]
    return {"weighted": {"services": [{**settings.get(each["name"], {}), **each} for each in ours]}}
