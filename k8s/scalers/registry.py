"""Which autoscalers can be copied. A new one is one file and one line here."""

from k8s.scalers.hpa import HpaScaler
from k8s.targets.base import UnfitTarget

SCALERS = {
    "HorizontalPodAutoscaler": HpaScaler(),
}


def scaler_for(kind: str) -> HpaScaler:
    """The knowledge of one kind of autoscaler.

    Raises:
        UnfitTarget: Serinus cannot copy it.
    """
    if kind not in SCALERS:
        raise UnfitTarget(f"spec.autoscalerRef.kind: {kind} is not supported yet; use one of {', '.join(SCALERS)}")
    return SCALERS[kind]
