"""How large the primary is while a promotion brings the traffic back to it, where no autoscaler says. Pure.

An annotation on the primary remembers the size it shall have afterwards, so that neither a second attempt nor another
worker has to know what was there before.
"""

from k8s.client import Json

AFTERWARDS = "serinus.dev/replicas-after-promotion"


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
