"""Session affinity: who was drawn for one side stays there, by a cookie that the route sets and matches. Pure.

The cookies stand in the Canary's status and are never made here: the same status gives the same rules. Users of the
primary are kept for one interval of the analysis and then drawn again; without that nearly everybody would end up on
the canary early (fluxcd/flagger#1647). A cookie expires by the very attributes with which it was set: a browser keeps
one whose Domain or Path differs.
"""

import re
from collections.abc import Sequence

from k8s.client import Json
from k8s.models.analysis import SessionAffinity
from k8s.models.canary import Canary
from k8s.routers.base import FULL, Split
from k8s.routers.gatewayapi.filters import set_cookie
from k8s.routers.gatewayapi.matches import narrowed

DEFAULT_INTERVAL_SECONDS = 60
EXPIRED = -1


def sticky(drawn: Json, canary: Canary, affinity: SessionAffinity, split: Split) -> list[Json]:
    """The rules around `drawn`, the one that draws by weight: they stand before it, and being narrower they win."""
    if split.canary == 0:
        return _expiring(drawn, canary.status.previous_session_affinity_cookie, affinity)
    ours, theirs = canary.status.session_affinity_cookie, canary.status.primary_session_affinity_cookie
    on_canary = [_pinned(drawn, ours, (0, FULL))] if ours else []
    on_primary = [_pinned(drawn, theirs, (FULL, 0))] if theirs and split.primary else []
    for_primary = attributed(theirs, affinity, _interval_seconds(canary)) if theirs else ""
    for_canary = attributed(ours, affinity, affinity.max_age) if ours else ""
    return [*on_canary, *on_primary, _with_cookies(drawn, (for_primary, for_canary))]


def attributed(cookie: str, affinity: SessionAffinity, max_age_seconds: int) -> str:
    """`name=value` with its attributes, as Set-Cookie has it."""
    attributes = {
        f"; Max-Age={max_age_seconds}": True,
        f"; Domain={affinity.domain}": affinity.domain,
        "; HttpOnly": affinity.http_only,
        "; Partitioned": affinity.partitioned,
        f"; Path={affinity.path}": affinity.path,
        f"; SameSite={affinity.same_site}": affinity.same_site,
        "; Secure": affinity.secure,
    }
    return cookie + "".join(text for text, on in attributes.items() if on)


def _expiring(drawn: Json, previous: str, affinity: SessionAffinity) -> list[Json]:
    """Who still has the cookie of the rollout before loses it."""
    if not previous:
        return [drawn]
    gone = attributed(previous, affinity, EXPIRED)
    return [_with_cookies(_for_holders(drawn, previous), (gone, gone)), drawn]


def _pinned(drawn: Json, cookie: str, weights: Sequence[int]) -> Json:
    refs = zip(drawn["backendRefs"], weights, strict=True)
    return _for_holders({**drawn, "backendRefs": [{**ref, "weight": weight} for ref, weight in refs]}, cookie)


def _with_cookies(rule: Json, cookies: Sequence[str]) -> Json:
    refs = zip(rule["backendRefs"], cookies, strict=True)
    return {**rule, "backendRefs": [{**ref, "filters": [set_cookie(text)]} if text else ref for ref, text in refs]}


def _for_holders(rule: Json, cookie: str) -> Json:
    """The rule for requests with this cookie among others."""
    pattern = rf"(.*;\s*)?{re.escape(cookie)}(;.*)?"
    holds = {"headers": [{"name": "Cookie", "type": "RegularExpression", "value": pattern}]}
    return {**rule, "matches": [narrowed(match, holds) for match in rule["matches"]]}


def _interval_seconds(canary: Canary) -> int:
    interval = canary.spec.analysis.interval
    return max(1, round(interval.total_seconds())) if interval else DEFAULT_INTERVAL_SECONDS
