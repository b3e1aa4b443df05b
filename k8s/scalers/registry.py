"""Which autoscalers can be copied. A new one is one file and one line here."""

from k8s.scalers.base import Scaler
from k8s.scalers.hpa import HpaScaler
from k8s.scalers.keda import KedaScaler
from k8s.targets.base import UnfitTarget

SCALERS: dict[str, Scaler] = {
    "HorizontalPodAutoscaler": HpaScaler(),
    "ScaledObject": KedaScaler(),
}


def scaler_for(kind: str) -> Scaler:
    """The knowledge of one kind of autoscaler.

    Raises:
        UnfitTarget: Serinus cannot copy it.
    """
    if kind not in SCALERS:
        raise UnfitTarget(f"spec.autoscalerRef.kind: {kind} is not supported yet; use one of {', '.join(SCALERS)}")
    return SCALERS[kind]
