"""The three ClusterIP Services: `{apex}` and `{apex}-primary` lead to the primary, `{apex}-canary` to the target."""

from typing import NamedTuple

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.resources import SERVICES
from k8s.targets.base import Selector

NOT_FLUX = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}
"""What tells Flux to leave a generated object alone (fluxcd/flagger#1049)."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def ensure_side_services(cluster: Cluster, canary: Canary, raw: Json, selector: Selector) -> None:
    """`{apex}-canary` and `{apex}-primary`: each always leads to its own pods."""
    await _ensure(cluster, canary, raw, _Wanted(canary.canary_service, selector.canary, selector.label))
    await _ensure(cluster, canary, raw, _Wanted(canary.primary_service, selector.primary, selector.label))


async def ensure_apex_service(cluster: Cluster, canary: Canary, raw: Json, selector: Selector) -> None:
    """`{apex}` leads to the primary's pods: call it once they are ready. A Service that was there is taken over."""
    await _ensure(cluster, canary, raw, _Wanted(canary.apex_name, selector.primary, selector.label))


async def restore_apex_service(cluster: Cluster, canary: Canary, raw: Json, selector: Selector) -> None:
    """Lead the Service to the target again; one of ours stays too, since the target's users call it by now."""
    path = SERVICES.path(canary.namespace, canary.apex_name)
    if await find(cluster, SERVICES, canary.namespace, canary.apex_name):
        await amend(cluster, path, lambda service: _handed_over(service, raw, selector.canary))


class _Wanted(NamedTuple):
    """One of the three, as it shall be."""

    name: str
    selector: dict[str, str]
    label: str


async def _ensure(cluster: Cluster, canary: Canary, raw: Json, wanted: _Wanted) -> None:
    namespace, (name, selector, label) = canary.namespace, wanted
    ports = [port_of(canary)]
    if await find(cluster, SERVICES, namespace, name) is None:
        manifest = SERVICES.header(namespace, name)
        manifest["metadata"] = {
            "name": name,
            "namespace": namespace,
            "labels": {label: name},
            "annotations": dict(NOT_FLUX),
            "ownerReferences": [owner_of(raw)],
        }
        manifest["spec"] = {"type": "ClusterIP", "selector": selector, "ports": ports}
        await cluster.create(SERVICES.path(namespace), manifest)
        return
    await amend(cluster, SERVICES.path(namespace, name), lambda current: _led_to(current, selector, ports))


def port_of(canary: Canary) -> Json:
    """The one port that `spec.service` describes."""
    service = canary.spec.service
    if service is None:
        raise ValueError("spec.service: required")
    port: Json = {"name": service.port_name or "http", "protocol": "TCP", "port": service.port}
    port["targetPort"] = service.target_port or service.port
    if service.app_protocol:
        port["appProtocol"] = service.app_protocol
    return port


def _led_to(current: Json, selector: dict[str, str], ports: list[Json]) -> Json | None:
    """A patch of selector and ports; node ports that the cluster gave stay."""
    spec = current["spec"]
    given = {port.get("name"): port["nodePort"] for port in spec.get("ports") or [] if port.get("nodePort")}
    wanted = [port | ({"nodePort": given[port["name"]]} if port["name"] in given else {}) for port in ports]
    if spec.get("selector") == selector and spec.get("ports") == wanted:
        return None
    return {"spec": {"selector": _replacing(spec.get("selector"), selector), "ports": wanted}}


def _handed_over(service: Json, canary: Json, selector: dict[str, str]) -> Json:
    """Not collected with the Canary, and leading elsewhere."""
    patch: Json = {"spec": {"selector": _replacing(service["spec"].get("selector"), selector)}}
    if is_owned_by(service, canary):
        owners = [
            owner for owner in service["metadata"]["ownerReferences"] if owner["uid"] != canary["metadata"]["uid"]
        ]
        patch["metadata"] = {"ownerReferences": owners or None}
    return patch


def _replacing(old: dict[str, str] | None, new: dict[str, str]) -> dict[str, str | None]:
    """A merge patch keeps keys that it does not name, so name the old ones as gone."""
    return {**dict.fromkeys(old or {}), **new}
