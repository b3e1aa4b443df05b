"""References to other namespaces, where they are blocked."""

from typing import Any

import pytest

from k8s.references import blocked_reference
from tests.objects import a_model, an_analysis

Json = dict[str, Any]
UPSTREAM = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "name": "up"}


def a_metric(**ref: str) -> Json:
    """A check by MetricTemplate."""
    return {"name": "latency", "templateRef": {"name": "latency", **ref}}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, ""),
        ({"analysis": an_analysis(metrics=[a_metric()]), "upstreamRef": UPSTREAM}, ""),
        ({"analysis": an_analysis(metrics=[a_metric(namespace="test"), {"name": "request-duration"}])}, ""),
        (
            {"analysis": an_analysis(metrics=[a_metric(), a_metric(namespace="other")])},
            "spec.analysis.metrics[1].templateRef: can't access metric template latency.other, ",
        ),
        ({"upstreamRef": UPSTREAM | {"namespace": "gloo"}}, "spec.upstreamRef: can't access gloo upstream up.gloo, "),
    ],
    ids=["none", "of the same namespace", "named all the same", "template", "upstream"],
)
def test_blocked(spec: Json, told: str) -> None:
    """The first one is named, with the field and the way out."""
    remedy = "cross-namespace references are blocked; use one in namespace test"
    assert blocked_reference(a_model(**spec)) == (told and f"{told}{remedy}")
