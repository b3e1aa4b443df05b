"""What an alert tells besides its text: title to value, in the order in which chats show it. Pure."""

from k8s.models.analysis import Analysis
from k8s.models.canary import Canary
from workflows.effects import Alert


def fields_of(canary: Canary, cluster_name: str, alert: Alert) -> dict[str, str]:
    """Cluster, then what is released and how where the alert asks for it, then the alert's own."""
    cluster = {"Cluster": cluster_name} if cluster_name else {}
    return cluster | (described(canary) if alert.fields else {}) | alert.details


def described(canary: Canary) -> dict[str, str]:
    """What is released, and how its analysis goes."""
    return {
        "Target": f"{canary.spec.target_ref.kind}/{canary.target_name}.{canary.namespace}",
        "Failed checks threshold": str(canary.spec.analysis.threshold or 0),
        "Progress deadline": f"{canary.deadline_seconds}s",
        "Traffic routing": traffic_routing(canary),
    }


def traffic_routing(canary: Canary) -> str:
    """The strategy in a few words; percent."""
    match canary.strategy:
        case "ab-testing":
            return "A/B Testing"
        case "blue-green":
            return "Blue/Green"
        case "canary":
            return weights(canary.spec.analysis)


def weights(analysis: Analysis) -> str:
    """The steps, and the weight that they end at: 100 when the spec leaves it out."""
    maximum = analysis.max_weight or 100
    if analysis.step_weights:
        return f"Weight steps: {','.join(str(step) for step in analysis.step_weights)} max: {maximum}"
    return f"Weight step: {analysis.step_weight or 0} max: {maximum}"
