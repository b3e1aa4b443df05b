"""How large the primary is while a promotion brings the traffic back to it, where no autoscaler says. Pure.

An annotation on the primary remembers the size it shall have afterwards, so that neither a second attempt nor another
worker has to know what was there before. However the primary's pods are replaced, one of them serves.
"""

import math

from k8s.client import Json

AFTERWARDS = "serinus.dev/replicas-after-promotion"
NO_SURGE = (0, "0%")


def enlarge(promoted: Json, *, least: int = 0, wanted: int | None = None) -> None:
    """Set a promoted primary's replicas, in place: never fewer than serve now. A DaemonSet has none to set.

    Args:
        promoted: the manifest, its replicas still those of the present primary.
        least: replicas that an autoscaler keeps it at for the moment.
        wanted: replicas that the target asks for, where no autoscaler does; 0 asks for nothing.
    """
    if "replicas" not in promoted["spec"]:
        return
    serving = int(promoted["spec"]["replicas"])
    promoted["spec"]["replicas"] = max(1, serving, least, wanted or 0)
    if wanted and wanted < serving:
        promoted["metadata"].setdefault("annotations", {})[AFTERWARDS] = str(wanted)


def keep_serving(promoted: Json) -> None:
    """Where every pod of a promoted primary might go before a new one serves, let the new one come first, in place.

    The primary has traffic while its pods are replaced, and a Deployment of one replica whose `maxUnavailable` is 1,
    as its target asks for, may be without any for as long as a pod starts
    (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable). A target whose revisions
    must not run beside each other says so by `Recreate`, or by a `maxSurge` of 0, and is taken at its word.
    """
    rolling = (promoted["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    if rolling.get("maxSurge") in NO_SURGE:
        return
    replicas = int(promoted["spec"].get("replicas", 1))
    if _share(rolling.get("maxUnavailable", 0), replicas) >= replicas:
        rolling["maxUnavailable"] = 0


def _share(value: int | str, replicas: int) -> int:
    """Pods that a number, or a percentage, of them stands for; rounded down, as Kubernetes does for the unavailable."""
    return math.floor(int(value.removesuffix("%")) * replicas / 100) if isinstance(value, str) else value


def settled(primary: Json) -> Json | None:
    """A patch that lets the primary shrink to what it shall have after the promotion; None when it has that."""
    wanted = (primary["metadata"].get("annotations") or {}).get(AFTERWARDS)
    if wanted is None:
        return None
    replicas = {"spec": {"replicas": int(wanted)}} if wanted.isdecimal() else {}
    return {"metadata": {"annotations": {AFTERWARDS: None}}} | replicas


def unplanned(primary: Json) -> Json:
    """The primary without a size for afterwards: the promotion was taken back."""
    annotations = primary["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key != AFTERWARDS}
    return {**primary, "metadata": {**primary["metadata"], "annotations": kept}}
