"""Whether a Deployment's pods run its present template and are available. Pure; ordered by what matters first."""

from dataclasses import dataclass

from k8s.client import Json


@dataclass(frozen=True)
class Ready:
    """All replicas asked for are updated and enough of them available."""


@dataclass(frozen=True)
class Waiting:
    """Not yet; `why` completes "rollout to finish: …"."""

    why: str
    available: int
    current: bool = True
    """False while the status describes an older generation."""


@dataclass(frozen=True)
class Stuck:
    """The cluster gave up on it."""

    why: str


Readiness = Ready | Waiting | Stuck


def readiness(deployment: Json, threshold_percent: int = 100) -> Readiness:
    """Judge a Deployment by its status, as `kubectl rollout status` does.

    Args:
        deployment: as read from the API server.
        threshold_percent: share of the updated pods that must be available (`canaryReadyThreshold` and the like).
    """
    spec, status = deployment["spec"], deployment.get("status") or {}
    desired = spec.get("replicas", 1)
    updated, replicas = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return Waiting("observed deployment generation less than desired generation", available, current=False)
    if _gave_up(status):
        return Stuck(f'deployment "{deployment["metadata"]["name"]}" exceeded its progress deadline')
    if desired == 0:
        return Waiting("it is scaled to zero", available)
    if updated < desired:
        return Waiting(f"{updated} out of {desired} new replicas have been updated", available)
    if replicas > updated:
        return Waiting(f"{replicas - updated} old replicas are pending termination", available)
    if available < max(1, updated * threshold_percent // 100):
        return Waiting(f"{available} of {updated} updated replicas are available", available)
    return Ready()


def _gave_up(status: Json) -> bool:
    conditions = status.get("conditions") or []
    return any(c["type"] == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)


def is_serving(deployment: Json) -> bool:
    """Whether at least one pod is available, of whatever template."""
    return bool((deployment.get("status") or {}).get("availableReplicas", 0))


def is_empty(deployment: Json) -> bool:
    """Whether it is scaled to zero and the cluster knows of no pod of it any more."""
    status = deployment.get("status") or {}
    current = deployment["metadata"].get("generation", 0) <= status.get("observedGeneration", 0)
    return current and deployment["spec"].get("replicas", 1) == 0 and not status.get("replicas", 0)
