"""What routers share whose object is the shadow of a user's: a copy that leads to the canary.

The original is never written. The shadow goes before it, so at each step it is brought to what that is by then.
"""

from abc import abstractmethod
from contextlib import suppress

from k8s.apply import amend
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.routers.base import Split, UnfitRoute
from k8s.routers.single import NOTHING, SingleObjectRouter


class ShadowRouter(SingleObjectRouter):
    """A `Router` of a shadow."""

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Divide, in one request, the traffic of the original as it is now.

        The way back, all traffic to the primary, is refused for nothing that became of the original.

        Raises:
            NotFound: the original is gone.
            UnfitRoute: it leads elsewhere by now.
        """
        try:
            wanted = await self._wanted(cluster, canary)
        except (NotFound, UnfitRoute):
            if split != NOTHING:
                raise
            with suppress(NotFound):
                await amend(cluster, self._path(canary), lambda there: self._divided(there, canary, NOTHING))
            return
        try:
            await amend(cluster, self._path(canary), lambda there: self._followed(there, wanted, canary, split))
        except NotFound:
            await super().set(cluster, canary, raw, split)

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        return self._followed(there, wanted, canary, self._kept(there, canary))

    @abstractmethod
    def _followed(self, there: Json, wanted: Json, canary: Canary, split: Split) -> Json | None:
        """A merge patch to what is wanted, at this split; None when it is so."""


def spec_patch(there: Json, spec: Json) -> Json:
    """A merge patch to that spec, which takes away what it lacks; empty when it is so."""
    return {"spec": {**dict.fromkeys(there["spec"]), **spec}} if there["spec"] != spec else {}


def original_name(canary: Canary) -> str:
    """Of the Ingress in `spec.ingressRef`; empty when there is none."""
    return canary.spec.ingress_ref.name if canary.spec.ingress_ref else ""


def shadow_name(canary: Canary) -> str:
    """Of its shadow."""
    return f"{original_name(canary)}-canary"


def service_of(backend: Json) -> str:
    """The Service behind a backend of an Ingress; empty for a resource."""
    return str((backend.get("service") or {}).get("name") or "")
