"""The ports of the Services: described, discovered, and refused where no Service could have them."""

from typing import Any

import pytest

from k8s.ports import service_ports
from k8s.targets.base import UnfitTarget
from tests.objects import a_model, a_service, a_template

Json = dict[str, Any]
PORT = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}
LONG = "an-application-whose-container-has-a-rather-long-name-of-its-own"


def with_ports(*ports: Json, **others: list[Json]) -> Json:
    """A template whose application has these ports, beside other containers with theirs."""
    containers = {"podinfod": list(ports), **{name.replace("_", "-"): ports for name, ports in others.items()}}
    return {"spec": {"containers": [{"name": name, "ports": ports} for name, ports in containers.items()]}}


def ports(template: Json | None = None, **service: Any) -> list[Json]:
    """Of the Services of a Canary whose `spec.service` has these fields."""
    return service_ports(a_model(service=a_service(**service)), a_template() if template is None else template)


def discovered(template: Json, **service: Any) -> list[Json]:
    """The ports after the first one, with portDiscovery."""
    return ports(template, **({"portDiscovery": True} | service))[1:]


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ({}, PORT),
        ({"targetPort": None}, PORT),
        ({"targetPort": 0}, PORT),
        ({"targetPort": "web"}, PORT | {"targetPort": "web"}),
        ({"portName": "grpc"}, PORT | {"name": "grpc"}),
        ({"appProtocol": "http2"}, PORT | {"appProtocol": "http2"}),
        ({"port": 80, "targetPort": 8080}, PORT | {"port": 80, "targetPort": 8080}),
        ({"portDiscovery": True}, PORT),
    ],
)
def test_described(service: Json, port: Json) -> None:
    """As `spec.service` says, with Flagger's defaults; a port of the container that it leads to is no other port."""
    assert ports(**service) == [port]


def test_discovered() -> None:
    """Every other port of every container, by its name or by its place; the mesh's are not the application's."""
    template = with_ports(
        {"name": "http", "containerPort": 9898},
        {"containerPort": 9999},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        side_car=[{"name": "metrics", "containerPort": 9090}],
        istio_proxy=[{"containerPort": 15090}],
        envoy=[{"containerPort": 9901}],
    )
    template["spec"]["initContainers"] = [{"name": "init", "ports": [{"containerPort": 1}]}]
    assert discovered(template, appProtocol="http") == [
        {"name": "tcp-podinfod-1", "protocol": "TCP", "port": 9999, "targetPort": 9999},
        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53},
        {"name": "metrics", "protocol": "TCP", "port": 9090, "targetPort": 9090},
    ]


@pytest.mark.parametrize(
    ("service", "names"),
    [
        ({"port": 80, "targetPort": 8080, "portName": "web"}, ["grpc"]),
        ({"port": 80, "targetPort": "http", "portName": "web"}, ["grpc"]),
        ({"port": 8080, "targetPort": None, "portName": "web"}, ["grpc"]),
        ({"port": 80, "targetPort": 80, "portName": "web"}, ["http", "grpc"]),
    ],
)
def test_described_port_is_not_discovered(service: Json, names: list[str]) -> None:
    """By the number or the name it leads to."""
    template = with_ports({"name": "http", "containerPort": 8080}, {"name": "grpc", "containerPort": 9000})
    assert [port["name"] for port in discovered(template, **service)] == names


def test_not_asked_for() -> None:
    """Without portDiscovery there is the one port."""
    assert ports(with_ports({"containerPort": 1})) == [PORT]


@pytest.mark.parametrize("template", [{}, {"spec": None}, {"spec": {"containers": [{"name": "a", "ports": None}]}}])
def test_nothing_to_discover(template: Json) -> None:
    """A target without ports is one."""
    assert discovered(template) == []


def test_no_service() -> None:
    """Without `spec.service` there is no port, and the text names the field."""
    with pytest.raises(UnfitTarget, match=r"spec\.service: required; write at least the port"):
        service_ports(a_model(service=None), a_template())


@pytest.mark.parametrize(
    ("template", "service", "refusal"),
    [
        (with_ports(), {"portName": "HTTP"}, r"port 9898: 'HTTP' cannot name a port .* spec\.service\.portName"),
        (with_ports(**{LONG: [{"containerPort": 1}]}), {}, rf"port 1: 'tcp-{LONG}-0' cannot name a port"),
        (
            with_ports({"name": "http", "containerPort": 3000}),
            {},
            r"spec\.service\.portDiscovery: 2 ports have the name http, .* set portDiscovery to false",
        ),
        (
            with_ports({"name": "a", "containerPort": 1}, other=[{"name": "a", "containerPort": 2}]),
            {},
            "2 ports have the name a,",
        ),
        (
            with_ports({"name": "admin", "containerPort": 80}),
            {"port": 80, "targetPort": 8080},
            "2 ports have the number 80/TCP,",
        ),
    ],
    ids=["portName", "long name", "name of the described port", "name in two containers", "number"],
)
def test_refused(template: Json, service: Json, refusal: str) -> None:
    """What the API server would refuse is refused with the field to change."""
    with pytest.raises(UnfitTarget, match=refusal):
        ports(template, **({"portDiscovery": True} | service))
