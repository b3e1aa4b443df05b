"""Ready, waiting or stuck: judged as `kubectl rollout status` does, in the words that events repeat."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s.readiness import Ready, Stuck, Waiting, is_empty, is_serving, readiness
from tests.objects import a_deployment

Json = dict[str, Any]
GAVE_UP = {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "status": "False"}]}
PROGRESSING = {"conditions": [{"type": "Progressing", "reason": "NewReplicaSetAvailable", "status": "True"}]}


@pytest.mark.parametrize(
    ("status", "threshold", "why"),
    [
        ({}, 100, None),
        (PROGRESSING, 100, None),
        ({"updatedReplicas": 1}, 100, "1 out of 2 new replicas have been updated"),
        ({"updatedReplicas": 0, "replicas": 0}, 100, "0 out of 2 new replicas have been updated"),
        ({"replicas": 3}, 100, "1 old replicas are pending termination"),
        ({"availableReplicas": 1}, 100, "1 of 2 updated replicas are available"),
        ({"availableReplicas": 1}, 51, None),
        ({"availableReplicas": 1}, 50, None),
        ({"availableReplicas": 0}, 50, "0 of 2 updated replicas are available"),
        ({"availableReplicas": 0}, 0, "0 of 2 updated replicas are available"),
    ],
)
def test_current_status(status: Json, threshold: int, why: str | None) -> None:
    """Updated pods, former pods, available pods, in this order; a threshold is a share of the updated ones."""
    available = status.get("availableReplicas", 2)
    expected = Ready() if why is None else Waiting(why, available)
    assert readiness(a_deployment(status=status), threshold) == expected


def test_old_status() -> None:
    """A status of an older generation says nothing, not even that the deadline passed."""
    deployment = a_deployment(status={"observedGeneration": 0, **GAVE_UP})
    assert readiness(deployment) == Waiting(
        "observed deployment generation less than desired generation", 2, current=False
    )


def test_no_status_yet() -> None:
    """A Deployment that was made a moment ago waits."""
    assert isinstance(readiness(a_deployment() | {"status": None}), Waiting)


def test_deadline() -> None:
    """What the Deployment controller gave up on is stuck, however many pods run."""
    assert readiness(a_deployment(status=GAVE_UP)) == Stuck('deployment "podinfo" exceeded its progress deadline')


def test_scaled_to_zero() -> None:
    """No pods serve nobody, so they are never ready: traffic must not go there (Flagger sends it)."""
    assert readiness(a_deployment(replicas=0)) == Waiting("it is scaled to zero", 0)


def test_replicas_left_out() -> None:
    """Absent replicas mean one."""
    deployment = a_deployment(status={"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1})
    del deployment["spec"]["replicas"]
    assert readiness(deployment) == Ready()


@given(
    replicas=st.integers(0, 20),
    counts=st.fixed_dictionaries(
        {},
        optional={
            "replicas": st.integers(0, 25),
            "updatedReplicas": st.integers(0, 25),
            "availableReplicas": st.integers(0, 25),
        },
    ),
    observed=st.integers(0, 2),
    threshold=st.integers(0, 100),
)
def test_ready_means_enough(replicas: int, counts: dict[str, int], observed: int, threshold: int) -> None:
    """Whatever is reported: ready are only Deployments with pods, all of them new, and enough available."""
    deployment = a_deployment(replicas=replicas) | {"status": {"observedGeneration": observed, **counts}}
    if readiness(deployment, threshold) == Ready():
        updated, available = counts["updatedReplicas"], counts["availableReplicas"]
        assert observed >= 1
        assert updated >= replicas > 0
        assert counts.get("replicas", 0) <= updated
        assert available >= max(1, int(updated * threshold / 100))


@pytest.mark.parametrize(
    ("deployment", "serving"),
    [
        ({}, False),
        (a_deployment(status={"availableReplicas": 0}), False),
        (a_deployment(status={"availableReplicas": 1, "observedGeneration": 0}), True),
    ],
)
def test_serving(deployment: Json, *, serving: bool) -> None:
    """One available pod serves, of whatever template."""
    assert is_serving(deployment) is serving


@pytest.mark.parametrize(
    ("deployment", "empty"),
    [
        (a_deployment(replicas=0), True),
        (a_deployment(replicas=0, status={"replicas": 1}), False),
        (a_deployment(replicas=0, status={"observedGeneration": 0}), False),
        (a_deployment(replicas=1, status={"replicas": 0}), False),
    ],
)
def test_empty(deployment: Json, *, empty: bool) -> None:
    """Scaled to zero, known to be, and no pod left."""
    assert is_empty(deployment) is empty
