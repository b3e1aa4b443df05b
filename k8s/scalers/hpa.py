"""HorizontalPodAutoscalers (autoscaling/v2)."""

from copy import deepcopy

from k8s.apply import find, owner_of
from k8s.client import Cluster, Json
from k8s.inheritance import apply_wholly
from k8s.models.canary import Canary
from k8s.resources import AUTOSCALERS
from k8s.targets.base import FLUX


class HpaScaler:
    """The target's HPA idles at zero replicas; its copy scales the primary."""

    async def min_replicas(self, cluster: Cluster, canary: Canary, name: str) -> int:
        """`spec.minReplicas` of the target's HPA: with how many pods a canary starts; 1 when there is no HPA."""
        hpa = await find(cluster, AUTOSCALERS, canary.namespace, name)
        return int(hpa["spec"].get("minReplicas") or 1) if hpa else 1

    async def ensure_primary(self, cluster: Cluster, canary: Canary, raw: Json, name: str) -> None:
        """Make `{name}-primary` a copy of the target's HPA as it is now.

        Raises:
            NotFound: `spec.autoscalerRef` names an HPA that does not exist.
        """
        hpa = await cluster.get(AUTOSCALERS.path(canary.namespace, name))
        manifest = AUTOSCALERS.header(canary.namespace, f"{name}-primary")
        labels = {key: value for key, value in (hpa["metadata"].get("labels") or {}).items() if FLUX not in key}
        manifest["metadata"] = {
            "name": f"{name}-primary",
            "namespace": canary.namespace,
            "labels": labels,
            "ownerReferences": [owner_of(raw)],
        }
        manifest["spec"] = self._spec(canary, hpa)
        await apply_wholly(cluster, AUTOSCALERS, manifest)

    def _spec(self, canary: Canary, hpa: Json) -> Json:
        spec: Json = deepcopy(hpa["spec"])
        spec["scaleTargetRef"]["name"] = canary.primary_name
        ref = canary.spec.autoscaler_ref
        bounds = ref.primary_scaler_replicas if ref else None
        if bounds and bounds.min_replicas:
            spec["minReplicas"] = bounds.min_replicas
        if bounds and bounds.max_replicas:
            spec["maxReplicas"] = bounds.max_replicas
        return spec
