"""Provider kubernetes: what its analysis is, and what it cannot do."""

from typing import Any

import pytest

from activities.kubernetes_analysis import kubernetes_analysis
from tests.objects import a_model, a_service, an_analysis

Json = dict[str, Any]
MATCH = [{"headers": {"x-canary": {"exact": "insider"}}}]
NO_TEST = "A/B testing is not supported when using the kubernetes provider"
NO_WEIGHTS = "Progressive traffic is not supported when using the kubernetes provider"
TEN = "Setting canaryAnalysis.iterations: 10"


def left_out(field: str) -> str:
    """The caveat of a field."""
    return f"{field}: not possible with the kubernetes provider, it is left out"


@pytest.mark.parametrize(
    ("analysis", "service", "iterations", "caveats"),
    [
        ({"iterations": 3, "stepWeight": None}, {}, 3, ()),
        ({"iterations": 3, "stepWeight": None, "match": MATCH}, {}, 3, (NO_TEST,)),
        ({"stepWeight": 10}, {}, 10, (NO_WEIGHTS, TEN)),
        ({"match": MATCH}, {}, 10, (NO_TEST, NO_WEIGHTS, TEN)),
        (
            {"iterations": 3, "mirror": True, "sessionAffinity": {"cookieName": "a"}},
            {"timeout": "5s", "match": [{}]},
            3,
            tuple(
                left_out(field)
                for field in (
                    "spec.analysis.mirror",
                    "spec.analysis.sessionAffinity",
                    "spec.service.match",
                    "spec.service.timeout",
                )
            ),
        ),
    ],
)
def test_analysis(analysis: Json, service: Json, iterations: int, caveats: tuple[str, ...]) -> None:
    """Blue/green in any case, ten times without a number; each thing that is left out is told."""
    canary = a_model(provider="kubernetes", analysis=an_analysis(**analysis), service=a_service(**service))
    assert kubernetes_analysis(canary) == (iterations, caveats)
