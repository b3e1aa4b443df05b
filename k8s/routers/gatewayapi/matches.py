"""Which requests: `spec.service.match` and `spec.analysis.match` as matches of an HTTPRoute. Pure.

Both are written as Istio's HTTPMatchRequest. Of it an HTTPRoute knows the path, the method, headers and query
parameters, each whole or by a regular expression. Anything else is refused: a condition that is left out would send
requests to the canary that nobody meant.
"""

from itertools import product
from typing import Any

from k8s.client import Json
from k8s.models.analysis import RequestMatch
from k8s.models.canary import Canary
from k8s.models.common import quoted
from k8s.routers.base import UnfitRoute
from k8s.routers.given import refuse_unknown, text_match, text_matches

EVERY_PATH: Json = {"type": "PathPrefix", "value": "/"}
KNOWN = ("uri", "method", "headers", "queryParams")
PATH_TYPES = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
VALUE_TYPES = {"exact": "Exact", "regex": "RegularExpression"}
METHODS = ("exact",)


def service_matches(canary: Canary) -> list[Json]:
    """The requests that the route takes: all of them without `spec.service.match`."""
    given = canary.spec.service.match if canary.spec.service else []
    found = [_service_match(f"spec.service.match[{index}]", match) for index, match in enumerate(given)]
    return found or [{"path": EVERY_PATH}]


def ab_matches(canary: Canary) -> list[Json]:
    """The requests of an A/B test: each entry of `spec.analysis.match` within each that the route takes."""
    given = canary.spec.analysis.match
    asked = [_analysis_match(f"spec.analysis.match[{index}]", match) for index, match in enumerate(given)]
    return [narrowed(match, more) for more, match in product(asked, service_matches(canary))]


def narrowed(match: Json, more: Json) -> Json:
    """Requests for which both hold; of two conditions on one header or parameter the second's counts."""
    both = {key: _by_name(match.get(key, []), more.get(key, [])) for key in ("headers", "queryParams")}
    return {**match, **{key: conditions for key, conditions in both.items() if conditions}}


def _by_name(former: list[Json], latter: list[Json]) -> list[Json]:
    return list({condition["name"]: condition for condition in (*former, *latter)}.values())


def _service_match(where: str, given: Json) -> Json:
    refuse_unknown(where, given, KNOWN)
    match: Json = {"path": _path(f"{where}.uri", given["uri"]) if given.get("uri") else EVERY_PATH}
    if given.get("method"):
        match["method"] = text_match(f"{where}.method", given["method"], METHODS)[1]
    return match | _conditions(where, given)


def _analysis_match(where: str, given: RequestMatch) -> Json:
    if given.source_labels:
        remedy = "write headers or queryParams, or remove it"
        labels = quoted(given.source_labels)
        raise UnfitRoute(f"{where}.sourceLabels: {labels} cannot be expressed in an HTTPRoute; {remedy}")
    conditions = _conditions(where, given.as_json())
    if not conditions:
        raise UnfitRoute(f"{where}: {{}} names no requests; write headers or queryParams")
    return conditions


def _conditions(where: str, given: Json) -> Json:
    conditions = {key: _named(f"{where}.{key}", given[key]) for key in ("headers", "queryParams") if given.get(key)}
    return {key: named for key, named in conditions.items() if named}


def _named(where: str, given: Any) -> list[Json]:
    found = text_matches(where, given, VALUE_TYPES)
    return [{"name": name, "type": VALUE_TYPES[word], "value": text} for name, (word, text) in found.items()]


def _path(where: str, given: Any) -> Json:
    word, text = text_match(where, given, PATH_TYPES)
    return {"type": PATH_TYPES[word], "value": text}
