"""References to objects of other namespaces, which a shared cluster may want blocked. Pure.

Those to AlertProviders are checked with the other alerts (`activities.alerts.routing`).
"""

from collections.abc import Iterator

from k8s.models.canary import Canary


def blocked_reference(canary: Canary) -> str:
    """The first reference of a Canary that leads to another namespace, in a user's words; empty when none does."""
    return next((told for told, namespace in _references(canary) if namespace not in (None, canary.namespace)), "")


def _references(canary: Canary) -> Iterator[tuple[str, str | None]]:
    """Each with the sentence that refuses it, and the namespace it names."""
    spec = canary.spec
    if upstream := spec.upstream_ref:
        yield _told("spec.upstreamRef", "gloo upstream", upstream.name, upstream.namespace, canary), upstream.namespace
    for index, metric in enumerate(spec.analysis.metrics):
        if ref := metric.template_ref:
            field = f"spec.analysis.metrics[{index}].templateRef"
            yield _told(field, "metric template", ref.name, ref.namespace, canary), ref.namespace


def _told(field: str, what: str, name: str, namespace: str | None, canary: Canary) -> str:
    return (
        f"{field}: can't access {what} {name}.{namespace}, cross-namespace references are blocked; "
        f"use one in namespace {canary.namespace}"
    )
