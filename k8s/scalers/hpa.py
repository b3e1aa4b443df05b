"""HorizontalPodAutoscalers (autoscaling/v2): at rest they leave a target at zero replicas alone."""

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.resources import AUTOSCALERS
from k8s.scalers.base import Bounds


class HpaScaler:
    """Copied but for the workload it scales."""

    resource = AUTOSCALERS
    bounds = Bounds("minReplicas", "maxReplicas", default_least=1, default_most=1)
    pause: Mapping[str, str] = MappingProxyType({})

    def spec(self, scaler: Json, canary: Canary) -> Json:
        """Metrics and behaviour of the original."""
        spec: Json = deepcopy(scaler["spec"])
        spec["scaleTargetRef"]["name"] = canary.primary_name
        return spec

    def annotations(self, scaler: Json) -> dict[str, str]:  # noqa: ARG002 - the protocol's
        """None: those of a HorizontalPodAutoscaler are its controller's notes."""
        return {}

    def is_scaling(self, scaler: Json) -> bool:
        """Condition ScalingActive."""
        return has_condition(scaler, "ScalingActive")


def has_condition(scaler: Json, kind: str) -> bool:
    """Whether a condition is True."""
    conditions = (scaler.get("status") or {}).get("conditions") or []
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)
