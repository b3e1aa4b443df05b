"""Session affinity as rules of an HTTPRoute; see `k8s.routers.cookies`. Pure."""

from k8s.client import Json
from k8s.models.analysis import SessionAffinity
from k8s.models.canary import Canary
from k8s.routers.base import Split
from k8s.routers.cookies import Draw, draws, holding
from k8s.routers.gatewayapi.filters import set_cookie
from k8s.routers.gatewayapi.matches import narrowed


def sticky(drawn: Json, canary: Canary, affinity: SessionAffinity, split: Split) -> list[Json]:
    """The rules around `drawn`, the one that draws by weight."""
    return [_rule(drawn, draw) for draw in draws(canary, affinity, split)]


def _rule(drawn: Json, draw: Draw) -> Json:
    sides = ((draw.split.primary, draw.primary_cookie), (draw.split.canary, draw.canary_cookie))
    pairs = zip(drawn["backendRefs"], sides, strict=True)
    refs = [
        {**ref, "weight": weight} | ({"filters": [set_cookie(cookie)]} if cookie else {})
        for ref, (weight, cookie) in pairs
    ]
    return {**drawn, "matches": _matches(drawn["matches"], draw.holders_of), "backendRefs": refs}


def _matches(matches: list[Json], cookie: str) -> list[Json]:
    if not cookie:
        return matches
    holds = {"headers": [{"name": "Cookie", "type": "RegularExpression", "value": holding(cookie)}]}
    return [narrowed(match, holds) for match in matches]
