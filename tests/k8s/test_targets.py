"""The contract of all targets: what the activities rely on, asked of every kind that is registered."""

from copy import deepcopy
from typing import Any

import pytest

from k8s.models.loading import load_canary
from k8s.readiness import Ready
from k8s.revision import template_hash
from k8s.targets.base import UnfitTarget
from k8s.targets.registry import KINDS, target_for
from tests.api_server import merged
from tests.objects import a_canary
from tests.targets import EXAMPLES, Example

Json = dict[str, Any]


every_kind = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def test_every_kind_is_asked() -> None:
    """A kind that is registered without an example here is not a kind yet."""
    assert [type(example.kind) for example in EXAMPLES] == [type(kind) for kind in KINDS]


@every_kind
def test_found_by_its_reference(example: Example) -> None:
    """By group and kind, whatever the version."""
    resource = example.kind.resource
    assert target_for(resource.api_version, resource.kind).resource == resource
    older = f"{resource.group}/v0" if resource.group else "core/v1"
    assert target_for(older, resource.kind).resource == resource


@every_kind
def test_no_problem(example: Example) -> None:
    """A plain Canary can release it."""
    assert example.kind.problem(load_canary(a_canary(targetRef=example.ref)), example.provider) == ""


@every_kind
def test_revisions(example: Example) -> None:
    """One hash a version, whatever is said of the object beside."""
    first, second = example.of(1), example.of(2)
    assert template_hash(example.kind.template(first)) != template_hash(example.kind.template(second))
    relabelled = merged(first, {"metadata": {"labels": {"team": "a"}, "resourceVersion": "9", "generation": 4}})
    assert template_hash(example.kind.template(relabelled)) == template_hash(example.kind.template(first))


@every_kind
def test_bootstrapped(example: Example) -> None:
    """The primary runs what the target had, and says so."""
    running = example.kind.running(example.primary(1))
    assert running is not None
    assert example.kind.runs(running, example.expected(1))
    assert not example.kind.runs(running, example.expected(2))
    assert (
        example.kind.mark(running) == example.kind.mark(example.expected(1)) != example.kind.mark(example.expected(2))
    )


@every_kind
def test_promoted(example: Example) -> None:
    """Then it runs the target's; its identity stays, and what was given is not changed."""
    primary, target = example.primary(1), example.of(2)
    given = deepcopy((primary, target))
    promoted = example.kind.promoted(primary, target, example.expected(2))
    assert (primary, target) == given
    running = example.kind.running(promoted)
    assert running is not None
    assert example.kind.runs(running, example.expected(2))
    assert promoted["metadata"].get("uid") == primary["metadata"].get("uid")
    assert promoted["metadata"].get("resourceVersion") == primary["metadata"].get("resourceVersion")
    assert example.kind.promoted(promoted, target, example.expected(2)) == promoted


@every_kind
def test_taken_back(example: Example) -> None:
    """What the primary ran before is all that is needed to bring it back."""
    primary = example.primary(1)
    former = example.kind.running(primary)
    promoted = example.kind.promoted(primary, example.of(2), example.expected(2))
    assert former is not None
    restored = example.kind.promoted(promoted, promoted, former)
    assert example.kind.running(restored) == former


@every_kind
def test_scaled(example: Example) -> None:
    """To zero and up again, each by one patch; the revision is the same all the while."""
    target = example.of(1)
    before = template_hash(example.kind.template(target))
    down = merged(target, example.kind.scaled(target, 0) or {})
    assert example.kind.scaled(down, 0) is None
    assert template_hash(example.kind.template(down)) == before
    replicas = example.kind.replicas(target)
    assert replicas > 0
    up = merged(down, example.kind.scaled(down, replicas) or {})
    assert example.kind.scaled(up, replicas) is None
    assert example.kind.replicas(up) == replicas
    assert template_hash(example.kind.template(up)) == before


@every_kind
def test_ready(example: Example) -> None:
    """A healthy workload is ready, and serves."""
    workload = example.workload(1)
    assert example.kind.readiness(workload, 100) == Ready()
    assert example.kind.is_serving(workload)


@every_kind
def test_workloads(example: Example) -> None:
    """What becomes ready has a name on both sides; mostly it is the object itself."""
    target, primary = example.of(2), example.primary(1)
    names = example.kind.canary_workload(target), example.kind.primary_workload(primary)
    if example.kind.workloads == example.kind.resource:
        assert names == ("podinfo", "podinfo-primary")
    else:
        assert names == ("podinfo-00002", "podinfo-00001")


@pytest.mark.parametrize(
    ("api_version", "kind"), [("apps/v1", "StatefulSet"), ("v1", "Deployment"), ("", ""), ("other.dev/v1", "Service")]
)
def test_unknown_kind(api_version: str, kind: str) -> None:
    """The refusal names what was asked for and what can be released."""
    with pytest.raises(UnfitTarget) as refusal:
        target_for(api_version, kind)
    assert str(refusal.value) == (
        f"spec.targetRef: {api_version} {kind} cannot be released; use one of apps/v1 Deployment, apps/v1 DaemonSet, "
        "v1 Service, serving.knative.dev/v1 Service"
    )
