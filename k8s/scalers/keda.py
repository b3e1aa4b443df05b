"""KEDA's ScaledObjects (keda.sh/v1alpha1): at rest the target's is paused at zero, or it would scale the target up.

Fields: https://keda.sh/docs/latest/reference/scaledobject-spec/
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType

from k8s.client import Json
from k8s.metadata import copied
from k8s.models.canary import Canary
from k8s.resources import SCALED_OBJECTS
from k8s.scalers.base import Bounds
from k8s.scalers.hpa import has_condition
from k8s.targets.base import PRIMARY_SUFFIX, UnfitTarget

PAUSE = "autoscaling.keda.sh/paused"
"""Begins the keys of all annotations that pause a ScaledObject; a primary must never be (fluxcd/flagger#1934)."""


class KedaScaler:
    """Copied with its triggers asking about the primary."""

    resource = SCALED_OBJECTS
    bounds = Bounds("minReplicaCount", "maxReplicaCount", default_least=0, default_most=100)
    pause: Mapping[str, str] = MappingProxyType({f"{PAUSE}-replicas": "0"})

    def spec(self, scaler: Json, canary: Canary) -> Json:
        """Triggers of the original, about the primary; a name of the HorizontalPodAutoscaler is suffixed."""
        spec: Json = deepcopy(scaler["spec"])
        spec["scaleTargetRef"]["name"] = canary.primary_name
        ref = canary.spec.autoscaler_ref
        queries = ref.primary_scaler_queries if ref else {}
        _check_names(scaler, queries)
        for trigger in spec.get("triggers") or []:
            trigger["metadata"] = about_primary(trigger, canary.target_name, queries)
        hpa = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
        if hpa.get("name"):
            hpa["name"] += PRIMARY_SUFFIX
        return spec

    def annotations(self, scaler: Json) -> dict[str, str]:
        """All that do not pause it."""
        annotations = copied(scaler["metadata"].get("annotations"))
        return {key: value for key, value in annotations.items() if not key.startswith(PAUSE)}

    def is_scaling(self, scaler: Json) -> bool:
        """Conditions Ready and Active."""
        return has_condition(scaler, "Ready") and has_condition(scaler, "Active")


def _check_names(scaler: Json, queries: Mapping[str, str]) -> None:
    named = {trigger.get("name") for trigger in scaler["spec"].get("triggers") or []}
    for name in queries:
        if name not in named:
            raise UnfitTarget(
                f"spec.autoscalerRef.primaryScalerQueries: {name!r} is the name of no trigger of ScaledObject "
                f"{scaler['metadata']['name']}; write the trigger's name, or give it this one"
            )


def about_primary(trigger: Json, target: str, queries: Mapping[str, str]) -> Json:
    """Metadata of a trigger for the primary.

    The query of a trigger that `queries` names is the one given there, and the rest of that trigger stays; in every
    other trigger the target's name becomes the primary's, wherever it stands as a word.
    """
    metadata: Json = trigger.get("metadata") or {}
    if trigger.get("name") in queries:
        return metadata | {"query": queries[trigger["name"]]}
    return {
        key: renamed(value, target) if isinstance(value, str) else deepcopy(value) for key, value in metadata.items()
    }


def renamed(text: str, target: str) -> str:
    """`{target}` and `{target}-canary` as words become `{target}-primary`.

    Letters, digits, `_` and `-` make a word, so that `{target}-primary`, `{target}-gateway` and `{target}_requests`
    stay; a `-` before something else, as in the regular expression `podinfo-.*`, ends one.
    """
    word = rf"(?<![\w-]){re.escape(target)}(-canary)?(?!\w|-\w)"
    return re.sub(word, f"{target}{PRIMARY_SUFFIX}", text)
