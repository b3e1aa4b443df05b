"""What the routers share whose division stands in one object that they make: a route, or the shadow of a user's.

Each says what the object holds and how it is divided; when it is made, amended, read and deleted is said here.
"""

from abc import ABC, abstractmethod
from contextlib import suppress

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import Split

NOTHING = Split(0)


class SingleObjectRouter(ABC):
    """A `Router` of one object.

    Args:
        resource: the object's kind.
    """

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    @abstractmethod
    def problem(self, canary: Canary) -> str:
        """See `Router`."""

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Create the object with all traffic on the primary, or bring it to the spec; the split that is there stays.

        Raises:
            NotFound: what it is made from does not exist, or nobody installed its kind.
            UnfitRoute: it cannot be made from that, or the API server did not keep all of it.
        """
        wanted = await self._wanted(cluster, canary)
        if await find(cluster, self._resource, canary.namespace, self._name(canary)) is None:
            stored = await cluster.create(self._resource.path(canary.namespace), self._manifest(canary, raw, wanted))
        else:
            stored = await amend(cluster, self._path(canary), lambda there: self._brought(there, wanted, canary))
        self._require_kept(stored, canary)

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Divide the traffic in one request; an object that vanished is made again.

        The way back, all traffic to the primary, is refused for nothing that the API server made of it.
        """
        try:
            stored = await amend(cluster, self._path(canary), lambda there: self._divided(there, canary, split))
        except NotFound:
            await self.initialize(cluster, canary, raw)
            stored = await amend(cluster, self._path(canary), lambda there: self._divided(there, canary, split))
        if split != NOTHING:
            self._require_kept(stored, canary)

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From the object; None when it is not there, or when somebody leads the traffic elsewhere."""
        there = await find(cluster, self._resource, canary.namespace, self._name(canary))
        return self._split(there, canary) if there else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """None is ever told, unless a kind has a status that says so."""
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete ours while both its ends serve: from then on the Service alone leads the traffic."""
        there = await find(cluster, self._resource, canary.namespace, self._name(canary))
        if there and self._is_ours(there, canary, raw):
            with suppress(NotFound):
                await cluster.delete(self._path(canary))

    # -- what each kind says of itself ----------------------------------------------------------------------------

    def _name(self, canary: Canary) -> str:
        """Of the object."""
        return canary.apex_name

    @abstractmethod
    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        """The fields of a new object beside its header: labels and annotations in `metadata`, and the rest."""

    @abstractmethod
    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        """A merge patch to what is wanted, at the split that is `_kept`; None when it is so."""

    @abstractmethod
    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        """A merge patch to the split; None when it is divided so."""

    @abstractmethod
    def _split(self, there: Json, canary: Canary) -> Split | None:
        """How it is divided; None when it leads elsewhere."""

    def _is_ab_test(self, there: Json, canary: Canary) -> bool:
        """Whether it leads only those to the canary whom an A/B test chose."""
        return False

    def _kept(self, there: Json, canary: Canary) -> Split:
        """The split that is there: what an A/B test gave some must not become everybody's when it is edited away."""
        if self._is_ab_test(there, canary) and canary.strategy != "ab-testing":
            return NOTHING
        return self._split(there, canary) or NOTHING

    def _require_kept(self, stored: Json, canary: Canary) -> None:
        """Raises UnfitRoute for an object of which the API server left something out; here it is trusted."""
        del stored, canary

    def _is_ours(self, there: Json, canary: Canary, raw: Json) -> bool:
        """Whether it goes with the Canary."""
        return is_owned_by(there, raw)

    # -- the object -----------------------------------------------------------------------------------------------

    def _path(self, canary: Canary) -> str:
        return self._resource.path(canary.namespace, self._name(canary))

    def _manifest(self, canary: Canary, raw: Json, wanted: Json) -> Json:
        """An object of the whole cluster has no owner: the cluster would take it for one that is gone."""
        header: Json = self._resource.header(canary.namespace, self._name(canary))
        owners = {"ownerReferences": [owner_of(raw)]} if self._resource.is_namespaced else {}
        return {**header, **wanted, "metadata": {**header["metadata"], **wanted["metadata"], **owners}}
