"""Session affinity: who was drawn for one side stays there, by a cookie that the route sets and matches. Pure.

The cookies stand in the Canary's status and are never made here: the same status gives the same rules. Users of the
primary are kept for one interval of the analysis and then drawn again; without that nearly everybody would end up on
the canary early (fluxcd/flagger#1647). A cookie expires by the very attributes with which it was set: a browser keeps
one whose Domain or Path differs.
"""

import re
from dataclasses import dataclass

from k8s.models.analysis import SessionAffinity
from k8s.models.canary import Canary
from k8s.routers.base import FULL, Split, UnfitRoute

DEFAULT_INTERVAL_SECONDS = 60
EXPIRED = -1


@dataclass(frozen=True)
class Draw:
    """One rule of session affinity."""

    split: Split
    holders_of: str = ""
    """Whom the rule is for: users with this cookie, `name=value`; empty: everybody."""
    primary_cookie: str = ""
    """What the primary's answers set, with its attributes; empty: none."""
    canary_cookie: str = ""
    """What the canary's answers set."""


def draws(canary: Canary, affinity: SessionAffinity, split: Split) -> list[Draw]:
    """The rules in their order: those before the last, which draws by weight, are narrower and so they win."""
    if split.canary == 0:
        return _expiring(canary.status.previous_session_affinity_cookie, affinity, split)
    ours, theirs = canary.status.session_affinity_cookie, canary.status.primary_session_affinity_cookie
    on_canary = [Draw(Split(FULL, mirrored=split.mirrored), ours)] if ours else []
    on_primary = [Draw(Split(0, mirrored=split.mirrored), theirs)] if theirs and split.primary else []
    drawn = Draw(
        split,
        primary_cookie=attributed(theirs, affinity, _interval_seconds(canary)) if theirs else "",
        canary_cookie=attributed(ours, affinity, affinity.lifetime_seconds) if ours else "",
    )
    return [*on_canary, *on_primary, drawn]


def holding(cookie: str) -> str:
    """A regular expression for the whole Cookie header of a request with this cookie among others."""
    return rf"(.*;\s*)?{re.escape(cookie)}(;.*)?"


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


def require_drawn(canary: Canary) -> None:
    """Raises UnfitRoute for session affinity where nobody is drawn by weight."""
    if canary.spec.analysis.session_affinity and canary.strategy != "canary":
        remedy = "with spec.analysis.iterations nobody is drawn by weight: remove it"
        raise UnfitRoute(f"spec.analysis.sessionAffinity: {remedy}")


def _expiring(previous: str, affinity: SessionAffinity, split: Split) -> list[Draw]:
    """Who still has the cookie of the rollout before loses it."""
    if not previous:
        return [Draw(split)]
    gone = attributed(previous, affinity, EXPIRED)
    return [Draw(split, previous, gone, gone), Draw(split)]


def _interval_seconds(canary: Canary) -> int:
    interval = canary.spec.analysis.interval
    return max(1, round(interval.total_seconds())) if interval else DEFAULT_INTERVAL_SECONDS
