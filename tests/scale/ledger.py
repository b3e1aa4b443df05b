"""What became of canaries that live, and what of it should not be."""

from collections import Counter
from enum import StrEnum

from k8s.client import Json
from tests.chaos.observer import NEW_REVISION
from tests.integration.scenario import Eye

ENDINGS = {"Succeeded": "Promotion completed!", "Failed": "Canary failed!"}
ONCE = (NEW_REVISION, "Starting", "Advance", "Copying", "Routing", "Rolling back", *ENDINGS.values())
"""How events begin that a rollout has no second time; a halt may come again."""


class Story(StrEnum):
    """What may happen to a canary."""

    PROMOTED = "good releases, promoted"
    ROLLED_BACK = "faulty releases, rolled back"
    ABORTED = "releases aborted in the middle"
    OVERTAKEN = "releases overtaken by a newer one, which was promoted"
    DELETED = "canaries deleted in the middle of a release"


class Ledger:
    """What became of all canaries together."""

    def __init__(self, routes: Eye) -> None:
        self.ended: Counter[Story] = Counter()
        """As it should."""
        self.lost: list[str] = []
        """What should not be; empty when all is well."""
        self.routes = routes
        routes.objects.on_change(self._add_up)

    def _add_up(self, _: str, route: Json) -> None:
        refs = route["spec"]["rules"][0]["backendRefs"]
        if sum(ref.get("weight", 1) for ref in refs) != 100:
            self.lost.append(f"{route['metadata']['name']}: weights are not 100 in all: {refs}")

    def canary_weight(self, name: str) -> int:
        """Of the canary's side of a route, percent; -1 without one."""
        route = self.routes.get(name)
        refs = route["spec"]["rules"][0]["backendRefs"] if route else []
        return next((int(ref["weight"]) for ref in refs if ref["name"].endswith("-canary")), -1)
