"""The three ClusterIP Services: `{apex}` and `{apex}-primary` lead to the primary, `{apex}-canary` to the target.

Ports and selector always follow the Canary. Labels and annotations do on Services that are ours; a Service that was
there before is only led elsewhere. What a Service is made as (headless, trafficDistribution) stays.
"""

import json
from contextlib import suppress
from typing import NamedTuple

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.metadata import LAST_APPLIED
from k8s.models.canary import Canary
from k8s.models.service import Service, ServiceMetadata, UnmanagedMetadata
from k8s.resources import SERVICES
from k8s.targets.base import Selector

NOT_FLUX = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}
"""What tells Flux to leave a generated object alone (fluxcd/flagger#1049)."""


class Lead(NamedTuple):
    """Whereto the Services lead: the label that tells the pods apart, and their ports (`k8s.ports`)."""

    selector: Selector
    ports: list[Json]


async def ensure_side_services(cluster: Cluster, canary: Canary, raw: Json, lead: Lead) -> None:
    """`{apex}-canary` and `{apex}-primary`: each always leads to its own pods."""
    given = canary.spec.service
    for name, selector, metadata in (
        (canary.canary_service, lead.selector.canary, given.canary if given else None),
        (canary.primary_service, lead.selector.primary, given.primary if given else None),
    ):
        await _ensure(cluster, canary, raw, _wanted(name, selector, lead, metadata))


async def ensure_apex_service(cluster: Cluster, canary: Canary, raw: Json, lead: Lead) -> None:
    """`{apex}` leads to the primary's pods: call it once they are ready. A Service that was there is taken over."""
    given = canary.spec.service
    metadata = given.apex if given else None
    await _ensure(cluster, canary, raw, _wanted(canary.apex_name, lead.selector.primary, lead, metadata))


async def restore_apex_service(cluster: Cluster, canary: Canary, raw: Json, selector: Selector) -> None:
    """Lead the Service as its owner last applied it, or else to the target's pods.

    One of ours stays too, since the target's users call it by now.
    """
    path = SERVICES.path(canary.namespace, canary.apex_name)
    if await find(cluster, SERVICES, canary.namespace, canary.apex_name):
        await amend(cluster, path, lambda service: _handed_over(service, raw, selector.canary))


async def abandoned_services(cluster: Cluster, canary: Canary, raw: Json) -> list[str]:
    """Names of Services that were made for this Canary when `spec.service.name` was another one.

    All Services of the namespace are looked at, unless the spec is still the first: it had no other name.
    """
    if raw["metadata"]["generation"] == 1:
        return []
    wanted = {canary.apex_name, canary.primary_service, canary.canary_service}
    listing = await cluster.get(SERVICES.path(canary.namespace))
    owned = {service["metadata"]["name"] for service in listing["items"] or [] if is_owned_by(service, raw)}
    return sorted(owned - wanted)


class _Wanted(NamedTuple):
    """One of the three, as it shall be."""

    name: str
    selector: dict[str, str]
    ports: list[Json]
    metadata: dict[str, dict[str, str]]
    """`labels` and `annotations`."""


def _wanted(name: str, selector: dict[str, str], lead: Lead, given: ServiceMetadata | None) -> _Wanted:
    given = given or ServiceMetadata()
    labels = {**given.labels, lead.selector.label: name}
    return _Wanted(name, selector, lead.ports, {"labels": labels, "annotations": {**given.annotations, **NOT_FLUX}})


async def _ensure(cluster: Cluster, canary: Canary, raw: Json, wanted: _Wanted) -> None:
    path = SERVICES.path(canary.namespace, wanted.name)
    if await find(cluster, SERVICES, canary.namespace, wanted.name) is None:
        await cluster.create(SERVICES.path(canary.namespace), _manifest(canary, raw, wanted))
        return
    await amend(cluster, path, lambda current: _patch(current, canary, raw, wanted))


def _manifest(canary: Canary, raw: Json, wanted: _Wanted) -> Json:
    manifest: Json = SERVICES.header(canary.namespace, wanted.name)
    manifest["metadata"] |= {**wanted.metadata, "ownerReferences": [owner_of(raw)]}
    manifest["spec"] = {"type": "ClusterIP", "selector": wanted.selector, "ports": wanted.ports}
    manifest["spec"] |= _made_as(canary.spec.service)
    return manifest


def _made_as(service: Service | None) -> Json:
    """What only a new Service gets."""
    headless = {"clusterIP": "None"} if service and service.headless else {}
    distribution = service.traffic_distribution if service else None
    return headless | ({"trafficDistribution": distribution} if distribution else {})


def _patch(current: Json, canary: Canary, raw: Json, wanted: _Wanted) -> Json | None:
    """A merge patch of what differs; None when nothing does."""
    unmanaged = canary.spec.service.unmanaged_metadata if canary.spec.service else None
    metadata = _metadata_patch(current, wanted, unmanaged) if is_owned_by(current, raw) else {}
    spec = _spec_patch(current["spec"], wanted)
    patch = ({"metadata": metadata} if metadata else {}) | ({"spec": spec} if spec else {})
    return patch or None


def _metadata_patch(current: Json, wanted: _Wanted, unmanaged: UnmanagedMetadata | None) -> Json:
    """Labels and annotations as given, but for unmanaged keys that are there, which keep their values."""
    patch: Json = {}
    for field, given in wanted.metadata.items():
        present = current["metadata"].get(field) or {}
        left_alone = getattr(unmanaged or UnmanagedMetadata(), field)
        goal = given | {key: value for key, value in present.items() if key in left_alone}
        if present != goal:
            patch[field] = _replacing(present, goal)
    return patch


def _spec_patch(spec: Json, wanted: _Wanted) -> Json:
    """Selector and ports; node ports that the cluster gave stay."""
    given = {port.get("name"): port["nodePort"] for port in spec.get("ports") or [] if port.get("nodePort")}
    ports = [port | ({"nodePort": given[port["name"]]} if port["name"] in given else {}) for port in wanted.ports]
    if spec.get("selector") == wanted.selector and spec.get("ports") == ports:
        return {}
    return {"selector": _replacing(spec.get("selector"), wanted.selector), "ports": ports}


def applied_selector(service: Json) -> dict[str, str]:
    """The selector that its owner last gave to `kubectl apply`; empty when nobody did."""
    text = (service["metadata"].get("annotations") or {}).get(LAST_APPLIED, "")
    with suppress(ValueError, TypeError, KeyError):
        return dict(json.loads(text)["spec"]["selector"])
    return {}


def _handed_over(service: Json, canary: Json, target: dict[str, str]) -> Json | None:
    """Not collected with the Canary, and leading elsewhere; None when it is so already."""
    selector = applied_selector(service) or target
    patch: Json = {}
    if service["spec"].get("selector") != selector:
        patch["spec"] = {"selector": _replacing(service["spec"].get("selector"), selector)}
    if is_owned_by(service, canary):
        owners = service["metadata"]["ownerReferences"]
        others = [owner for owner in owners if owner["uid"] != canary["metadata"]["uid"]]
        patch["metadata"] = {"ownerReferences": others or None}
    return patch or None


def _replacing(old: dict[str, str] | None, new: dict[str, str]) -> dict[str, str | None]:
    """A merge patch keeps keys that it does not name, so name the old ones as gone."""
    return {**dict.fromkeys(old or {}), **new}
