"""Kuma: a TrafficRoute from everybody to the apex Service.

API: kuma.io/v1alpha1. A TrafficRoute belongs to the cluster, so neither a namespace nor an owner tells whose it is; the
Service that it is a route to does.
"""

from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.resources import TRAFFIC_ROUTES
from k8s.routers.base import (
    SERVICE_MISSING,
    Split,
    UnfitRoute,
    beyond_weights,
    metadata_patch,
    route_metadata,
    split_of,
)
from k8s.routers.single import NOTHING, SingleObjectRouter

MESH = "kuma.io/mesh"
"""Annotation of the Canary: the mesh of its Services."""
SERVICE = "kuma.io/service"
"""The tag by which Kuma knows a port of a Service: `{name}_{namespace}_svc_{port}`."""


class KumaRouter(SingleObjectRouter):
    """Writes the destination and the weights of both sides; what else stands there stays, such as `loadBalancer`."""

    def __init__(self) -> None:
        super().__init__(TRAFFIC_ROUTES)

    def problem(self, canary: Canary) -> str:
        """It divides by weight."""
        if canary.spec.service is None:
            return SERVICE_MISSING
        for field in beyond_weights(canary):
            return f"{field}: provider kuma divides traffic by weight alone; remove it"
        return ""

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        spec = {"sources": [{"match": {SERVICE: "*"}}], **_spec(canary, NOTHING)}
        mesh = canary.metadata.annotations.get(MESH, "default")
        return {"mesh": mesh, "metadata": route_metadata(canary), "spec": spec}

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        divided = self._divided(there, canary, self._kept(there, canary)) or {}
        moved = {"mesh": wanted["mesh"]} if there.get("mesh") != wanted["mesh"] else {}
        return {**divided, **moved, **metadata_patch(there, wanted["metadata"])} or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        if not _leads_from_apex(there, canary):
            raise UnfitRoute(
                f"TrafficRoute {canary.apex_name}: it is a route to another Service than {canary.apex_name}."
                f"{canary.namespace}, and a name is given once in a cluster; write another spec.service.name"
            )
        spec = _spec(canary, split)
        is_so = there["spec"]["destinations"] == spec["destinations"] and _shares(there) == spec["conf"]["split"]
        return None if is_so else {"spec": spec}

    def _split(self, there: Json, canary: Canary) -> Split | None:
        weights = {_portless(share["destination"]): share.get("weight") or 0 for share in _shares(there)}
        sides = (canary.primary_service, canary.canary_service)
        return split_of(weights, *(_portless(_tag(canary, side)) for side in sides))

    def _is_ours(self, there: Json, canary: Canary, raw: Json) -> bool:
        return _leads_from_apex(there, canary)


def _spec(canary: Canary, split: Split) -> Json:
    sides = ((canary.primary_service, split.primary), (canary.canary_service, split.canary))
    shares = [{"weight": weight, "destination": _tag(canary, name)} for name, weight in sides]
    return {"destinations": [{"match": _tag(canary, canary.apex_name)}], "conf": {"split": shares}}


def _tag(canary: Canary, service: str) -> Json:
    port = canary.spec.service.port if canary.spec.service else 0
    return {SERVICE: f"{service}_{canary.namespace}_svc_{port}"}


def _portless(tag: Json) -> str:
    """The port may be that of an older spec."""
    return str(tag.get(SERVICE, "")).rpartition("_")[0]


def _shares(there: Json) -> list[Json]:
    return list((there["spec"].get("conf") or {}).get("split") or [])


def _leads_from_apex(there: Json, canary: Canary) -> bool:
    destinations = [_portless(each.get("match") or {}) for each in there["spec"].get("destinations") or []]
    return destinations == [_portless(_tag(canary, canary.apex_name))]
