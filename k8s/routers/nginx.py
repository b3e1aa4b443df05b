"""NGINX Ingress: a shadow of the referenced Ingress, `{ingressRef.name}-canary`, which takes its share by annotations.

API: networking.k8s.io/v1; annotations `nginx.ingress.kubernetes.io/canary*` of ingress-nginx. The referenced Ingress is
never written: it leads to the apex Service, and so to the primary.
"""

from copy import deepcopy

from k8s.client import Cluster, Json
from k8s.metadata import copied_metadata
from k8s.models.analysis import HeaderMatch
from k8s.models.canary import Canary
from k8s.resources import INGRESSES
from k8s.routers.base import FULL, Split, UnfitRoute
from k8s.routers.shadow import ShadowRouter, original_name, service_of, shadow_name, spec_patch
from k8s.routers.single import NOTHING

PREFIX = "nginx.ingress.kubernetes.io"
COOKIE = "cookie"


class NginxRouter(ShadowRouter):
    """Weights, or headers and a cookie, as annotations of the shadow."""

    def __init__(self) -> None:
        super().__init__(INGRESSES)

    def problem(self, canary: Canary) -> str:
        """What ingress-nginx cannot express."""
        if canary.spec.ingress_ref is None:
            return "spec.ingressRef: required by provider nginx; name the Ingress that leads to the apex Service"
        analysis = canary.spec.analysis
        if analysis.mirror:
            return "spec.analysis.mirror: ingress-nginx copies no requests to a canary; remove it"
        if analysis.session_affinity:
            return "spec.analysis.sessionAffinity: not supported by provider nginx; remove it"
        try:
            _conditions(canary)
        except UnfitRoute as unfit:
            return str(unfit)
        return ""

    def _name(self, canary: Canary) -> str:
        return shadow_name(canary)

    async def _wanted(self, cluster: Cluster, canary: Canary) -> Json:
        return _shadow(await cluster.get(INGRESSES.path(canary.namespace, original_name(canary))), canary)

    def _followed(self, there: Json, wanted: Json, canary: Canary, split: Split) -> Json | None:
        others = {key: value for key, value in wanted["metadata"]["annotations"].items() if not _is_canary(key)}
        return {
            **(_annotated(there, others | _share(canary, split)) or {}),
            **spec_patch(there, wanted["spec"]),
        } or None

    def _divided(self, there: Json, canary: Canary, split: Split) -> Json | None:
        return _annotated(there, _share(canary, split))

    def _is_ab_test(self, there: Json, canary: Canary) -> bool:
        return any(key.startswith(f"{PREFIX}/canary-by-") for key in there["metadata"].get("annotations") or {})

    def _split(self, there: Json, canary: Canary) -> Split | None:
        """From the annotations: some condition means an A/B test under way, otherwise the weight."""
        if self._is_ab_test(there, canary):
            return Split(FULL)
        weight = (there["metadata"].get("annotations") or {}).get(f"{PREFIX}/canary-weight", "")
        return Split(int(weight)) if weight.isdecimal() and int(weight) <= FULL else None


def _is_canary(annotation: str) -> bool:
    return annotation.startswith(f"{PREFIX}/canary")


# -- the shadow -------------------------------------------------------------------------------------------------------


def _shadow(ingress: Json, canary: Canary) -> Json:
    """A copy without traffic: labels, annotations and rules of the original, with the canary's Service behind them."""
    metadata = copied_metadata(ingress)
    kept = {key: value for key, value in metadata["annotations"].items() if not _is_canary(key)}
    spec = deepcopy(ingress["spec"])
    backends = [each for each in _backends(spec) if service_of(each) == canary.apex_name]
    if not backends:
        raise UnfitRoute(f"backend {canary.apex_name} not found in ingress {ingress['metadata']['name']}")
    for backend in backends:
        backend["service"]["name"] = canary.canary_service
    return {"metadata": {**metadata, "annotations": kept | _share(canary, NOTHING)}, "spec": spec}


def _backends(spec: Json) -> list[Json]:
    paths = [path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    default = [spec["defaultBackend"]] if spec.get("defaultBackend") else []
    return [*(path["backend"] for path in paths), *default]


def _annotated(current: Json, wanted: dict[str, str]) -> Json | None:
    """A patch that sets these annotations, and takes off those of a canary that are not among them."""
    present = current["metadata"].get("annotations") or {}
    gone = dict.fromkeys(key for key in present if _is_canary(key) and key not in wanted)
    changed = {key: value for key, value in wanted.items() if present.get(key) != value}
    return {"metadata": {"annotations": {**gone, **changed}}} if gone or changed else None


# -- the share of the traffic -----------------------------------------------------------------------------------------


def _share(canary: Canary, split: Split) -> dict[str, str]:
    """The annotations for a split: in an A/B test conditions, which go before the weight."""
    share = {f"{PREFIX}/canary": "true", f"{PREFIX}/canary-weight": "0"}
    if canary.strategy == "ab-testing":
        return share | (_conditions(canary) if split.canary else {})
    return share | {f"{PREFIX}/canary-weight": str(split.canary)}


def _conditions(canary: Canary) -> dict[str, str]:
    """The annotations of an A/B test: one header, or one cookie, or either of the two.

    Raises:
        UnfitRoute: the match asks for more.
    """
    if canary.strategy != "ab-testing":
        return {}
    found: dict[str, str] = {}
    for number, match in enumerate(canary.spec.analysis.match):
        where = f"spec.analysis.match[{number}]"
        if match.query_params or match.source_labels or len(match.headers) != 1:
            raise UnfitRoute(f"{where}: provider nginx matches one header in each; write headers with one entry")
        [(header, value)] = match.headers.items()
        condition = _condition(f"{where}.headers.{header}", header, value)
        if condition.keys() & found.keys():
            raise UnfitRoute(f"{where}.headers.{header}: provider nginx knows one header and one cookie; remove it")
        found |= condition
    return found


def _condition(where: str, header: str, value: HeaderMatch) -> dict[str, str]:
    """A cookie is met by the value `always`, so its exact text is the cookie's name."""
    if header.lower() == COOKIE:
        if not value.exact:
            raise UnfitRoute(f"{where}: provider nginx knows cookies by name; write exact with the name of the cookie")
        return {f"{PREFIX}/canary-by-cookie": value.exact}
    by_header = {f"{PREFIX}/canary-by-header": header}
    if value.exact:
        return by_header | {f"{PREFIX}/canary-by-header-value": value.exact}
    if value.regex:
        return by_header | {f"{PREFIX}/canary-by-header-pattern": value.regex}
    raise UnfitRoute(f"{where}: provider nginx matches by exact or regex; write one of them")
