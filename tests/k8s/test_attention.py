"""When a canary at rest wants a run, judged by what the watches show."""

from dataclasses import replace
from typing import Any

import pytest

from k8s.attention import Sight, fingerprint, wants_run
from k8s.revision import template_hash
from k8s.targets.deployment import DeploymentTarget
from tests.objects import a_canary, a_deployment, a_template

Json = dict[str, Any]
HASH = template_hash(a_template())
AT_REST = {
    "phase": "Succeeded",
    "lastAppliedSpec": HASH,
    "lastPromotedSpec": HASH,
    "observedGeneration": 1,
    "configVersions": {"configmap/settings": "5"},
}
DELETING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def a_sight(*, status: Json | None = None, metadata: Json | None = None, **changes: Any) -> Sight:
    """A canary at rest: target and primary run what was promoted, and its config is as it was."""
    defaults: Json = {
        "canary": a_canary(status=AT_REST | (status or {}), metadata=metadata),
        "kind": DeploymentTarget(),
        "target": a_deployment(replicas=0),
        "primary": a_deployment("podinfo-primary"),
        "versions": {"configmap/settings": "5"},
    }
    return Sight(**(defaults | changes))


NEW_TEMPLATE = a_deployment(template=a_template(image="podinfo:2"))


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (a_sight(), ""),
        (a_sight(status={"phase": "Failed"}), ""),
        (a_sight(status={"phase": "Initialized"}), ""),
        (a_sight(canary=a_canary(status=AT_REST) | {"spec": None}), ""),
        (a_sight(target=NEW_TEMPLATE, canary=a_canary(status=AT_REST, suspend=True)), ""),
        (
            a_sight(canary=a_canary(status=AT_REST | {"observedGeneration": 0}, suspend=True)),
            "the canary's spec changed",
        ),
        (a_sight(status={"phase": ""}), "phase New"),
        (a_sight(canary=a_canary()), "phase New"),
        (a_sight(status={"phase": "Initializing"}), "phase Initializing"),
        (a_sight(status={"phase": "Progressing"}), "phase Progressing"),
        (a_sight(status={"phase": "Promoting"}), "phase Promoting"),
        (a_sight(target=NEW_TEMPLATE), "the target has a new revision"),
        (a_sight(status={"lastAppliedSpec": "failed"}), ""),
        (a_sight(status={"lastPromotedSpec": "older"}), ""),
        (a_sight(status={"lastAppliedSpec": "a", "lastPromotedSpec": "b"}), "the target has a new revision"),
        (a_sight(target=a_deployment(replicas=7)), ""),
        (a_sight(target=None), "the target is gone"),
        (a_sight(primary=None), "the primary is gone"),
        (a_sight(metadata={"generation": 2}), "the canary's spec changed"),
        (a_sight(versions={"configmap/settings": "6"}), "configmap/settings changed"),
        (a_sight(versions={"configmap/settings": "5", "secret/key": "1"}), "secret/key changed"),
        (a_sight(versions={}), "configmap/settings changed"),
        (a_sight(versions={"secret/b": "1", "secret/a": "1"}), "configmap/settings, secret/a, secret/b changed"),
        (a_sight(status={"configVersions": None}, versions={}), ""),
        (a_sight(scaler="a", scaler_copy="a"), ""),
        (a_sight(scaler="a", scaler_copy="b"), "the target's autoscaler changed"),
        (a_sight(scaler="a"), "the target's autoscaler changed"),
        (a_sight(scaler_copy="a"), ""),
        (a_sight(metadata=DELETING | {"finalizers": ["finalizer.flagger.app"]}), "the canary is being deleted"),
        (a_sight(metadata=DELETING | {"finalizers": ["other"]}), ""),
        (a_sight(metadata=DELETING, status={"phase": "Progressing"}), ""),
    ],
)
def test_wants_run(sight: Sight, reason: str) -> None:
    """A reason for the log, or none: scaling is no change, and neither is going back to what was promoted."""
    assert wants_run(sight) == reason


@pytest.mark.parametrize(
    "other",
    [
        a_sight(target=NEW_TEMPLATE),
        a_sight(target=None),
        a_sight(primary=None),
        a_sight(metadata={"generation": 2}),
        a_sight(metadata={"uid": "made again"}),
        a_sight(metadata=DELETING),
        a_sight(versions={"configmap/settings": "6"}),
        a_sight(versions={}),
        a_sight(scaler="a"),
        a_sight(scaler_copy="a"),
    ],
    ids=[
        *("template", "no target", "no primary", "spec", "another canary", "deletion", "config", "config gone"),
        *("autoscaler", "primary's autoscaler"),
    ],
)
def test_reasons_to_look_again(other: Sight) -> None:
    """Each has another fingerprint."""
    assert fingerprint(other) != fingerprint(a_sight())


@pytest.mark.parametrize(
    "other",
    [
        a_sight(status={"phase": "Failed", "canaryWeight": 10}),
        a_sight(target=a_deployment(replicas=5)),
        a_sight(target=a_deployment(status={"availableReplicas": 0})),
        a_sight(primary=a_deployment("podinfo-primary", replicas=9)),
        a_sight(metadata={"resourceVersion": "999", "labels": {"a": "b"}}),
    ],
    ids=["own status", "scale", "pods", "primary's scale", "metadata"],
)
def test_no_reasons_to_look_again(other: Sight) -> None:
    """What a rollout itself changes, and what is none of its business, leaves the fingerprint."""
    assert fingerprint(other) == fingerprint(a_sight())


def test_order_of_configs() -> None:
    """It has no meaning."""
    ordered = {"configmap/a": "1", "secret/b": "2"}
    sight = a_sight(versions=ordered)
    assert fingerprint(sight) == fingerprint(replace(sight, versions=dict(reversed(ordered.items()))))
