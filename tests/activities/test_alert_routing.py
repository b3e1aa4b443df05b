"""Who is told, and what besides the text."""

from typing import Any

import pytest

from activities.alerts.destination import Destination
from activities.alerts.fields import fields_of
from activities.bench import Defaults
from activities.plan import UnfitAnalysis, plan_of
from k8s.models.canary import Canary
from tests.objects import a_model, an_analysis
from workflows.effects import Alert
from workflows.observation import Receiver, Severity

WORKERS_OWN = Defaults(chat=Destination("msteams", "http://teams"), event_webhook="http://log")
NOBODY = Defaults()


def an_alert(provider: str, namespace: str | None = None, severity: str | None = None) -> dict[str, Any]:
    """Of `analysis.alerts`."""
    return {"name": "on-call", "providerRef": {"name": provider, "namespace": namespace}, "severity": severity}


def alerted(defaults: Defaults, *alerts: dict[str, Any]) -> tuple[Receiver, ...]:
    """By a Canary with these alerts."""
    return plan_of(a_model(analysis=an_analysis(alerts=list(alerts))), defaults).alerts


@pytest.mark.parametrize(
    ("alerts", "defaults", "receivers"),
    [
        ([], NOBODY, ()),
        ([], WORKERS_OWN, (Receiver(provider="msteams"),)),
        ([an_alert("slack")], WORKERS_OWN, (Receiver(provider="slack", namespace="test"),)),
        (
            [an_alert("slack", "ops", "error"), an_alert("chat", severity="warn")],
            NOBODY,
            (
                Receiver(provider="slack", namespace="ops", severity=Severity.ERROR),
                Receiver(provider="chat", namespace="test", severity=Severity.WARN),
            ),
        ),
    ],
    ids=["nobody", "the worker's own", "the Canary's instead", "several"],
)
def test_routing(alerts: list[dict[str, Any]], defaults: Defaults, receivers: tuple[Receiver, ...]) -> None:
    """The Canary's chats, or else the worker's."""
    assert alerted(defaults, *alerts) == receivers


@pytest.mark.parametrize("severity", [None, "", "info"])
def test_unset_severity(severity: str | None) -> None:
    """Is info: everything is told."""
    (receiver,) = alerted(NOBODY, an_alert("slack", severity=severity))
    assert receiver.severity is Severity.INFO


@pytest.mark.parametrize(
    ("severity", "least", "reaches"),
    [
        ("info", "info", True),
        ("info", "warn", False),
        ("info", "error", False),
        ("warn", "info", True),
        ("warn", "warn", True),
        ("warn", "error", False),
        ("error", "info", True),
        ("error", "warn", True),
        ("error", "error", True),
    ],
)
def test_severity(severity: str, least: str, reaches: bool) -> None:
    """A chat is told of what it asks for, and of what is worse."""
    assert Severity(severity).reaches(Severity(least)) is reaches


def a_hook(name: str, kind: str = "event") -> dict[str, str]:
    """Of `analysis.webhooks`."""
    return {"name": name, "type": kind, "url": "http://log"}


@pytest.mark.parametrize(
    ("webhooks", "defaults", "names"),
    [
        ([], NOBODY, ()),
        ([a_hook("gate", "pre-rollout")], NOBODY, ()),
        ([a_hook("gate", "pre-rollout")], WORKERS_OWN, ("events",)),
        ([a_hook("b"), a_hook("a")], WORKERS_OWN, ("b", "a")),
        ([a_hook("b"), a_hook("a"), a_hook("b")], WORKERS_OWN, ("b", "a", "b (2)")),
    ],
    ids=["nobody", "other types", "the worker's own", "the Canary's instead", "two of one name"],
)
def test_event_hooks(webhooks: list[dict[str, str]], defaults: Defaults, names: tuple[str, ...]) -> None:
    """The Canary's webhooks of type event, or else the worker's."""
    assert plan_of(a_model(analysis=an_analysis(webhooks=webhooks)), defaults).event_hooks == names


@pytest.mark.parametrize("namespace", [None, "", "test"])
def test_providers_nearby(namespace: str | None) -> None:
    """Are always allowed."""
    assert alerted(Defaults(no_cross_namespace_refs=True), an_alert("slack", namespace))


def test_providers_elsewhere() -> None:
    """Only where the worker allows them; the refusal names field and remedy."""
    assert alerted(NOBODY, an_alert("slack", "ops"))
    with pytest.raises(UnfitAnalysis) as refusal:
        alerted(Defaults(no_cross_namespace_refs=True), an_alert("chat"), an_alert("slack", "ops"))
    assert str(refusal.value) == (
        "spec.analysis.alerts[1].providerRef: can't access alert provider slack.ops, "
        "cross-namespace references are blocked; use one in namespace test"
    )


# -- fields -----------------------------------------------------------------------------------------------------------


def fields(canary: Canary, cluster: str = "", **alert: Any) -> dict[str, str]:
    """Of an alert about this Canary."""
    return fields_of(canary, cluster, Alert(text="", severity=Severity.INFO, **alert))


def test_fields() -> None:
    """In the order in which chats show them."""
    canary = a_model(progressDeadlineSeconds=60)
    assert list(fields(canary, "blue", fields=True, details={"Reason": "why"}).items()) == [
        ("Cluster", "blue"),
        ("Target", "Deployment/podinfo.test"),
        ("Failed checks threshold", "5"),
        ("Progress deadline", "60s"),
        ("Traffic routing", "Weight step: 10 max: 50"),
        ("Reason", "why"),
    ]


def test_few_fields() -> None:
    """Without a cluster's name, and for an alert that does not ask for more, none."""
    assert fields(a_model()) == {}
    assert fields(a_model(), "blue") == {"Cluster": "blue"}


@pytest.mark.parametrize(
    ("analysis", "text"),
    [
        ({"stepWeight": 5, "maxWeight": 50}, "Weight step: 5 max: 50"),
        ({"stepWeight": 5, "maxWeight": None}, "Weight step: 5 max: 100"),
        ({"stepWeight": None, "stepWeights": [1, 10, 50], "maxWeight": 80}, "Weight steps: 1,10,50 max: 80"),
        ({"stepWeight": None, "iterations": 5}, "Blue/Green"),
        ({"stepWeight": None, "iterations": 5, "match": [{"headers": {"x": {"exact": "y"}}}]}, "A/B Testing"),
    ],
)
def test_traffic_routing(analysis: dict[str, Any], text: str) -> None:
    """The strategy in a few words."""
    assert fields(a_model(analysis=an_analysis(**analysis)), fields=True)["Traffic routing"] == text
