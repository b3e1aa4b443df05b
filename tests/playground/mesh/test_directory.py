"""Hosts, endpoints, and what a pod is told from."""

from typing import Any

import pytest

from k8s.client import Json
from playground.mesh.backend import Backend
from playground.mesh.directory import Endpoint, NoEndpoint, UnknownHost
from playground.mesh.pods import Pod, Workload
from tests.playground.mesh.objects import HASH, Cluster, a_pod, a_service

APEX = Backend("test", "podinfo", 9898)


@pytest.mark.parametrize(
    "host", ["podinfo.test", "podinfo.test.svc", "podinfo.test.svc.cluster.local", "PODINFO.test.", "podinfo"]
)
def test_a_service_has_many_names(host: str) -> None:
    """All that a cluster's DNS knows; the bare one too, where only one namespace has it."""
    cluster = Cluster()
    cluster.podinfo()
    assert cluster.directory.resolve(host, 9898) == APEX


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("other.test", "other.test: there is no Service other in namespace test"),
        ("app.example.com", "app.example.com: there is no Service app in namespace example.com"),
        ("127.0.0.1", "127.0.0.1: there is no Service 127 in namespace 0.0.1"),
        ("nobody", "nobody: there is no Service of that name"),
        ("twin", "twin: there is one in each of a, b; write twin.NAMESPACE"),
    ],
)
def test_a_host_that_is_no_service_is_explained(host: str, why: str) -> None:
    """By what it was taken for."""
    cluster = Cluster()
    for namespace in ("b", "a"):
        cluster.services.put(a_service("twin", namespace=namespace))
    assert cluster.directory.resolve(host, 80) == UnknownHost(why)


def endpoints(cluster: Cluster, backend: Backend = APEX) -> list[str]:
    """Names of the pods behind a Service."""
    found = cluster.directory.endpoints(backend)
    return [endpoint.pod.name for endpoint in found] if isinstance(found, list) else [found.why]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ready": False}, id="not ready"),
        pytest.param({"terminating": True}, id="terminating"),
        pytest.param({"labels": {"app": "other"}}, id="other labels"),
        pytest.param({"namespace": "other"}, id="other namespace"),
    ],
)
def test_only_ready_pods_of_the_selector_are_endpoints(changes: Json) -> None:
    """Others get no request; without any the Service says so."""
    cluster = Cluster()
    cluster.services.put(a_service())
    cluster.pods.put(a_pod(**changes))
    assert endpoints(cluster) == ["Service podinfo.test has no ready endpoint"]
    cluster.pods.put(a_pod(suffix="ready"))
    assert endpoints(cluster) == [f"podinfo-{HASH}-ready"]


def test_changes_are_seen_at_once() -> None:
    """Of pods and of the Service's selector."""
    cluster = Cluster()
    cluster.services.put(a_service())
    cluster.pods.put(a_pod(suffix="a"))
    cluster.pods.put(gone := a_pod(suffix="b"))
    assert len(endpoints(cluster)) == 2
    cluster.pods.remove(gone)
    assert endpoints(cluster) == [f"podinfo-{HASH}-a"]
    cluster.services.put(a_service(selector={"app": "podinfo-primary"}))
    assert endpoints(cluster) == ["Service podinfo.test has no ready endpoint"]


def test_a_service_without_selector_has_no_endpoints() -> None:
    """It does not select everything."""
    cluster = Cluster()
    service = a_service()
    service["spec"]["selector"] = None
    cluster.services.put(service)
    cluster.pods.put(a_pod())
    assert endpoints(cluster) == ["Service podinfo.test has no ready endpoint"]


@pytest.mark.parametrize(
    ("changes", "port"),
    [
        pytest.param({"targetPort": 8080}, 8080, id="number"),
        pytest.param({"targetPort": "http"}, 9898, id="name"),
        pytest.param({"port": 80, "targetPort": "nameless"}, 80, id="name that no container has"),
    ],
)
def test_the_target_port_is_the_containers(changes: dict[str, Any], port: int) -> None:
    """Whether the Service gives its number or its name."""
    cluster = Cluster()
    cluster.services.put(service := a_service(**changes))
    cluster.pods.put(a_pod())
    found = cluster.directory.endpoints(APEX._replace(port=service["spec"]["ports"][0]["port"]))
    assert isinstance(found, list)
    assert [type(endpoint) is Endpoint and endpoint.port for endpoint in found] == [port]


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (APEX._replace(port=80), NoEndpoint(502, "Service podinfo.test has no port 80: 9898")),
        (APEX._replace(service="x"), NoEndpoint(500, "backend x.test:9898: there is no such Service")),
    ],
)
def test_a_backend_that_is_not_there_is_named(backend: Backend, expected: NoEndpoint) -> None:
    """With what there is instead."""
    cluster = Cluster()
    cluster.podinfo()
    assert cluster.directory.endpoints(backend) == expected


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("ghcr.io/stefanprodan/podinfo:6.0.1", "6.0.1"),
        ("podinfo:6.0.1@sha256:" + "0" * 64, "6.0.1"),
        ("registry.example:5000/podinfo", "latest"),
        ("registry.example:5000/podinfo:2", "2"),
    ],
)
def test_the_version_is_the_images_tag(image: str, version: str) -> None:
    """Of the application's container, not of a proxy beside it."""
    assert Pod.of(a_pod(image=image)).version == version


@pytest.mark.parametrize(
    ("owner", "workload"),
    [
        ({"kind": "ReplicaSet", "name": f"podinfo-{HASH}"}, Workload("deployment", "podinfo")),
        ({"kind": "ReplicaSet", "name": "by-hand"}, Workload("replicaset", "by-hand")),
        ({"kind": "DaemonSet", "name": "podinfo"}, Workload("daemonset", "podinfo")),
        ({"kind": "StatefulSet", "name": "podinfo"}, Workload("statefulset", "podinfo")),
        ({"kind": "Job", "name": "podinfo"}, Workload("k8s_job", "podinfo")),
        ({"kind": "Rollout", "name": "podinfo"}, None),
        (None, None),
    ],
)
def test_the_workload_is_the_controller_behind_the_pod(owner: Json | None, workload: Workload | None) -> None:
    """A Deployment's name is its ReplicaSet's without the hash."""
    assert Pod.of(a_pod(owner=owner and {**owner, "controller": True})).workload == workload


def test_only_plain_values_of_the_environment_are_known() -> None:
    """A value from a Secret is not taken for an empty one."""
    obj = a_pod(env={"PODINFO_FAULT_RATE": "0.5"})
    obj["spec"]["containers"][1]["env"].append({"name": "SECRET", "valueFrom": {}})
    assert Pod.of(obj).env == {"PODINFO_FAULT_RATE": "0.5"}
