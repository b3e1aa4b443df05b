"""What is refused of a spec, before there is a route.

A Canary may say by an annotation that its HTTPRoute is the user's own; then only backendRefs of it are changed, and
the Canary must not ask for anything else.
"""

from k8s.models.canary import Canary
from k8s.models.common import quoted
from k8s.routers.base import Split, UnfitRoute, beyond_weights
from k8s.routers.gatewayapi.linkerd import is_linkerd, refuse_unknown_filters
from k8s.routers.gatewayapi.rules import rules_of

ANNOTATION, BACKEND_REFS = "serinus.dev/http-route", "backendRefs"
NO_PARENT = "GatewayRefs must be specified when using Gateway API as a provider."
RULE_FIELDS = ("match", "rewrite", "headers", "mirror", "corsPolicy", "timeout", "backendTimeout")
"""Fields of `spec.service` that are parts of a rule other than its backendRefs."""


def is_users(canary: Canary) -> bool:
    """Whether the HTTPRoute is the user's own, and only its backendRefs are ours."""
    return canary.metadata.annotations.get(ANNOTATION) == BACKEND_REFS


def require_fit(canary: Canary, *, by_linkerd: bool) -> None:
    """Raises UnfitRoute for a spec that an HTTPRoute cannot express, or that its mesh would not honour."""
    service = canary.spec.service
    mode = canary.metadata.annotations.get(ANNOTATION, BACKEND_REFS)
    if mode != BACKEND_REFS:
        raise UnfitRoute(f"metadata.annotations[{ANNOTATION}]: {quoted(mode)}; write {BACKEND_REFS}, or remove it")
    if service is None or not (service.gateway_refs or is_users(canary)):
        raise UnfitRoute(NO_PARENT)
    if by_linkerd or is_linkerd(canary):
        refuse_unknown_filters(canary)
    if is_users(canary):
        _refuse_all_but_weights(canary)
    rules_of(canary, Split(0, mirrored=canary.spec.analysis.mirror))


def _refuse_all_but_weights(canary: Canary) -> None:
    given = canary.spec.service.as_json() if canary.spec.service else {}
    for field in (*(f"spec.service.{field}" for field in RULE_FIELDS if given.get(field)), *beyond_weights(canary)):
        why = f"only the backendRefs of the HTTPRoute may be changed ({ANNOTATION}: {BACKEND_REFS})"
        raise UnfitRoute(f"{field}: {why}; remove it, or that annotation")
