"""The routes that stand in a VirtualService; see `k8s.routers.rules`. Pure."""

from k8s.client import Json
from k8s.models.canary import Canary
from k8s.routers.rules import Rules


class VirtualServiceRules(Rules):
    """`spec.http` or `spec.tcp` of a VirtualService."""

    backends = "route"
    unweighted = 0

    def name(self, backend: Json, canary: Canary) -> str:
        """The first part of the host, where all of it is a Service of the namespace."""
        return _service_of(str(backend["destination"]["host"]), canary)

    def renamed(self, backend: Json, service: str) -> Json:
        """Subset and port stay."""
        return {**backend, "destination": {**backend["destination"], "host": service}}

    def is_mirrored(self, rule: Json, canary: Canary) -> bool:
        """By `mirror`."""
        host = (rule.get("mirror") or {}).get("host", "")
        return _service_of(host, canary) == canary.canary_service

    def unmirrored(self, rule: Json, canary: Canary) -> Json:
        """Without it and how much of it."""
        if not self.is_mirrored(rule, canary):
            return rule
        return {key: value for key, value in rule.items() if key not in {"mirror", "mirrorPercentage"}}


RULES = VirtualServiceRules()


def _service_of(host: str, canary: Canary) -> str:
    """`{name}`, `{name}.{namespace}` and so on to `{name}.{namespace}.svc.cluster.local` are one Service."""
    name, _, domain = host.partition(".")
    return name if not domain or f"{domain}.".startswith(f"{canary.namespace}.") else host
