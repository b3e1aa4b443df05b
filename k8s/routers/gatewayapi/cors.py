"""`spec.service.corsPolicy`, written as Istio's CorsPolicy, as the CORS filter of an HTTPRoute. Pure."""

from typing import Any

from k8s.client import Json
from k8s.models.common import quoted
from k8s.models.duration import Duration
from k8s.routers.base import UnfitRoute
from k8s.routers.given import refuse_unknown, texts

WHERE = "spec.service.corsPolicy"
LISTS = ("allowMethods", "allowHeaders", "exposeHeaders")
KNOWN = ("allowOrigin", "allowOrigins", *LISTS, "maxAge", "allowCredentials")
DEFAULT_MAX_AGE_SECONDS = 5
"""Of the Gateway API."""


def cors_filter(policy: Json) -> Json:
    """The filter; origins are whole ones, since an HTTPRoute knows no patterns but `*`."""
    refuse_unknown(WHERE, policy, KNOWN)
    cors: Json = {key: texts(f"{WHERE}.{key}", policy[key]) for key in LISTS if policy.get(key)}
    if origins := _origins(policy):
        cors["allowOrigins"] = origins
    if policy.get("allowCredentials"):
        cors["allowCredentials"] = True
    return {"type": "CORS", "cors": cors | {"maxAge": _max_age_seconds(policy.get("maxAge"))}}


def _origins(policy: Json) -> list[str]:
    plain = texts(f"{WHERE}.allowOrigin", policy.get("allowOrigin") or [])
    matches = policy.get("allowOrigins") or []
    for index, match in enumerate(matches):
        if not isinstance(match, dict) or list(match) != ["exact"] or not isinstance(match["exact"], str):
            where = f"{WHERE}.allowOrigins[{index}]"
            raise UnfitRoute(f"{where}: {quoted(match)} cannot be expressed in an HTTPRoute; write exact")
    return [*plain, *(match["exact"] for match in matches)]


def _max_age_seconds(given: Any) -> int:
    if given is None:
        return DEFAULT_MAX_AGE_SECONDS
    try:
        return max(1, int(Duration.of(given).total_seconds()))
    except ValueError as error:
        raise UnfitRoute(f"{WHERE}.maxAge: {error}") from error
