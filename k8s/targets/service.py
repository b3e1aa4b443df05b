"""Services (core/v1) as targets: the target is the apex, `{target}-primary` and `{target}-canary` are copies of it.

A release changes where the Service leads, say to the pods of another version; the copies hold what serves and what is
analysed. They are for the mesh alone: doors to the outside, such as node ports and load balancers, stay the apex's.
"""

from copy import deepcopy

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.readiness import Readiness, Ready
from k8s.resources import SERVICES
from k8s.targets.base import CANARY_SUFFIX, FLUX, PRIMARY_SUFFIX, Selector, copied_annotations
from k8s.targets.unscaled import UnscaledTarget

ADDRESSES = ("clusterIP", "clusterIPs")
"""What the cluster gives to each Service; it may not change."""
OUTSIDE = (
    "allocateLoadBalancerNodePorts",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
)
"""What only a door to the outside needs."""
DOORS = ("NodePort", "LoadBalancer")


class ServiceTarget(UnscaledTarget):
    """Knows what of a Service can be copied."""

    resource = SERVICES
    workloads = SERVICES

    def problem(self, canary: Canary, provider: str) -> str:
        """Another apex than the target would have no copies; there is nothing to scale."""
        if canary.apex_name != canary.target_name:
            return (
                f"spec.service.name: {canary.apex_name} is not the target; a Service that is released is its own apex, "
                f"so remove the field or write {canary.target_name}"
            )
        return "spec.autoscalerRef: a Service cannot be scaled; remove it" if canary.spec.autoscaler_ref else ""

    def primary_name(self, target: str) -> str:
        """`{target}-primary`."""
        return target + PRIMARY_SUFFIX

    def canary_name(self, target: str) -> str:
        """`{target}-canary`."""
        return target + CANARY_SUFFIX

    def template(self, target: Json) -> Json:
        """`spec` without what belongs to this one Service."""
        spec = deepcopy(target["spec"])
        template = {key: value for key, value in spec.items() if key not in (*ADDRESSES, *OUTSIDE)}
        if spec.get("clusterIP") == "None":
            template["clusterIP"] = "None"
        if spec.get("type") in DOORS:
            template["type"] = "ClusterIP"
        for port in template.get("ports") or []:
            port.pop("nodePort", None)
        return template

    def running(self, primary: Json) -> Json | None:
        """The same of the copy."""
        return self.template(primary)

    def copy(self, target: Json, template: Json, name: str, selector: Selector) -> Json:
        """With the target's labels, by which whoever scrapes Services finds it."""
        labels = target["metadata"].get("labels") or {}
        manifest = SERVICES.header(target["metadata"]["namespace"], name)
        manifest["metadata"] = {
            "name": name,
            "namespace": target["metadata"]["namespace"],
            "labels": {key: value for key, value in labels.items() if FLUX not in key},
            "annotations": copied_annotations(target),
        }
        manifest["spec"] = deepcopy(template)
        return manifest

    def promoted(self, primary: Json, target: Json, template: Json) -> Json:
        """At the address it has."""
        promoted = deepcopy(primary)
        addresses = {key: primary["spec"][key] for key in ADDRESSES if key in primary["spec"]}
        promoted["spec"] = {**deepcopy(template), **addresses}
        promoted.pop("status", None)
        return promoted

    def canary_workload(self, target: Json) -> str:
        """Itself."""
        return str(target["metadata"]["name"])

    def primary_workload(self, primary: Json) -> str:
        """Itself."""
        return str(primary["metadata"]["name"])

    def readiness(self, workload: Json, threshold_percent: int) -> Readiness:
        """Always: whose pods it leads to is not ours to know."""
        return Ready()

    def is_serving(self, workload: Json) -> bool:
        """Always."""
        return True
