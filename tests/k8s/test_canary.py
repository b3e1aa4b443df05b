"""What a Canary derives from its fields."""

from typing import Any

import pytest

from k8s.models.canary import Canary
from k8s.models.common import ApiModel
from k8s.models.service import GatewayRef, Service
from k8s.models.status import Condition, Status
from k8s.models.webhook import Webhook

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"}


def a_canary(**spec: Any) -> Canary:
    """Of Deployment podinfo in namespace test."""
    fields = {"targetRef": TARGET, "analysis": {}} | spec
    return Canary.model_validate({"metadata": {"name": "front", "namespace": "test"}, "spec": fields})


def test_workload_names() -> None:
    """Workloads are named for the target, not for the Canary."""
    canary = a_canary()
    assert (canary.name, canary.namespace) == ("front", "test")
    assert (canary.target_name, canary.primary_name) == ("podinfo", "podinfo-primary")


@pytest.mark.parametrize(
    ("service", "apex"),
    [
        (None, "podinfo"),
        ({"port": 80}, "podinfo"),
        ({"port": 80, "name": ""}, "podinfo"),
        ({"port": 80, "name": "web"}, "web"),
    ],
)
def test_service_names(service: Any, apex: str) -> None:
    """Services are named for `service.name`, and else for the target."""
    canary = a_canary(service=service)
    names = (canary.apex_name, canary.primary_service, canary.canary_service)
    assert names == (apex, f"{apex}-primary", f"{apex}-canary")


@pytest.mark.parametrize(("given", "seconds"), [(None, 600), (0, 0), (60, 60)])
def test_deadline(given: int | None, seconds: int) -> None:
    """The deadline is ten minutes unless it is given, and zero is given."""
    assert a_canary(progressDeadlineSeconds=given).deadline_seconds == seconds


def test_hooks() -> None:
    """Hooks come in the order of the spec, and one without a type is a rollout hook."""
    types = ["rollout", "pre-rollout", "", None]
    hooks = [{"name": str(n), "url": "http://x.test/", "type": kind} for n, kind in enumerate(types)]
    canary = a_canary(analysis={"webhooks": hooks})
    assert [hook.name for hook in canary.hooks("rollout")] == ["0", "2", "3"]
    assert [hook.name for hook in canary.hooks("pre-rollout")] == ["1"]
    assert canary.hooks("event") == []


def test_hooks_of_one_name() -> None:
    """Each is called under a name of its own; other types, and other fields, have no part in it."""
    hooks = [
        {"name": "gate", "url": f"http://x.test/{n}", "type": kind}
        for n, kind in enumerate(["pre-rollout", "rollout", "pre-rollout", "pre-rollout"])
    ]
    canary = a_canary(analysis={"webhooks": hooks})
    assert [(hook.name, hook.url[-1]) for hook in canary.hooks("pre-rollout")] == [
        ("gate", "0"),
        ("gate (2)", "2"),
        ("gate (3)", "3"),
    ]
    assert [hook.name for hook in canary.hooks("rollout")] == ["gate"]


def test_null_is_the_same_as_absent() -> None:
    """A null reads as if the field were not there."""
    service = Service.model_validate({"port": 80, "hosts": None, "gatewayRefs": None, "targetPort": None})
    assert (service.hosts, service.gateway_refs, service.target_port) == ([], [], None)


def test_unknown_fields_are_ignored() -> None:
    """A field that the model does not know neither fails nor comes out again."""
    assert a_canary(novelty={"deep": 1}).as_json()["spec"].keys() == {"targetRef", "analysis"}


@pytest.mark.parametrize("port", [80, "http", "8080"])
def test_target_port(port: int | str) -> None:
    """A number stays a number, and digits in quotes stay a name."""
    assert Service.model_validate({"port": 80, "targetPort": port}).target_port == port


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (GatewayRef, {"name": "podinfo"}),
        (GatewayRef, {"name": "podinfo", "group": "core", "kind": "Service", "port": 9898}),
        (Webhook, {"name": "load", "url": "http://x.test/", "disableTLS": True, "timeout": "60s"}),
    ],
)
def test_as_json(model: type[ApiModel], given: dict[str, Any]) -> None:
    """JSON has the given fields only, and as they were given."""
    assert model.model_validate(given).as_json() == given


def test_python_names() -> None:
    """A model can be made with Python's names and is written with the API's."""
    assert Webhook(name="x", url="http://x.test/", disable_tls=True).as_json()["disableTLS"] is True


def test_promoted_condition() -> None:
    """The condition Promoted is found among others, and missed without an error."""
    promoted = Condition(type="Promoted", status="True", reason="Succeeded")
    other = Condition(type="Other", status="True", reason="Other")
    assert Status(conditions=[other, promoted]).promoted == promoted
    assert Status(conditions=[other]).promoted is None
