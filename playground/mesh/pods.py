"""What the mesh knows of a pod: whom it serves as, what it runs, whether it is ready. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from k8s.client import Json

SIDECAR = "linkerd-proxy"
HASH_LABEL = "pod-template-hash"
LABEL_OF_KIND = {"ReplicaSet": "replicaset", "DaemonSet": "daemonset", "StatefulSet": "statefulset", "Job": "k8s_job"}
"""The series label that linkerd-viz gives to a pod's controller, by the controller's kind."""


class Workload(NamedTuple):
    """The controller a pod's series are counted under."""

    label: str
    """`deployment`, `daemonset`, `statefulset`, `replicaset` or `k8s_job`."""
    name: str


@dataclass(frozen=True)
class Pod:
    """One pod as last seen."""

    namespace: str
    name: str
    uid: str
    ip: str = ""
    image: str = ""
    running: bool = False
    """Its containers run: its proxy is probed and scraped, while it terminates too."""
    ready: bool = False
    """It takes requests: Ready and not terminating."""
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    """The variables written as plain values; those taken from elsewhere are not known here."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """The named container ports."""
    workload: Workload | None = None
    service_account: str = "default"

    @property
    def version(self) -> str:
        """The tag of its image, `latest` when it has none."""
        name = self.image.partition("@")[0].rpartition("/")[2]
        return name.partition(":")[2] or "latest"

    @classmethod
    def of(cls, obj: Json) -> Self:
        """From the API server's object."""
        metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
        containers = [c for c in spec.get("containers") or [] if c.get("name") != SIDECAR]
        first: Json = containers[0] if containers else {}
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            ip=status.get("podIP", ""),
            image=first.get("image", ""),
            running=status.get("phase") == "Running",
            ready=_is_ready(status) and "deletionTimestamp" not in metadata,
            labels=metadata.get("labels") or {},
            env={item["name"]: item.get("value", "") for item in first.get("env") or [] if "valueFrom" not in item},
            ports=_named_ports(containers),
            workload=_workload(metadata),
            service_account=spec.get("serviceAccountName") or "default",
        )


def _is_ready(status: Json) -> bool:
    conditions = status.get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _named_ports(containers: list[Json]) -> dict[str, int]:
    ports = [port for container in containers for port in container.get("ports") or []]
    return {port["name"]: port["containerPort"] for port in ports if "name" in port}


def _workload(metadata: Json) -> Workload | None:
    """The pod's controller, or the Deployment behind a ReplicaSet, told by the hash at the end of its name."""
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller") and owner["kind"] in LABEL_OF_KIND:
            suffix = "-" + (metadata.get("labels") or {}).get(HASH_LABEL, "")
            if owner["kind"] == "ReplicaSet" and len(suffix) > 1 and owner["name"].endswith(suffix):
                return Workload("deployment", owner["name"].removesuffix(suffix))
            return Workload(LABEL_OF_KIND[owner["kind"]], owner["name"])
    return None
