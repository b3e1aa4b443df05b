"""What a rollout needs of a Service."""

from typing import Any

import pytest

from k8s.targets.base import NO_PODS
from k8s.targets.service import ServiceTarget
from tests.objects import a_core_service, a_model, a_service

Json = dict[str, Any]
KIND = ServiceTarget()
REF = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
PORTS = [{"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}]


def test_template() -> None:
    """Where the Service leads, and not where it is found."""
    service = a_core_service(sessionAffinity="None", ipFamilies=["IPv4"])
    assert KIND.template(service) == {
        "type": "ClusterIP",
        "selector": {"app": "podinfo", "version": "1"},
        "ports": PORTS,
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
    }


@pytest.mark.parametrize("door", ["NodePort", "LoadBalancer"])
def test_doors_to_the_outside(door: str) -> None:
    """They stay the target's: a copy is for the mesh, and what the cluster gives to a door is no release."""
    outside: Json = {"externalTrafficPolicy": "Local", "healthCheckNodePort": 30001, "loadBalancerIP": "192.0.2.1"}
    service = a_core_service(type=door, ports=[PORTS[0] | {"nodePort": 30000}], **outside)
    assert KIND.template(service) == KIND.template(a_core_service())
    assert service["spec"]["ports"][0]["nodePort"] == 30000


def test_headless() -> None:
    """A Service without an address has copies without one."""
    assert KIND.template(a_core_service(clusterIP="None", clusterIPs=["None"]))["clusterIP"] == "None"


def test_copy() -> None:
    """It selects as the target does, and carries its labels, but nobody's marks of writing."""
    target = a_core_service()
    target["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "x"
    target["metadata"]["annotations"] = {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    copy = KIND.copy(target, KIND.template(target), "podinfo-canary", NO_PODS)
    assert copy["metadata"] == {
        "name": "podinfo-canary",
        "namespace": "test",
        "labels": {"team": "birds"},
        "annotations": {"a": "b"},
    }
    assert copy["spec"] == KIND.template(target)


def test_promoted() -> None:
    """The addresses that the cluster gave it stay: they may not change."""
    primary = a_core_service("podinfo-primary", clusterIP="10.0.0.9", clusterIPs=["10.0.0.9"])
    target = a_core_service(version="2")
    promoted = KIND.promoted(primary, target, KIND.template(target))
    assert promoted["spec"] == target["spec"] | {"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"]}


def test_names() -> None:
    """Both sides are copies; the target is the apex."""
    assert (KIND.primary_name("podinfo"), KIND.canary_name("podinfo")) == ("podinfo-primary", "podinfo-canary")
    assert not KIND.selector(a_core_service())


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({}, ""),
        ({"service": a_service(name="podinfo")}, ""),
        (
            {"service": a_service(name="shop")},
            (
                "spec.service.name: shop is not the target; a Service that is released is its own apex, "
                "so remove the field or write podinfo"
            ),
        ),
        (
            {"autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}},
            "spec.autoscalerRef: a Service cannot be scaled; remove it",
        ),
    ],
)
def test_problem(spec: Json, problem: str) -> None:
    """Field, value and remedy."""
    assert KIND.problem(a_model(targetRef=REF, **spec), "linkerd") == problem
