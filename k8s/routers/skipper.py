"""Skipper: a shadow of the referenced Ingress, `{ingressRef.name}-canary`, with both sides behind its paths.

API: networking.k8s.io/v1; annotations of zalando.org. Of two routes Skipper takes the one with more predicates, so
`Weight(100)` puts the shadow before the Ingress, and `False()` takes it away. The Ingress is never written: it leads to
the apex Service, and so to the primary.
"""

import json
import re
from contextlib import suppress
from typing import Any

from k8s.client import Cluster, Json
from k8s.metadata import copied_metadata
from k8s.models.analysis import HeaderMatch, QueryParamMatch
from k8s.models.canary import Canary
from k8s.resources import INGRESSES
from k8s.routers.base import FULL, Split, UnfitRoute, metadata_patch, split_of
from k8s.routers.shadow import ShadowRouter, original_name, service_of, shadow_name, spec_patch
from k8s.routers.single import NOTHING

PREFIX = "zalando.org"
WEIGHTS, PREDICATE, ROUTES = (f"{PREFIX}/{name}" for name in ("backend-weights", "skipper-predicate", "skipper-routes"))
TAKEN, PASSED_BY = "Weight(100)", "False()"
AND = " && "


class SkipperRouter(ShadowRouter):
    """Weights of both sides, or in an A/B test predicates before the canary alone, as annotations of the shadow."""

    def __init__(self) -> None:
        super().__init__(INGRESSES)

    def problem(self, canary: Canary) -> str:
        """What the shadow cannot express."""
        if canary.spec.ingress_ref is None:
            return "spec.ingressRef: required by provider skipper; name the Ingress that leads to the apex Service"
        analysis = canary.spec.analysis
        if analysis.mirror:
            return "spec.analysis.mirror: not supported by provider skipper; remove it"
        if analysis.session_affinity:
            return "spec.analysis.sessionAffinity: not supported by provider skipper; remove it"
        try:
            _conditions(canary)
        except UnfitRoute as unfit:
            return str(unfit)
        return ""

    def _name(self, canary: Canary) -> str:
        return shadow_name(canary)

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        ingress = await cluster.get(INGRESSES.path(canary.namespace, original_name(canary)))
        _require_fit(ingress, canary)
        rules = [_rule(rule, canary) for rule in ingress["spec"]["rules"]]
        metadata = copied_metadata(ingress)
        share = _share(canary, NOTHING, metadata["annotations"].get(PREDICATE, ""))
        spec = {key: value for key, value in ingress["spec"].items() if key != "defaultBackend"}
        return {
            "metadata": {**metadata, "annotations": {**metadata["annotations"], **share}},
            "spec": {**spec, "rules": rules},
        }

    def _followed(self, there: Json, wanted: Json, canary: Canary, split: Split) -> Json | None:
        annotations = wanted["metadata"]["annotations"]
        share = _share(canary, split, annotations[PREDICATE])
        metadata = {**wanted["metadata"], "annotations": {**annotations, **share}}
        return {**spec_patch(there, wanted["spec"]), **metadata_patch(there, metadata)} or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        return metadata_patch(there, {"annotations": _share(canary, split, _annotation(there, PREDICATE))}) or None

    def _is_ab_test(self, there: Json, canary: Canary) -> bool:
        """In an A/B test the primary has no part in the shadow."""
        return canary.primary_service not in _weights(there)

    def _split(self, there: Json, canary: Canary) -> Split | None:
        if _annotation(there, PREDICATE).startswith(PASSED_BY):
            return NOTHING
        weights = {canary.primary_service: 0, **_weights(there)}
        return split_of(weights, canary.primary_service, canary.canary_service)


def _annotation(ingress: Json, key: str) -> str:
    return str((ingress["metadata"].get("annotations") or {}).get(key, ""))


def _weights(ingress: Json) -> dict[str, Any]:
    with suppress(ValueError, TypeError):
        return dict(json.loads(_annotation(ingress, WEIGHTS)))
    return {}


# -- the shadow -------------------------------------------------------------------------------------------------------


def _rule(rule: Json, canary: Canary) -> Json:
    """The rule with both sides behind each path to the apex Service; others stand beside them, as in the original.

    Left out, a path that is an expression would be lost to a shorter one that the shadow has.
    """
    if "http" not in rule:
        return rule
    paths = [each for path in rule["http"]["paths"] for each in _paths(path, canary)]
    return {**rule, "http": {"paths": paths}}


def _paths(path: Json, canary: Canary) -> list[Json]:
    if not _leads_to_apex(path["backend"], canary):
        return [path]
    sides = [canary.canary_service]
    if canary.strategy != "ab-testing":
        sides.insert(0, canary.primary_service)
    return [{**path, "backend": {"service": {**path["backend"]["service"], "name": side}}} for side in sides]


def _leads_to_apex(backend: Json, canary: Canary) -> bool:
    return service_of(backend) == canary.apex_name


def _require_fit(ingress: Json, canary: Canary) -> None:
    """Refuse an Ingress that its shadow would not stand for wholly.

    Raises:
        UnfitRoute: no path leads to the apex Service, or something besides, or others' routes would be lost behind the
            shadow.
    """
    name, spec = ingress["metadata"]["name"], ingress["spec"]
    if _leads_to_apex(spec.get("defaultBackend") or {}, canary):
        raise UnfitRoute(
            f"ingress {name}: defaultBackend leads to {canary.apex_name}, but Skipper divides paths alone; "
            "write a rule with path / instead"
        )
    paths = [path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    if not any(_leads_to_apex(path["backend"], canary) for path in paths):
        raise UnfitRoute(f"backend {canary.apex_name} not found in ingress {name}")
    for annotation in (WEIGHTS, ROUTES):
        if _annotation(ingress, annotation):
            raise UnfitRoute(
                f"ingress {name}: the shadow for the canary goes before what annotation {annotation} asks for; "
                "move it to an Ingress of its own"
            )


# -- the share of the traffic -----------------------------------------------------------------------------------------


def _share(canary: Canary, split: Split, predicate: str) -> dict[str, str]:
    """The annotations for a split; what others want of a request, in `predicate`, stays behind ours."""
    conditions = _conditions(canary)
    theirs = predicate.removeprefix(TAKEN).removeprefix(PASSED_BY).removeprefix(AND)
    theirs = theirs.removeprefix(AND.join(conditions)).removeprefix(AND)
    weights = {canary.primary_service: split.primary, canary.canary_service: split.canary}
    if conditions:
        weights = {canary.canary_service: FULL}
    parts = [TAKEN if split.canary else PASSED_BY, *conditions, theirs]
    return {WEIGHTS: json.dumps(weights), PREDICATE: AND.join(part for part in parts if part)}


def _conditions(canary: Canary) -> list[str]:
    """The predicates of an A/B test, which must all hold.

    Raises:
        UnfitRoute: the match asks for more.
    """
    if canary.strategy != "ab-testing":
        return []
    match, *others = canary.spec.analysis.match
    if others:
        raise UnfitRoute("spec.analysis.match[1]: provider skipper knows one match, all of which holds; remove it")
    if match.source_labels or not (match.headers or match.query_params):
        raise UnfitRoute("spec.analysis.match[0]: provider skipper matches by headers and queryParams; write some")
    headers = [_header(name, value) for name, value in sorted(match.headers.items())]
    return headers + [_parameter(name, value) for name, value in sorted(match.query_params.items())]


def _header(name: str, value: HeaderMatch) -> str:
    if value.exact is not None:
        return f"Header({_text(name)}, {_text(value.exact)})"
    return f"HeaderRegexp({_text(name)}, {_text(_expression(value, value.suffix))})"


def _parameter(name: str, value: QueryParamMatch) -> str:
    return f"QueryParam({_text(name)}, {_text(_expression(value))})"


def _expression(value: HeaderMatch | QueryParamMatch, suffix: str | None = None) -> str:
    """One that a value of that kind satisfies; Skipper looks for it anywhere in the text."""
    if value.exact is not None:
        return f"^{re.escape(value.exact)}$"
    if value.prefix is not None:
        return f"^{re.escape(value.prefix)}"
    if suffix is not None:
        return f"{re.escape(suffix)}$"
    return f"^(?:{value.regex or '.*'})$"


def _text(value: str) -> str:
    """As a string in Skipper's language."""
    return json.dumps(value, ensure_ascii=False)
