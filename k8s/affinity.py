"""What spreads a workload's own pods must speak of the primary's pods in the primary's template. Pure."""

from collections.abc import Iterator

from k8s.client import Json
from k8s.targets.base import PRIMARY_SUFFIX, Selector

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def lead_to_primary(template: Json, selector: Selector, target_name: str) -> None:
    """Suffix the selector's value in podAntiAffinity and topologySpreadConstraints, in place.

    Only under the one label whose value differs on the primary's pods: under any other they are still found by the
    target's value. `podAffinity` speaks of other workloads and stays.

    Args:
        template: the primary's, to be changed.
        selector: the label, and its value on the target's pods.
        target_name: counts as that value too, as Flagger has it.
    """
    own = {selector.value, target_name}
    for terms in _label_selectors(template.get("spec") or {}):
        labels = terms.get("matchLabels") or {}
        if labels.get(selector.label) in own:
            labels[selector.label] += PRIMARY_SUFFIX
        for expression in terms.get("matchExpressions") or []:
            if expression.get("key") == selector.label and expression.get("values"):
                expression["values"] = [_suffixed(value, own) for value in expression["values"]]


def _suffixed(value: str, own: set[str]) -> str:
    return value + PRIMARY_SUFFIX if value in own else value


def _label_selectors(spec: Json) -> Iterator[Json]:
    anti_affinity = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
    terms = [
        *(anti_affinity.get(REQUIRED) or []),
        *(weighted["podAffinityTerm"] for weighted in anti_affinity.get(PREFERRED) or []),
        *(spec.get("topologySpreadConstraints") or []),
    ]
    yield from (term["labelSelector"] for term in terms if term.get("labelSelector"))
