"""Knative: `spec.traffic` of the target itself, between its latest revision and the primary's.

API: serving.knative.dev/v1. The latest revision is the canary; the primary's is named by an annotation of the Service
(see `k8s.targets.knative`), so a promotion moves the annotation and leaves the weights to the next step.
"""

from contextlib import suppress

from k8s.apply import amend, find
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import KNATIVE_SERVICES, group_of
from k8s.routers.base import FULL, Split, beyond_weights
from k8s.targets.knative import PRIMARY_REVISION, PROVIDER, primary_revision


class KnativeRouter:
    """Writes the two entries of `spec.traffic`; those that only give a tag its address stay."""

    def problem(self, canary: Canary) -> str:
        """It routes to revisions, which nothing but a Knative Service has."""
        ref = canary.spec.target_ref
        if (group_of(ref.api_version), ref.kind) != (KNATIVE_SERVICES.group, KNATIVE_SERVICES.kind):
            return f"can't use {ref.api_version}/{ref.kind} as target if provider is set to {PROVIDER}"
        for field in beyond_weights(canary):
            return f"{field}: Knative divides traffic by weight alone; remove it"
        return ""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """All traffic to the primary's revision, unless it is divided between the two already."""
        await amend(cluster, _path(canary), lambda service: None if _split(service) else _divided(service, Split(0)))

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Change the percentages; the primary's revision is the one that the annotation names now."""
        await amend(cluster, _path(canary), lambda service: _divided(service, split))

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From `spec.traffic`; whether Knative follows is the obstacle's to say."""
        service = await find(cluster, KNATIVE_SERVICES, canary.namespace, canary.target_name)
        return _split(service) if service else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A route that Knative has not set, or could not set, as it was told."""
        service = await find(cluster, KNATIVE_SERVICES, canary.namespace, canary.target_name)
        status: Json = (service or {}).get("status") or {}
        routes = [each for each in status.get("conditions") or [] if each["type"] == "RoutesReady"]
        lacking = next((each for each in routes if each["status"] != "True"), None)
        if lacking is None:
            return ""
        why = lacking.get("message") or lacking.get("reason") or "no reason given"
        return f"Knative service {canary.target_name}.{canary.namespace} routes are not ready: {why}"

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """All traffic to the latest revision, as without a Canary."""
        handed_back = {
            "metadata": {"annotations": {PRIMARY_REVISION: None}},
            "spec": {"traffic": [{"latestRevision": True, "percent": FULL}]},
        }
        with suppress(NotFound):
            await amend(cluster, _path(canary), lambda service: handed_back if primary_revision(service) else None)


def _path(canary: Canary) -> str:
    return KNATIVE_SERVICES.path(canary.namespace, canary.target_name)


def _divided(service: Json, split: Split) -> Json | None:
    """A patch of the traffic; None when it is divided so already, or when there is no primary's revision to lead to."""
    primary = primary_revision(service)
    if not primary:
        return None
    traffic = service["spec"].get("traffic") or []
    wanted = [
        {"latestRevision": True, "percent": split.canary},
        {"latestRevision": False, "percent": split.primary, "revisionName": primary},
        *({**entry, "percent": 0} for entry in traffic if entry.get("tag")),
    ]
    return None if traffic == wanted else {"spec": {"traffic": wanted}}


def _split(service: Json) -> Split | None:
    """The canary's share; None when somebody divides the traffic otherwise."""
    traffic = [entry for entry in service["spec"].get("traffic") or [] if not entry.get("tag")]
    latest = [entry for entry in traffic if entry.get("latestRevision")]
    primary = [entry for entry in traffic if entry.get("revisionName") == primary_revision(service)]
    if len(traffic) != 2 or not latest or not primary:
        return None
    return Split(int(latest[0].get("percent") or 0))
