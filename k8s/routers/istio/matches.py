"""Which requests: `spec.service.match` and `spec.analysis.match`, both of them Istio's HTTPMatchRequests. Pure."""

from itertools import product

from k8s.client import Json
from k8s.models.analysis import RequestMatch
from k8s.models.canary import Canary
from k8s.models.common import quoted
from k8s.models.service import Service
from k8s.routers.base import UnfitRoute
from k8s.routers.given import by_name, text_matches

MESH = "mesh"
"""The gateway that stands for all sidecars."""
BY_NAME = ("headers", "queryParams", "sourceLabels")
TEXT_MATCHES = ("exact", "prefix", "regex")


def ab_matches(canary: Canary) -> list[Json]:
    """The requests of an A/B test: each entry of `spec.analysis.match` within each that the route takes."""
    given, service = canary.spec.analysis.match, canary.spec.service
    asked = [_asked(f"spec.analysis.match[{index}]", match, service) for index, match in enumerate(given)]
    return [narrowed(match, more) for more, match in product(asked, (service.match if service else []) or [{}])]


def require_maps(service: Service) -> None:
    """Raises UnfitRoute for an entry of `spec.service.match` that nothing could be added to."""
    for index, match in enumerate(service.match):
        for key in BY_NAME:
            by_name(f"spec.service.match[{index}].{key}", match.get(key) or {})


def narrowed(match: Json, more: Json) -> Json:
    """Requests for which both hold; of two conditions on one header, parameter or label the second's counts."""
    both = {key: {**(match.get(key) or {}), **more.get(key, {})} for key in BY_NAME}
    return {**match, **{key: conditions for key, conditions in both.items() if conditions}}


def _asked(where: str, given: RequestMatch, service: Service | None) -> Json:
    """A suffix would be dropped by the API server, and then the mere presence of the header would do."""
    match = {key: conditions for key, conditions in given.as_json().items() if conditions}
    for key in ("headers", "queryParams"):
        text_matches(f"{where}.{key}", match.get(key, {}), TEXT_MATCHES, route="a VirtualService")
    gateways = (service.gateways if service else []) or [MESH]
    if given.source_labels and MESH not in gateways:
        labels, remedy = quoted(given.source_labels), f"add {MESH} to spec.service.gateways, or write headers"
        raise UnfitRoute(f"{where}.sourceLabels: {labels} are known to sidecars alone; {remedy}")
    if not match:
        raise UnfitRoute(f"{where}: {{}} names no requests; write headers, queryParams or sourceLabels")
    return match
