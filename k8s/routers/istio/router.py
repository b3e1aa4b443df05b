"""Istio: the VirtualService `{apex}`, and a DestinationRule for each side.

API: networking.istio.io/v1beta1. A VirtualService that somebody else made is taken over; what it was is kept on it, in
the annotation that Flagger uses too, and stands there again when the Canary goes.
"""

import json

from k8s.apply import is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.inheritance import apply_wholly
from k8s.metadata import LAST_APPLIED
from k8s.models.canary import Canary
from k8s.models.service import Service
from k8s.resources import DESTINATION_RULES, VIRTUAL_SERVICES
from k8s.routers.base import SERVICE_MISSING, Split, UnfitRoute, route_metadata
from k8s.routers.istio.fit import require_fit
from k8s.routers.istio.matches import MESH
from k8s.routers.istio.present import RULES
from k8s.routers.istio.rules import is_tcp, rules_of
from k8s.routers.ruled import RuledRouter, spec_patch
from k8s.services import NOT_FLUX

ORIGINAL = "flagger.kubernetes.io/original-configuration"


class IstioRouter(RuledRouter):
    """Writes the Canary's routes, and in a VirtualService of its own the hosts and gateways."""

    def __init__(self) -> None:
        super().__init__(VIRTUAL_SERVICES, RULES, "Istio")

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """The DestinationRules first, since they say how the sides are spoken to; then the VirtualService."""
        for side in (canary.canary_service, canary.primary_service):
            await apply_wholly(cluster, DESTINATION_RULES, _destination_rule(canary, raw, side))
        await super().initialize(cluster, canary, raw)

    def _require_fit(self, canary: Canary) -> None:
        require_fit(canary)

    def _rules(self, canary: Canary, split: Split) -> list[Json]:
        return rules_of(canary, split)

    def _field(self, canary: Canary) -> str:
        return "tcp" if is_tcp(canary) else "http"

    def _rest(self, there: Json | None, canary: Canary) -> Json:
        """In somebody else's object hosts and gateways that the Canary does not name are theirs to say."""
        service = _service(canary)
        if service.delegation:
            return {"hosts": None, "gateways": None}
        is_ours = there is None or _is_owned(there, canary)
        hosts = {"hosts": _hosts(canary, service)} if service.hosts or is_ours else {}
        gateways = {"gateways": service.gateways or [MESH]} if service.gateways or is_ours else {}
        return hosts | gateways

    def _metadata(self, there: Json, canary: Canary) -> Json:
        """With what stands there now, when it is somebody else's and about to be written for the first time."""
        metadata = route_metadata(canary)
        annotations = there["metadata"].get("annotations") or {}
        known = _is_owned(there, canary) or {ORIGINAL, LAST_APPLIED} & annotations.keys()
        if known or self._split(there, canary):
            return metadata
        return {**metadata, "annotations": {**metadata["annotations"], ORIGINAL: json.dumps(there["spec"])}}

    def _handed_back(self, there: Json, canary: Canary) -> Json | None:
        """The original's routes in the place of the Canary's, its hosts and its gateways; others' edits stay."""
        original, present = _original(there), self._present(there, canary)
        if original is None or not RULES.are_led(present, canary):
            patch = super()._handed_back(there, canary)
        else:
            field = self._field(canary)
            theirs = RULES.handed_back(RULES.ours(original.get(field) or [], canary), canary)
            rules = RULES.replaced(present, theirs, canary)
            patch = spec_patch(there, _attachment(original) | {field: rules or None})
        if ORIGINAL in (there["metadata"].get("annotations") or {}):
            return {**(patch or {}), "metadata": {"annotations": {ORIGINAL: None}}}
        return patch


def _service(canary: Canary) -> Service:
    if canary.spec.service is None:
        raise UnfitRoute(SERVICE_MISSING)
    return canary.spec.service


def _hosts(canary: Canary, service: Service) -> list[str]:
    """Whoever calls the apex Service by its name is routed too."""
    named = {"*", canary.apex_name} & set(service.hosts)
    return [*service.hosts, *([] if named else [canary.apex_name])]


def _is_owned(there: Json, canary: Canary) -> bool:
    return is_owned_by(there, {"metadata": {"uid": canary.metadata.uid}})


def _original(there: Json) -> Json | None:
    """The spec as its owner last applied it, or else as it was found; None when nobody knows."""
    annotations = there["metadata"].get("annotations") or {}
    if LAST_APPLIED in annotations:
        return dict(json.loads(annotations[LAST_APPLIED]).get("spec") or {})
    return dict(json.loads(annotations[ORIGINAL])) if ORIGINAL in annotations else None


def _attachment(spec: Json) -> Json:
    """None takes off what was not there."""
    return {key: spec.get(key) for key in ("hosts", "gateways")}


def _destination_rule(canary: Canary, raw: Json, host: str) -> Json:
    manifest: Json = DESTINATION_RULES.header(canary.namespace, host)
    manifest["metadata"] |= {"annotations": dict(NOT_FLUX), "ownerReferences": [owner_of(raw)]}
    policy = _service(canary).traffic_policy
    return manifest | {"spec": {"host": host, **({"trafficPolicy": policy} if policy else {})}}
