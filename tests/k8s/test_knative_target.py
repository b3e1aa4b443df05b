"""What a rollout needs of a Knative Service."""

from typing import Any

import pytest

from k8s.readiness import Readiness, Ready, Waiting
from k8s.targets.base import NO_PODS, UnfitTarget
from k8s.targets.knative import KnativeTarget
from tests.objects import a_knative_revision, a_knative_service, a_model

Json = dict[str, Any]
KIND = KnativeTarget()
REF = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
AUTOSCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}


def test_template() -> None:
    """The name of the latest revision, whatever stands in the spec: Knative makes the revisions."""
    assert KIND.template(a_knative_service(latest="podinfo-00007")) == {"revisionName": "podinfo-00007"}


@pytest.mark.parametrize("status", [None, {}, {"latestCreatedRevisionName": ""}])
def test_no_revision_yet(status: Json | None) -> None:
    """There is nothing to release; the text says what to wait for."""
    service = a_knative_service() | {"status": status}
    assert KIND.canary_workload(service) == ""
    with pytest.raises(UnfitTarget, match=r"Knative service podinfo\.test status\.latestCreatedRevisionName is empty"):
        KIND.template(service)


def test_no_primary_yet() -> None:
    """Nothing is known to serve until the annotation says so."""
    service = a_knative_service()
    del service["metadata"]["annotations"]
    assert KIND.running(service) is None
    assert KIND.primary_workload(service) == ""


def test_promoted() -> None:
    """Only the annotation changes."""
    service = a_knative_service(latest="podinfo-00002", primary="podinfo-00001")
    promoted = KIND.promoted(service, service, KIND.template(service))
    assert promoted["metadata"]["annotations"] == {"flagger.app/primary-revision": "podinfo-00002"}
    assert promoted["spec"] == service["spec"]


def test_no_copy() -> None:
    """Both sides are the target itself, so nothing is ever made beside it."""
    assert (KIND.primary_name("podinfo"), KIND.canary_name("podinfo")) == ("podinfo", "podinfo")
    with pytest.raises(UnfitTarget, match=r"podinfo\.test is gone"):
        KIND.copy(a_knative_service(), {"revisionName": "a"}, "podinfo", NO_PODS)


@pytest.mark.parametrize(
    ("revision", "readiness"),
    [
        (a_knative_revision(), Ready()),
        (
            a_knative_revision(ready="Unknown", reason="Deploying"),
            Waiting("revision podinfo-00001 is not ready: Deploying", 0),
        ),
        (
            a_knative_revision(ready="False", reason="ContainerMissing", message="no such image"),
            Waiting("revision podinfo-00001 is not ready: no such image", 0),
        ),
        (
            a_knative_revision() | {"status": {}},
            Waiting("revision podinfo-00001 is not ready: Knative has not judged it yet", 0),
        ),
        (
            a_knative_revision() | {"status": {"observedGeneration": 0}},
            Waiting("revision podinfo-00001 is not ready: Knative has not judged it yet", 0, current=False),
        ),
    ],
)
def test_readiness(revision: Json, readiness: Readiness) -> None:
    """By the condition Ready; one that fails may yet recover, and the deadline is the rollout's."""
    assert KIND.readiness(revision, 100) == readiness
    assert KIND.is_serving(revision) is isinstance(readiness, Ready)


@pytest.mark.parametrize(
    ("provider", "spec", "problem"),
    [
        ("knative", {}, ""),
        ("istio", {}, "can't use istio provider with Knative Service as target"),
        ("knative", {"autoscalerRef": AUTOSCALER}, "can't use autoscaler with Knative Service"),
    ],
)
def test_problem(provider: str, spec: Json, problem: str) -> None:
    """Knative routes, and scales."""
    assert KIND.problem(a_model(targetRef=REF, **spec), provider) == problem
