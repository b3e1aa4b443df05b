"""The HTTPRoute of a Canary: `{apex}`, attached to a Gateway or, as Linkerd wants it, to the Service itself (GAMMA).

`spec.rules` is one atomic list, so it is changed by reading it whole and writing it back on the resourceVersion that
was read. A route of that name that somebody else made is taken over: its rules to the apex Service become the Canary's,
and at the end lead there again. With the annotation `serinus.dev/http-route: backendRefs` on the Canary nothing of it
is touched but the backendRefs of those rules.
"""

from k8s.apply import find
from k8s.client import Cluster, Json
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import Split, UnfitRoute, route_metadata
from k8s.routers.gatewayapi.fit import ANNOTATION, is_users, require_fit
from k8s.routers.gatewayapi.obstacle import obstacle_of
from k8s.routers.gatewayapi.present import RULES, divided
from k8s.routers.gatewayapi.rules import rules_of
from k8s.routers.ruled import RuledRouter
from k8s.routers.single import NOTHING


class GatewayApiRouter(RuledRouter):
    """Routes by HTTPRoute.

    Args:
        resource: in which version.
        by_linkerd: the mesh is Linkerd, even if the route's parents do not tell.
    """

    def __init__(self, resource: Resource, *, by_linkerd: bool = False) -> None:
        super().__init__(resource, RULES, "Gateway API")
        self._by_linkerd = by_linkerd

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """As of all rules; a user's route that is not there leads nobody to the canary."""
        is_back = is_users(canary) and split == NOTHING
        if is_back and await find(cluster, self._resource, canary.namespace, canary.apex_name) is None:
            return
        await super().set(cluster, canary, raw, split)

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A parent that refused the route, or has only seen an older one."""
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        return obstacle_of(route) if route else ""

    def _require_fit(self, canary: Canary) -> None:
        require_fit(canary, by_linkerd=self._by_linkerd)

    def _field(self, canary: Canary) -> str:
        return "rules"

    def _rules(self, canary: Canary, split: Split) -> list[Json]:
        return rules_of(canary, split)

    def _changed(self, present: list[Json], canary: Canary, split: Split) -> list[Json]:
        return divided(present, canary, split) if is_users(canary) else super()._changed(present, canary, split)

    def _rest(self, there: Json | None, canary: Canary) -> Json:
        return {} if is_users(canary) else _attachment(canary)

    def _metadata(self, there: Json, canary: Canary) -> Json:
        return {} if is_users(canary) else route_metadata(canary)

    def _manifest(self, canary: Canary, raw: Json, wanted: Json) -> Json:
        if is_users(canary):
            remedy = f"create it, or take the annotation {ANNOTATION} off the Canary"
            raise UnfitRoute(f"HTTPRoute {canary.apex_name}.{canary.namespace}: not found; {remedy}")
        return super()._manifest(canary, raw, wanted)


def _attachment(canary: Canary) -> Json:
    """Parents as the API server stores them: its defaults filled in, so that comparing is possible.

    No host names are null, which takes off those that the spec no longer has.
    """
    service = canary.spec.service
    refs = service.gateway_refs if service else []
    parents = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref.as_json()} for ref in refs]
    hosts = list(service.hosts) if service and service.hosts else []
    return {"parentRefs": parents, "hostnames": hosts or None}
