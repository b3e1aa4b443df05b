"""NGINX Ingress: a shadow of the referenced Ingress, `{ingressRef.name}-canary`, which takes its share by annotations.

API: networking.k8s.io/v1; annotations `nginx.ingress.kubernetes.io/canary*` of ingress-nginx. The referenced Ingress is
never written: it leads to the apex Service, and so to the primary.
"""

from contextlib import suppress
from copy import deepcopy

from k8s.apply import amend, find, is_owned_by, owner_of
from k8s.client import Cluster, Json
from k8s.errors import NotFound
from k8s.metadata import LAST_APPLIED
from k8s.models.analysis import HeaderMatch
from k8s.models.canary import Canary
from k8s.resources import INGRESSES
from k8s.routers.base import FULL, Split, UnfitRoute

PREFIX = "nginx.ingress.kubernetes.io"
COOKIE = "cookie"
NOTHING = Split(0)


class NginxRouter:
    """Weights, or headers and a cookie, as annotations of the shadow."""

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

    async def initialize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Make the shadow, or bring it to the Ingress that it shadows; its share of the traffic stays.

        Raises:
            NotFound: the referenced Ingress does not exist.
            UnfitRoute: nothing in it leads to the apex Service.
        """
        shadow = _shadow(await cluster.get(INGRESSES.path(canary.namespace, _name(canary))), canary)
        if await find(cluster, INGRESSES, canary.namespace, _shadow_name(canary)) is None:
            shadow["metadata"]["ownerReferences"] = [owner_of(raw)]
            await cluster.create(INGRESSES.path(canary.namespace), shadow)
            return
        await amend(cluster, _path(canary), lambda there: _brought_to(there, shadow, canary))

    async def set(self, cluster: Cluster, canary: Canary, raw: Json, split: Split) -> None:
        """Change the annotations in one request; a shadow that vanished is made again."""
        try:
            await amend(cluster, _path(canary), lambda there: _annotated(there, _share(canary, split)))
        except NotFound:
            await self.initialize(cluster, canary, raw)
            await amend(cluster, _path(canary), lambda there: _annotated(there, _share(canary, split)))

    async def get(self, cluster: Cluster, canary: Canary) -> Split | None:
        """From the annotations: some condition means an A/B test under way, otherwise the weight."""
        shadow = await find(cluster, INGRESSES, canary.namespace, _shadow_name(canary))
        return _split(shadow) if shadow else None

    async def obstacle(self, cluster: Cluster, canary: Canary) -> str:
        """None is ever told: an Ingress does not say which canary annotations were understood."""
        del cluster, canary
        return ""

    async def finalize(self, cluster: Cluster, canary: Canary, raw: Json) -> None:
        """Delete the shadow; the Ingress itself leads to the apex Service all along."""
        if canary.spec.ingress_ref is None:
            return
        shadow = await find(cluster, INGRESSES, canary.namespace, _shadow_name(canary))
        if shadow and is_owned_by(shadow, raw):
            with suppress(NotFound):
                await cluster.delete(_path(canary))


def _name(canary: Canary) -> str:
    return canary.spec.ingress_ref.name if canary.spec.ingress_ref else ""


def _shadow_name(canary: Canary) -> str:
    return f"{_name(canary)}-canary"


def _path(canary: Canary) -> str:
    return INGRESSES.path(canary.namespace, _shadow_name(canary))


def _is_canary(annotation: str) -> bool:
    return annotation.startswith(f"{PREFIX}/canary")


# -- the shadow -------------------------------------------------------------------------------------------------------


def _shadow(ingress: Json, canary: Canary) -> Json:
    """A copy without traffic: labels, annotations and rules of the original, with the canary's Service behind them."""
    metadata = ingress["metadata"]
    kept = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not _is_canary(key) and key != LAST_APPLIED
    }
    spec = deepcopy(ingress["spec"])
    backends = [each for each in _backends(spec) if (each.get("service") or {}).get("name") == canary.apex_name]
    if not backends:
        raise UnfitRoute(f"backend {canary.apex_name} not found in ingress {metadata['name']}")
    for backend in backends:
        backend["service"]["name"] = canary.canary_service
    shadow: Json = INGRESSES.header(canary.namespace, _shadow_name(canary))
    shadow["metadata"] |= {
        "labels": dict(metadata.get("labels") or {}),
        "annotations": kept | _share(canary, NOTHING),
    }
    return shadow | {"spec": spec}


def _backends(spec: Json) -> list[Json]:
    paths = [path for rule in spec.get("rules") or [] for path in (rule.get("http") or {}).get("paths") or []]
    default = [spec["defaultBackend"]] if spec.get("defaultBackend") else []
    return [*(path["backend"] for path in paths), *default]


def _brought_to(current: Json, shadow: Json, canary: Canary) -> Json | None:
    """A patch to the original as it is now; the share of the traffic is the one that is there."""
    split = _split(current) or NOTHING
    wanted = {key: value for key, value in shadow["metadata"]["annotations"].items() if not _is_canary(key)}
    patch = _annotated(current, wanted | _share(canary, split)) or {}
    if current["spec"] != shadow["spec"]:
        patch["spec"] = shadow["spec"]
    return patch or None


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


def _split(shadow: Json) -> Split | None:
    annotations = shadow["metadata"].get("annotations") or {}
    if any(key.startswith(f"{PREFIX}/canary-by-") for key in annotations):
        return Split(FULL)
    weight = annotations.get(f"{PREFIX}/canary-weight", "")
    return Split(int(weight)) if weight.isdecimal() and int(weight) <= FULL else None


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
