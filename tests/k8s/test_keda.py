"""What is KEDA's alone: triggers that ask about the primary, and the autoscaler below."""

from typing import Any

import pytest

from k8s.scalers.keda import KedaScaler, renamed
from k8s.targets.base import UnfitTarget
from tests.objects import a_model

Json = dict[str, Any]
KEDA = KedaScaler()
QUERY = 'sum(rate(http_requests_total{app="podinfo"}[1m]))'


def copied(*triggers: Json, queries: dict[str, str] | None = None, **spec: Any) -> Json:
    """The spec of the primary's ScaledObject."""
    ref = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "podinfo"}
    canary = a_model(autoscalerRef=ref | {"primaryScalerQueries": queries or {}})
    fields = {"scaleTargetRef": {"name": "podinfo"}, "triggers": list(triggers)} | spec
    return KEDA.spec({"metadata": {"name": "podinfo"}, "spec": fields}, canary)


def a_trigger(name: str | None = None, **metadata: Any) -> Json:
    """A trigger with these metadata."""
    return {"type": "prometheus", "metadata": metadata} | ({"name": name} if name else {})


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("podinfo", "podinfo-primary"),
        ("podinfo-canary", "podinfo-primary"),
        ("podinfo-primary", "podinfo-primary"),
        (QUERY, 'sum(rate(http_requests_total{app="podinfo-primary"}[1m]))'),
        ('pod=~"podinfo-[0-9a-z]+(-[0-9a-z]+)"', 'pod=~"podinfo-primary-[0-9a-z]+(-[0-9a-z]+)"'),
        ('pod=~"podinfo-.*"', 'pod=~"podinfo-primary-.*"'),
        ('pod=~"podinfo-canary-.*"', 'pod=~"podinfo-primary-.*"'),
        ("http://podinfo.test:9898/podinfo", "http://podinfo-primary.test:9898/podinfo-primary"),
        ('podinfo_requests{job="podinfo"}', 'podinfo_requests{job="podinfo-primary"}'),
        ("podinfo-gateway my-podinfo podinfo2 podinfo-canary2", "podinfo-gateway my-podinfo podinfo2 podinfo-canary2"),
        ("", ""),
    ],
)
def test_renaming(text: str, about: str) -> None:
    """The target's name as a word, alone or as its canary, becomes the primary's; other names stay."""
    assert renamed(text, "podinfo") == about


def test_name_with_a_dot() -> None:
    """A name is no regular expression."""
    assert renamed("pod-info pod.info", "pod.info") == "pod-info pod.info-primary"


def test_all_metadata_of_triggers() -> None:
    """Not the query alone (fluxcd/flagger#1790); what is no text stays."""
    spec = copied(
        a_trigger(query=QUERY, serverAddress="http://podinfo.test", threshold="5"), a_trigger(stream="podinfo")
    )
    assert [trigger["metadata"] for trigger in spec["triggers"]] == [
        {"query": renamed(QUERY, "podinfo"), "serverAddress": "http://podinfo-primary.test", "threshold": "5"},
        {"stream": "podinfo-primary"},
    ]


def test_given_queries() -> None:
    """The trigger of that name gets the query, and is left alone otherwise."""
    triggers = (a_trigger("rps", query=QUERY, topic="podinfo"), a_trigger("other", query=QUERY))
    spec = copied(*triggers, queries={"rps": "up"})
    assert spec["triggers"][0]["metadata"] == {"query": "up", "topic": "podinfo"}
    assert spec["triggers"][1]["metadata"] == {"query": renamed(QUERY, "podinfo")}


def test_query_for_no_trigger() -> None:
    """The refusal names the name."""
    with pytest.raises(UnfitTarget, match=r"primaryScalerQueries: 'rsp' is the name of no trigger"):
        copied(a_trigger("rps", query=QUERY), queries={"rsp": "up"})


def test_name_of_the_autoscaler() -> None:
    """Two ScaledObjects cannot share one HorizontalPodAutoscaler."""
    advanced: Json = {"horizontalPodAutoscalerConfig": {"name": "scaler", "behavior": {}}, "restoreToOriginal": True}
    assert copied(a_trigger(), advanced=advanced)["advanced"] == {
        "horizontalPodAutoscalerConfig": {"name": "scaler-primary", "behavior": {}},
        "restoreToOriginal": True,
    }


@pytest.mark.parametrize("spec", [{}, {"advanced": {}}, {"advanced": {"horizontalPodAutoscalerConfig": {}}}])
def test_no_name(spec: Json) -> None:
    """Without one KEDA makes it up from that of the ScaledObject."""
    assert copied(a_trigger(), **spec).get("advanced") == spec.get("advanced")


def test_unknown_fields() -> None:
    """What a later KEDA knows is copied too."""
    assert copied(a_trigger(), idleReplicaCount=0, novelty={"a": 1})["novelty"] == {"a": 1}
