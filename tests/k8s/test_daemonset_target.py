"""What a rollout needs of a DaemonSet."""

from typing import Any

import pytest

from k8s.readiness import Readiness, Ready, Waiting
from k8s.targets.base import Selector, UnfitTarget
from k8s.targets.daemonset import SCALE_TO_ZERO, DaemonSetTarget
from tests.objects import a_daemon_set, a_model, a_template

Json = dict[str, Any]
KIND = DaemonSetTarget()
NOWHERE = {SCALE_TO_ZERO: "true"}


def on_nodes(nodes: Json | None, **more: Any) -> Json:
    """A DaemonSet with this node selector."""
    pod: Json = {} if nodes is None else {"nodeSelector": nodes}
    return a_daemon_set(template=a_template(**pod), **more)


@pytest.mark.parametrize(
    ("nodes", "kept"),
    [(None, None), ({}, None), (NOWHERE, None), ({"disk": "ssd"} | NOWHERE, {"disk": "ssd"})],
    ids=["none", "empty", "scaled to zero", "scaled to zero with another"],
)
def test_template(nodes: Json | None, kept: Json | None) -> None:
    """What scales it to zero is no part of a release, and none is the same as an empty one."""
    daemon_set = on_nodes(nodes)
    assert KIND.template(daemon_set) == KIND.template(on_nodes(kept))
    assert KIND.template(daemon_set)["spec"].get("nodeSelector") == kept


def test_scaling() -> None:
    """By a label that no node has, beside the node selector that is there."""
    up, down = on_nodes({"disk": "ssd"}), on_nodes({"disk": "ssd"} | NOWHERE)
    patch = {"spec": {"template": {"spec": {"nodeSelector": {SCALE_TO_ZERO: "true"}}}}}
    assert (KIND.replicas(up), KIND.replicas(down)) == (1, 0)
    assert (KIND.scaled(up, 0), KIND.scaled(up, 3)) == (patch, None)
    assert KIND.scaled(down, 3) == {"spec": {"template": {"spec": {"nodeSelector": {SCALE_TO_ZERO: None}}}}}
    assert KIND.scaled(down, 0) is None


@pytest.mark.parametrize(
    ("daemon_set", "empty"),
    [
        (on_nodes(NOWHERE, status={"currentNumberScheduled": 0}), True),
        (on_nodes(NOWHERE, status={"currentNumberScheduled": 0, "numberMisscheduled": 1}), False),
        (on_nodes(NOWHERE, status={"currentNumberScheduled": 0, "observedGeneration": 0}), False),
        (on_nodes(NOWHERE), False),
        (on_nodes(None, status={"currentNumberScheduled": 0}), False),
    ],
    ids=["empty", "a pod still runs", "not seen yet", "two pods", "no nodes"],
)
def test_empty(daemon_set: Json, *, empty: bool) -> None:
    """Scaled to zero, known to be, and no pod left."""
    assert KIND.is_empty(daemon_set) is empty


@pytest.mark.parametrize(
    ("daemon_set", "threshold", "readiness"),
    [
        (a_daemon_set(), 100, Ready()),
        (
            a_daemon_set(status={"observedGeneration": 0}),
            100,
            Waiting("observed daemon set generation less than desired generation", 2, current=False),
        ),
        (on_nodes(NOWHERE), 100, Waiting("it is scaled to zero", 2)),
        (a_daemon_set(status={"desiredNumberScheduled": 0}), 100, Waiting("no node matches its pods", 2)),
        (
            a_daemon_set(status={"updatedNumberScheduled": 1}),
            100,
            Waiting("1 out of 2 new pods have been updated", 2),
        ),
        (a_daemon_set(status={"numberAvailable": 1}), 100, Waiting("1 of 2 updated pods are available", 1)),
        (a_daemon_set(status={"numberAvailable": 1}), 50, Ready()),
        (a_daemon_set(status={"numberAvailable": 0}), 50, Waiting("0 of 2 updated pods are available", 0)),
        (a_daemon_set(status={"numberAvailable": 0}), 0, Waiting("0 of 2 updated pods are available", 0)),
    ],
)
def test_readiness(daemon_set: Json, threshold: int, readiness: Readiness) -> None:
    """By the numbers of its status; somebody must be available, however low the threshold."""
    assert KIND.readiness(daemon_set, threshold) == readiness


def test_serving() -> None:
    """One available pod serves."""
    assert KIND.is_serving(a_daemon_set(status={"numberAvailable": 1}))
    assert not KIND.is_serving(a_daemon_set(status={"numberAvailable": 0}))
    assert not KIND.is_serving({"spec": {}})


def test_update_strategy() -> None:
    """With OnDelete the pods would stay as they are, and the primary would never be updated."""
    with pytest.raises(UnfitTarget) as refusal:
        KIND.template(a_daemon_set(updateStrategy={"type": "OnDelete"}))
    assert str(refusal.value) == "daemonset podinfo.test must have RollingUpdate strategy but have OnDelete"
    assert KIND.template(a_daemon_set(updateStrategy={"type": "RollingUpdate"}))


def test_copy() -> None:
    """Its own selector and the target's settings; there is no number of pods to copy."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    target = a_daemon_set(minReadySeconds=5, updateStrategy=strategy)
    target["metadata"]["annotations"] = {"team": "a", "deprecated.daemonset.template.generation": "4"}
    primary = KIND.copy(target, a_template(), "podinfo-primary", Selector("app", "podinfo"))
    assert (primary["apiVersion"], primary["kind"]) == ("apps/v1", "DaemonSet")
    assert primary["metadata"]["annotations"] == {"team": "a"}
    assert primary["spec"] == {
        "minReadySeconds": 5,
        "updateStrategy": strategy,
        "selector": {"matchLabels": {"app": "podinfo-primary"}},
        "template": a_template(),
    }


def test_no_autoscaler() -> None:
    """The field is named, and the remedy."""
    ref = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
    problem = KIND.problem(a_model(autoscalerRef=ref), "linkerd")
    assert problem == "spec.autoscalerRef: a DaemonSet cannot be scaled; remove it"
