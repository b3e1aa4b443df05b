"""Gateway API: one HTTPRoute, attached to a Gateway or, as Linkerd wants it, to the Service itself (GAMMA).

API: gateway.networking.k8s.io v1 and v1beta1. `spec.rules` is one atomic list, so weights are changed by reading the
whole list, changing the two backendRefs, and writing it back on the resourceVersion that was read.
"""

from contextlib import suppress
from copy import deepcopy

from pydantic.alias_generators import to_camel

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import FULL, Split
from k8s.services import NOT_FLUX

UNSUPPORTED = ("match", "rewrite", "headers", "mirror", "cors_policy", "timeout", "backend_timeout")
"""Fields of spec.service that this router does not translate yet."""


class GatewayApiRouter:
    """Routes by HTTPRoute of the given version."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def problem(self, canary: Canary) -> str:
        """GatewayRefs are required; fields that would be ignored are named instead."""
        service = canary.spec.service
        if service is None or not service.gateway_refs:
            return "GatewayRefs must be specified when using Gateway API as a provider."
        for field in UNSUPPORTED:
            if getattr(service, field, None):
                return f"spec.service.{to_camel(field)}: not supported by provider gatewayapi yet; remove it"
        return ""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Create the route with all traffic on the primary, or bring parents and hostnames to the spec."""
        current = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if current is None:
            await cluster.create(self._resource.path(canary.namespace), self._manifest(canary, raw))
            return
        wanted = self._attachment(canary)
        if any(current["spec"].get(key) != value for key, value in wanted.items()):
            await amend(cluster, self._path(canary), lambda _: {"spec": wanted})
        if self._weights(current, canary) is None:
            await amend(cluster, self._path(canary), lambda _: {"spec": {"rules": self._rules(canary, 0)}})

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Change the weights of the two backendRefs, wherever they stand; a route that vanished is made again."""
        try:
            await amend(cluster, self._path(canary), lambda route: self._shifted(route, canary, split))
        except NotFound:
            await self.initialize(cluster, canary, raw)
            await amend(cluster, self._path(canary), lambda route: self._shifted(route, canary, split))

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From the last rule that names both Services."""
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        return self._weights(route, canary) if route else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A parent that refused the route, or has only seen an older one."""
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if route is None:
            return ""
        generation = route["metadata"].get("generation", 0)
        for parent in (route.get("status") or {}).get("parents") or []:
            for condition in parent.get("conditions") or []:
                if condition["type"] == "Accepted" and not is_accepted(condition, generation):
                    return (
                        f"HTTPRoute {canary.apex_name}.{canary.namespace} parent {parent['parentRef'].get('name')} "
                        f"is not ready (status: {condition['status']}, observed generation: "
                        f"{condition.get('observedGeneration', 0)}, current generation: {generation})"
                    )
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete our route while both its ends still serve: from then on the Service alone leads the traffic.

        Left to be collected with the Canary, it might outlive the Services it leads to, and fail requests meanwhile.
        """
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if route and is_owned_by(route, raw):
            with suppress(NotFound):
                await cluster.delete(self._path(canary))

    # -- the object -----------------------------------------------------------------------------------------------

    def _path(self, canary: Canary) -> str:
        return self._resource.path(canary.namespace, canary.apex_name)

    def _manifest(self, canary: Canary, raw: Json) -> Json:
        manifest: Json = self._resource.header(canary.namespace, canary.apex_name)
        manifest["metadata"] = {
            "name": canary.apex_name,
            "namespace": canary.namespace,
            "annotations": dict(NOT_FLUX),
            "ownerReferences": [owner_of(raw)],
        }
        attachment = {key: value for key, value in self._attachment(canary).items() if value is not None}
        manifest["spec"] = {**attachment, "rules": self._rules(canary, 0)}
        return manifest

    def _attachment(self, canary: Canary) -> Json:
        """Parents as the API server stores them: its defaults filled in, so that comparing is possible.

        No host names are null, which takes off those that the spec no longer has.
        """
        service = canary.spec.service
        refs = service.gateway_refs if service else []
        parents = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref.as_json()} for ref in refs]
        hosts = list(service.hosts) if service and service.hosts else []
        return {"parentRefs": parents, "hostnames": hosts or None}

    def _rules(self, canary: Canary, weight: int) -> list[Json]:
        matches = [{"path": {"type": "PathPrefix", "value": "/"}}]
        backends = [
            self._backend(canary, canary.primary_service, FULL - weight),
            self._backend(canary, canary.canary_service, weight),
        ]
        return [{"matches": matches, "backendRefs": backends}]

    def _backend(self, canary: Canary, name: str, weight: int) -> Json:
        port = canary.spec.service.port if canary.spec.service else None
        return {"group": "", "kind": "Service", "name": name, "port": port, "weight": weight}

    def _shifted(self, route: Json, canary: Canary, split: Split) -> Json | None:
        """A patch of the rules with the two weights changed; others' rules and filters stay."""
        wanted = {canary.primary_service: split.primary, canary.canary_service: split.canary}
        rules = deepcopy(route["spec"].get("rules") or [])
        found = [ref for rule in rules for ref in pair(rule, wanted)]
        if not found:
            return {"spec": {"rules": self._rules(canary, split.canary)}}
        for ref in found:
            ref["weight"] = wanted[ref["name"]]
        return None if rules == route["spec"].get("rules") else {"spec": {"rules": rules}}

    def _weights(self, route: Json, canary: Canary) -> Split | None:
        names = {canary.primary_service: 0, canary.canary_service: 0}
        for rule in reversed(route["spec"].get("rules") or []):
            refs = {ref["name"]: int(ref.get("weight", 1)) for ref in pair(rule, names)}
            total = sum(refs.values())
            if refs and total:
                return Split(refs[canary.canary_service] * FULL // total)
        return None


def pair(rule: Json, names: dict[str, int]) -> list[Json]:
    """The backendRefs of a rule that names both Services; empty when it does not."""
    refs = [ref for ref in rule.get("backendRefs") or [] if ref["name"] in names]
    return refs if {ref["name"] for ref in refs} == set(names) else []


def is_accepted(condition: Json, generation: int) -> bool:
    """Whether an Accepted condition speaks for this generation.

    Linkerd leaves observedGeneration out (linkerd/linkerd2#14964): absent is not "old".
    """
    seen = int(condition.get("observedGeneration", generation))
    return bool(condition["status"] == "True" and seen >= generation)
