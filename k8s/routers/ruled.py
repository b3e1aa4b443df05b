"""What the routers share whose division stands in rules of their object, where others may have rules too.

An object of that name that somebody else made is taken over: its rules to the apex Service become the Canary's, all
others stay, and at the end those of the Canary lead to the apex Service again.
"""

from abc import abstractmethod
from contextlib import suppress

from k8s.apply import amend
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.models.canary import Canary
from k8s.resources import Resource
from k8s.routers.base import Split, UnfitRoute, metadata_patch, route_metadata
from k8s.routers.kept import require_kept
from k8s.routers.rules import Rules
from k8s.routers.single import NOTHING, SingleObjectRouter


class RuledRouter(SingleObjectRouter):
    """A `Router` of one object with rules.

    Args:
        resource: the object's kind.
        kind: its rules.
        product: whose API it is, in a user's words.
    """

    def __init__(self, resource: Resource, kind: Rules, product: str) -> None:
        super().__init__(resource)
        self._kind, self._product = kind, product

    def problem(self, canary: Canary) -> str:
        """What its rules cannot express."""
        try:
            self._require_fit(canary)
        except UnfitRoute as unfit:
            return str(unfit)
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete ours while both its ends serve; somebody else's leads to the apex Service again."""
        await super().finalize(cluster, canary, raw)
        with suppress(NotFound):
            await amend(
                cluster,
                self._path(canary),
                lambda there: None if self._is_ours(there, canary, raw) else self._handed_back(there, canary),
            )

    # -- what each kind says of itself ----------------------------------------------------------------------------

    @abstractmethod
    def _require_fit(self, canary: Canary) -> None:
        """Raises UnfitRoute for a spec that its rules cannot express."""

    @abstractmethod
    def _rules(self, canary: Canary, split: Split) -> list[Json]:
        """The Canary's rules; raises UnfitRoute."""

    @abstractmethod
    def _field(self, canary: Canary) -> str:
        """Where in the spec they stand."""

    def _changed(self, present: list[Json], canary: Canary, split: Split) -> list[Json]:
        """What of the rules changes for a split; raises UnfitRoute."""
        return self._kind.replaced(present, self._rules(canary, split), canary)

    def _rest(self, there: Json | None, canary: Canary) -> Json:
        """Fields of the spec beside the rules, None for one to be taken off; `there` is None for a new object."""
        return {}

    def _metadata(self, there: Json, canary: Canary) -> Json:
        """Labels and annotations that shall be there."""
        return route_metadata(canary)

    def _handed_back(self, there: Json, canary: Canary) -> Json | None:
        """A merge patch to what somebody else's object is without a Canary; None when it is so."""
        return spec_patch(there, {self._field(canary): self._kind.handed_back(self._present(there, canary), canary)})

    # -- the object -----------------------------------------------------------------------------------------------

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        rest = {key: value for key, value in self._rest(None, canary).items() if value is not None}
        return {
            "metadata": route_metadata(canary),
            "spec": {**rest, self._field(canary): self._rules(canary, NOTHING)},
        }

    def _brought(self, there: Json, wanted: Json, canary: Canary) -> Json | None:
        patch = spec_patch(there, self._spec(there, canary) | self._rest(there, canary)) or {}
        return {**patch, **metadata_patch(there, self._metadata(there, canary))} or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        present = self._present(there, canary)
        try:
            wanted = self._changed(present, canary, split)
        except UnfitRoute:
            if split != NOTHING:
                raise
            wanted = self._kind.withdrawn(present, canary)
        return spec_patch(there, {self._field(canary): wanted})

    def _split(self, there: Json, canary: Canary) -> Split | None:
        return self._kind.split_in(self._present(there, canary), canary)

    def _is_ab_test(self, there: Json, canary: Canary) -> bool:
        return self._kind.is_ab_test(self._present(there, canary), canary)

    def _present(self, there: Json, canary: Canary) -> list[Json]:
        return list(there["spec"].get(self._field(canary)) or [])

    def _spec(self, there: Json, canary: Canary) -> Json:
        """The rules, others' among them, at the split that is there; raises UnfitRoute."""
        present = self._present(there, canary)
        return {self._field(canary): self._changed(present, canary, self._kept(there, canary))}

    def _require_kept(self, stored: Json, canary: Canary) -> None:
        require_kept(stored, self._spec(stored, canary), self._product)


def spec_patch(there: Json, wanted: Json) -> Json | None:
    """A merge patch of the spec's fields that differ; None for none."""
    changed = {key: value for key, value in wanted.items() if there["spec"].get(key) != value}
    return {"spec": changed} if changed else None
