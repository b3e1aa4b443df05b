"""The ports of the generated Services: the one that `spec.service` describes, and those of the containers. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.models.service import DNS_LABEL, LABEL_LENGTH, Service
from k8s.targets.base import UnfitTarget

PROXIES = frozenset({"istio-proxy", "envoy"})
"""Containers whose ports are the mesh's, not the application's."""
DEFAULT_NAME, DEFAULT_PROTOCOL = "http", "TCP"


def service_ports(canary: Canary, template: Json) -> list[Json]:
    """The ports of all three Services, the described one first.

    Args:
        canary: its `spec.service` says which.
        template: the target's pod template, for `portDiscovery`.

    Raises:
        UnfitTarget: no Service can have these ports; the text says what to change.
    """
    service = canary.spec.service
    if service is None:
        raise UnfitTarget("spec.service: required; write at least the port that clients call")
    ports = [port_of(service), *(_discovered(service, template) if service.port_discovery else ())]
    for port in ports:
        _check_name(port)
    _check_unique(ports)
    return ports


def port_of(service: Service) -> Json:
    """The one port that is described."""
    port: Json = {"name": service.port_name or DEFAULT_NAME, "protocol": DEFAULT_PROTOCOL, "port": service.port}
    port["targetPort"] = service.target_port or service.port
    if service.app_protocol:
        port["appProtocol"] = service.app_protocol
    return port


def _discovered(service: Service, template: Json) -> Iterator[Json]:
    """Every other port of the containers, under its own number, name and protocol."""
    described = service.target_port or service.port
    for container in (template.get("spec") or {}).get("containers") or []:
        if container["name"] in PROXIES:
            continue
        for index, port in enumerate(container.get("ports") or []):
            number, protocol = port["containerPort"], port.get("protocol") or DEFAULT_PROTOCOL
            if described in (number, port.get("name")):
                continue
            name = port.get("name") or f"{protocol.lower()}-{container['name']}-{index}"
            yield {"name": name, "protocol": protocol, "port": number, "targetPort": number}


def _check_name(port: Json) -> None:
    name = port["name"]
    if len(name) > LABEL_LENGTH or not re.fullmatch(DNS_LABEL, name):
        raise UnfitTarget(
            f"port {port['port']}: {name!r} cannot name a port of a Service; write up to {LABEL_LENGTH} lower-case "
            "letters, digits and hyphens into spec.service.portName or, for a discovered port, the container's ports"
        )


def _check_unique(ports: list[Json]) -> None:
    """Containers share the pod's ports, but may give two of them one name; a Service may not."""
    for what, keys in {
        "name": [port["name"] for port in ports],
        "number": [f"{port['port']}/{port['protocol']}" for port in ports],
    }.items():
        for key, count in Counter(keys).items():
            if count > 1:
                raise UnfitTarget(
                    f"spec.service.portDiscovery: {count} ports have the {what} {key}, which a Service may have once; "
                    f"change spec.service or the containers' ports, or set portDiscovery to false"
                )
