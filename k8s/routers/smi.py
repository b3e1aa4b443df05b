"""Service Mesh Interface: a TrafficSplit on the apex Service (Linkerd's SMI extension, Open Service Mesh).

API: split.smi-spec.io v1alpha1, v1alpha2 and v1alpha3, which differ in nothing that is written here.
"""

from contextlib import suppress

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import Split, beyond_weights
from k8s.services import NOT_FLUX

NOTHING = Split(0)


class SmiRouter:
    """Writes the root Service and the weights of both backends.

    Args:
        resource: TrafficSplit in which version.
    """

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def problem(self, canary: Canary) -> str:
        """A TrafficSplit knows weights alone."""
        if canary.spec.service is None:
            return "spec.service: required; write at least port"
        for field in beyond_weights(canary):
            return f"{field}: a TrafficSplit divides traffic by weight alone; remove it"
        return ""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Create it with all traffic on the primary, or bring it to the spec; weights that are there stay."""
        current = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if current is None:
            await self._create(cluster, canary, raw, NOTHING)
            return
        await amend(cluster, self._path(canary), lambda there: _patch(there, canary, _split(there, canary) or NOTHING))

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Change both weights in one request; an object that vanished is made again."""
        try:
            await amend(cluster, self._path(canary), lambda there: _patch(there, canary, split))
        except NotFound:
            await self._create(cluster, canary, raw, split)

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From the weights of the two backends; None when somebody leads the traffic elsewhere."""
        current = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        return _split(current, canary) if current else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """None is ever told: a TrafficSplit has no status."""
        del cluster, canary
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete ours while both its ends serve: from then on the Service alone leads the traffic."""
        current = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if current and is_owned_by(current, raw):
            with suppress(NotFound):
                await cluster.delete(self._path(canary))

    def _path(self, canary: Canary) -> str:
        return self._resource.path(canary.namespace, canary.apex_name)

    async def _create(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        manifest: Json = self._resource.header(canary.namespace, canary.apex_name)
        manifest["metadata"] |= {"annotations": dict(NOT_FLUX), "ownerReferences": [owner_of(raw)]}
        manifest["spec"] = _spec(canary, split)
        await cluster.create(self._resource.path(canary.namespace), manifest)


def _spec(canary: Canary, split: Split) -> Json:
    """The root is what clients call: the first of `service.hosts`, or the apex Service."""
    hosts = canary.spec.service.hosts if canary.spec.service else None
    backends = [
        {"service": canary.canary_service, "weight": split.canary},
        {"service": canary.primary_service, "weight": split.primary},
    ]
    return {"service": hosts[0] if hosts else canary.apex_name, "backends": backends}


def _patch(current: Json, canary: Canary, split: Split) -> Json | None:
    wanted = _spec(canary, split)
    if _split(current, canary) == split and current["spec"].get("service") == wanted["service"]:
        return None
    return {"spec": wanted}


def _split(current: Json, canary: Canary) -> Split | None:
    """A weight of v1alpha1 is a quantity, which the API server may store as text."""
    weights = {each["service"]: _number(each.get("weight")) for each in current["spec"].get("backends") or []}
    if weights.keys() != {canary.canary_service, canary.primary_service}:
        return None
    weight = weights[canary.canary_service]
    return Split(weight) if weight + weights[canary.primary_service] == NOTHING.primary else None


def _number(weight: object) -> int:
    text = str(weight)
    return int(text) if text.isdecimal() else -1
