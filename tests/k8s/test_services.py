"""The three Services, made, taken over and handed back."""

from typing import Any

import pytest

from k8s.client import Cluster
from k8s.models.loading import load_canary
from k8s.resources import SERVICES
from k8s.services import ensure_apex_service, ensure_side_services, port_of, restore_apex_service
from k8s.targets.base import Selector
from tests.api_server import ApiServer
from tests.objects import a_canary, a_model, a_service

Json = dict[str, Any]
APP = Selector("app", "podinfo")
RAW = a_canary()
CANARY = load_canary(RAW)
APEX = SERVICES.path("test", "podinfo")
PORT = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}


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
    ],
)
def test_port(service: Json, port: Json) -> None:
    """As `spec.service` says, with Flagger's defaults."""
    assert port_of(a_model(service=a_service(**service))) == port


def test_port_of_nothing() -> None:
    """Without `spec.service` there is no port, and the text names the field."""
    with pytest.raises(ValueError, match=r"spec\.service: required"):
        port_of(a_model(service=None))


async def test_side_services(api: ApiServer, cluster: Cluster) -> None:
    """Each leads to its own pods, belongs to the Canary, and tells Flux to keep off."""
    await ensure_side_services(cluster, CANARY, RAW, APP)
    for name, app in (("podinfo-canary", "podinfo"), ("podinfo-primary", "podinfo-primary")):
        service = api.read(SERVICES.path("test", name))
        assert service
        assert service["spec"] == {"type": "ClusterIP", "selector": {"app": app}, "ports": [PORT]}
        assert service["metadata"]["labels"] == {"app": name}
        assert service["metadata"]["ownerReferences"][0]["uid"] == "uid-canary"
        assert service["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"


async def test_twice(api: ApiServer, cluster: Cluster) -> None:
    """A second time nothing is written."""
    await ensure_apex_service(cluster, CANARY, RAW, APP)
    before = api.version
    await ensure_apex_service(cluster, CANARY, RAW, APP)
    assert api.version == before


async def test_taking_over(api: ApiServer, cluster: Cluster) -> None:
    """A user's Service gets selector and ports, and keeps its labels, node ports and its owner."""
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "metrics", "port": 81, "nodePort": 30081}]
    await api.put(
        APEX,
        {
            "metadata": {"labels": {"team": "a"}},
            "spec": {"type": "NodePort", "selector": {"app": "podinfo", "tier": "web"}, "ports": ports},
        },
    )
    await ensure_apex_service(cluster, CANARY, RAW, APP)
    service = api.read(APEX)
    assert service
    assert service["spec"]["selector"] == {"app": "podinfo-primary"}
    assert service["spec"]["ports"] == [PORT | {"nodePort": 30080}]
    assert service["spec"]["type"] == "NodePort"
    assert service["metadata"]["labels"] == {"team": "a"}
    assert "ownerReferences" not in service["metadata"]


async def test_restoring(api: ApiServer, cluster: Cluster) -> None:
    """A user's Service leads to the target's pods again; twice is as good as once."""
    await api.put(APEX, {"spec": {"selector": {"app": "podinfo-primary", "odd": "x"}, "ports": [PORT]}})
    for _ in range(2):
        await restore_apex_service(cluster, CANARY, RAW, APP)
        service = api.read(APEX)
        assert service
        assert service["spec"]["selector"] == {"app": "podinfo"}


async def test_own_apex_is_handed_over(api: ApiServer, cluster: Cluster) -> None:
    """One that we made stays for its users when the Canary goes; one that is gone is not missed."""
    await restore_apex_service(cluster, CANARY, RAW, APP)
    await ensure_apex_service(cluster, CANARY, RAW, APP)
    await restore_apex_service(cluster, CANARY, RAW, APP)
    service = api.read(APEX)
    assert service
    assert service["spec"]["selector"] == {"app": "podinfo"}
    assert not service["metadata"].get("ownerReferences")
