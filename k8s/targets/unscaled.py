"""What Services and Knative Services have in common: no pods of their own, and nothing to scale."""

from k8s.client import Json
from k8s.revision import template_hash
from k8s.targets.base import DEFAULT_SELECTOR_LABELS, NO_PODS, Selector


class UnscaledTarget:
    """A target whose pods, if any, are somebody else's; a subclass adds what is released."""

    pod_suffix = ""

    def selector(
        self, target: Json, primary: Json | None = None, labels: tuple[str, ...] = DEFAULT_SELECTOR_LABELS
    ) -> Selector:
        """None."""
        return NO_PODS

    def primary_template(
        self, template: Json, selector: Selector, configs: dict[str, str], target_name: str = ""
    ) -> Json:
        """The very same."""
        return template

    def runs(self, running: Json, expected: Json) -> bool:
        """Equal, absent and null being the same."""
        return template_hash(running) == template_hash(expected)

    def mark(self, template: Json) -> str | None:
        """Its hash."""
        return template_hash(template)

    def replicas(self, obj: Json) -> int:
        """It is always up."""
        return 1

    def scaled(self, obj: Json, replicas: int) -> Json | None:
        """Nothing changes."""
        return None

    def is_empty(self, obj: Json) -> bool:
        """It has no pods to wait for."""
        return True
