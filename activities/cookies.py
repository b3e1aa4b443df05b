"""The cookies of session affinity, kept in the Canary's status. Pure but for the dice.

A new cookie for the canary's users is made when a rollout gives it its first traffic, and laid aside as the previous
one when its traffic ends, so that routers can expire it. The primary's users get a new one at the same time.
"""

import secrets
import string

from k8s.client import Json
from k8s.models.analysis import SessionAffinity

LETTERS = 10
CANARY, PRIMARY, PREVIOUS = "sessionAffinityCookie", "primarySessionAffinityCookie", "previousSessionAffinityCookie"


def cookies_patch(raw: Json, affinity: SessionAffinity, weight: int) -> Json | None:
    """What of the status changes before the canary gets `weight` percent; None when nothing does.

    Args:
        raw: the Canary as it is now.
        affinity: names the cookies.
        weight: the canary's coming share of traffic.
    """
    status = raw.get("status") or {}
    if weight == 0:
        present = status.get(CANARY)
        return {"status": {PREVIOUS: present, CANARY: ""}} if present else None
    names = {CANARY: affinity.cookie_name, PRIMARY: affinity.primary_cookie}
    begins = not status.get(CANARY)
    made = {field: _cookie(name) for field, name in names.items() if begins or not status.get(field)}
    return {"status": made} if made else None


def _cookie(name: str) -> str:
    return f"{name}={''.join(secrets.choice(string.ascii_letters) for _ in range(LETTERS))}"
