"""Who is told of what happens to a Canary: its own chats and webhooks, or else the worker's. Pure."""

from activities.bench import Defaults
from k8s.models.canary import Canary
from workflows.observation import Receiver, Severity

WORKERS_HOOK = "events"
"""Name of the worker's own event webhook."""


def receivers(canary: Canary, defaults: Defaults) -> tuple[Receiver, ...]:
    """The chats of `analysis.alerts`, or else the worker's; a severity that is left out is info."""
    alerts = canary.spec.analysis.alerts
    if not alerts:
        return (Receiver(provider=defaults.chat.type),) if defaults.chat else ()
    return tuple(
        Receiver(
            provider=alert.provider_ref.name,
            namespace=alert.provider_ref.namespace or canary.namespace,
            severity=Severity(alert.severity or Severity.INFO),
        )
        for alert in alerts
    )


def event_hooks(canary: Canary, defaults: Defaults) -> tuple[str, ...]:
    """Names of the Canary's webhooks of type event, or else of the worker's."""
    own = tuple(hook.name for hook in canary.hooks("event"))
    return own or ((WORKERS_HOOK,) if defaults.event_webhook else ())


def foreign_providers(canary: Canary, defaults: Defaults) -> list[str]:
    """AlertProviders in other namespaces, where the worker does not allow them."""
    refs = [(index, alert.provider_ref) for index, alert in enumerate(canary.spec.analysis.alerts)]
    return [
        f"spec.analysis.alerts[{index}].providerRef: can't access alert provider {ref.name}.{ref.namespace}, "
        f"cross-namespace references are blocked; use one in namespace {canary.namespace}"
        for index, ref in refs
        if defaults.no_cross_namespace_refs and ref.namespace not in (None, "", canary.namespace)
    ]
