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
from k8s.routers.gatewayapi.given import refuse_unknown

EVERY_PATH: Json = {"type": "PathPrefix", "value": "/"}
KNOWN = ("uri", "method", "headers", "queryParams")
PATH_TYPES = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
VALUE_TYPES = {"exact": "Exact", "regex": "RegularExpression"}
METHOD_TYPES = {"exact": "Exact"}


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
        match["method"] = _text_match(f"{where}.method", given["method"], METHOD_TYPES)[1]
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
    if not isinstance(given, dict):
        raise UnfitRoute(f"{where}: {quoted(given)} is no map; write names and conditions")
    values = {name: _text_match(f"{where}.{name}", value, VALUE_TYPES) for name, value in sorted(given.items())}
    return [{"name": name, "type": kind, "value": value} for name, (kind, value) in values.items()]


def _path(where: str, given: Any) -> Json:
    kind, value = _text_match(where, given, PATH_TYPES)
    return {"type": kind, "value": value}


def _text_match(where: str, given: Any, types: dict[str, str]) -> tuple[str, str]:
    """Istio's StringMatch, which has one key, as a type and a value of the Gateway API."""
    if isinstance(given, dict) and len(given) == 1:
        [(key, value)] = given.items()
        if key in types and isinstance(value, str) and value:
            return types[key], value
    remedy = f"write {' or '.join(types)} alone" + (', such as {"regex": "a.*"}' if "regex" in types else "")
    raise UnfitRoute(f"{where}: {quoted(given)} cannot be expressed in an HTTPRoute; {remedy}")
