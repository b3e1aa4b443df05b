"""The HTTPRoute of a Canary: `{apex}`, attached to a Gateway or, as Linkerd wants it, to the Service itself (GAMMA).

`spec.rules` is one atomic list, so it is changed by reading it whole and writing it back on the resourceVersion that
was read. A route of that name that somebody else made is taken over: its rules to the apex Service become the Canary's,
and at the end lead there again. With the annotation `serinus.dev/http-route: backendRefs` on the Canary nothing of it
is touched but the backendRefs of those rules.
"""

from contextlib import suppress

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import Split, UnfitRoute, metadata_patch, route_metadata
from k8s.routers.gatewayapi.fit import ANNOTATION, is_users, require_fit, require_kept
from k8s.routers.gatewayapi.obstacle import obstacle_of
from k8s.routers.gatewayapi.present import divided, handed_back, is_ab_test, replaced, split_in, withdrawn
from k8s.routers.gatewayapi.rules import rules_of

NOTHING = Split(0)


class GatewayApiRouter:
    """Routes by HTTPRoute.

    Args:
        resource: in which version.
        by_linkerd: the mesh is Linkerd, even if the route's parents do not tell.
    """

    def __init__(self, resource: Resource, *, by_linkerd: bool = False) -> None:
        self._resource, self._by_linkerd = resource, by_linkerd

    def problem(self, canary: Canary) -> str:
        """What an HTTPRoute, or the mesh that reads it, cannot do of the spec."""
        try:
            require_fit(canary, by_linkerd=self._by_linkerd)
        except UnfitRoute as unfit:
            return str(unfit)
        return ""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Create the route with all traffic on the primary, or bring it to the spec; the traffic stays as divided."""
        if await find(cluster, self._resource, canary.namespace, canary.apex_name) is None:
            await self._create(cluster, canary, raw, NOTHING)
        else:
            await self._amend(cluster, canary, None)

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Write the rules of this split; a route that vanished is made again.

        The way back, all traffic to the primary, is refused for nothing that a spec or a user's route says.
        """
        try:
            await self._amend(cluster, canary, split)
        except NotFound:
            if not (is_users(canary) and split == NOTHING):
                await self._create(cluster, canary, raw, split)

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From the last rule that names both Services."""
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        return split_in(_rules(route), canary) if route else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """A parent that refused the route, or has only seen an older one."""
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        return obstacle_of(route) if route else ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete our route while both its ends still serve: from then on the Service alone leads the traffic.

        Left to be collected with the Canary, it might outlive the Services it leads to, and fail requests meanwhile.
        Somebody else's route leads to the apex Service again.
        """
        route = await find(cluster, self._resource, canary.namespace, canary.apex_name)
        if route is None:
            return
        with suppress(NotFound):
            if is_owned_by(route, raw):
                await cluster.delete(self._path(canary))
            else:
                path = self._path(canary)
                await amend(cluster, path, lambda fresh: _patch(fresh, handed_back(_rules(fresh), canary)))

    # -- the object -----------------------------------------------------------------------------------------------

    def _path(self, canary: Canary) -> str:
        return self._resource.path(canary.namespace, canary.apex_name)

    async def _create(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        if is_users(canary):
            remedy = f"create it, or take the annotation {ANNOTATION} off the Canary"
            raise UnfitRoute(f"HTTPRoute {canary.apex_name}.{canary.namespace}: not found; {remedy}")
        manifest: Json = self._resource.header(canary.namespace, canary.apex_name)
        manifest["metadata"] |= {**route_metadata(canary), "ownerReferences": [owner_of(raw)]}
        attachment = {key: value for key, value in _attachment(canary).items() if value is not None}
        manifest["spec"] = {**attachment, "rules": rules_of(canary, split)}
        stored = await cluster.create(self._resource.path(canary.namespace), manifest)
        require_kept(stored, manifest["spec"]["rules"])

    async def _amend(self, cluster: Cluster, canary: Canary, split: Split | None) -> None:
        """Write the rules of the split; without one also all the rest of the object, at the split that is there."""
        wanted: list[Json] = []

        def change(route: Json) -> Json | None:
            nonlocal wanted
            wanted = _wanted(_rules(route), canary, split)
            is_whole = split is None and not is_users(canary)
            return _patch(route, wanted, canary if is_whole else None)

        stored = await amend(cluster, self._path(canary), change)
        if split != NOTHING:
            require_kept(stored, wanted)


def _wanted(present: list[Json], canary: Canary, split: Split | None) -> list[Json]:
    """The rules of the split; without one, of that which is there."""
    try:
        known = split or _kept(present, canary)
        if is_users(canary):
            return divided(present, canary, known)
        return replaced(present, rules_of(canary, known), canary)
    except UnfitRoute:
        if split != NOTHING:
            raise
        return withdrawn(present, canary)


def _kept(present: list[Json], canary: Canary) -> Split:
    """What an A/B test gives some users must not become everybody's when the test is edited away."""
    if is_ab_test(present, canary) and canary.strategy != "ab-testing":
        return NOTHING
    return split_in(present, canary) or NOTHING


def _rules(route: Json) -> list[Json]:
    return list(route["spec"].get("rules") or [])


def _patch(route: Json, rules: list[Json], canary: Canary | None = None) -> Json | None:
    """What of the route changes: its rules, and with a Canary also its parents, host names and metadata."""
    wanted = {"rules": rules} | (_attachment(canary) if canary else {})
    spec = {key: value for key, value in wanted.items() if route["spec"].get(key) != value}
    metadata = metadata_patch(route, route_metadata(canary)) if canary else {}
    return ({"spec": spec} if spec else {}) | metadata or None


def _attachment(canary: Canary) -> Json:
    """Parents as the API server stores them: its defaults filled in, so that comparing is possible.

    No host names are null, which takes off those that the spec no longer has.
    """
    service = canary.spec.service
    refs = service.gateway_refs if service else []
    parents = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **ref.as_json()} for ref in refs]
    hosts = list(service.hosts) if service and service.hosts else []
    return {"parentRefs": parents, "hostnames": hosts or None}
