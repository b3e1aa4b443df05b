"""Fields of an object that Flagger wrote become ours."""

from typing import Any

import pytest

from k8s.inheritance import inherited

Json = dict[str, Any]


def an_entry(manager: str, *fields: str, operation: str = "Update", **more: str) -> Json:
    """Of `metadata.managedFields`, with these fields of the spec."""
    written: Json = {"f:spec": {f"f:{field}": {} for field in fields}}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "autoscaling/v2",
        "fieldsType": "FieldsV1",
        "fieldsV1": written,
    } | more


STATUS = an_entry("kube-controller-manager", subresource="status")
PERSON = an_entry("kubectl-edit", "behavior")


@pytest.mark.parametrize(
    ("entries", "result"),
    [
        ([], None),
        ([STATUS, PERSON], None),
        ([an_entry("serinus", "metrics", operation="Apply")], None),
        ([an_entry("flagger", subresource="status")], None),
        (
            [an_entry("flagger", "metrics"), STATUS, PERSON],
            [an_entry("serinus", "metrics", operation="Apply"), STATUS, PERSON],
        ),
        (
            [an_entry("serinus", "metrics", operation="Apply"), an_entry("flagger", "metrics", "behavior")],
            [an_entry("serinus", "metrics", "behavior", operation="Apply")],
        ),
        (
            [an_entry("serinus", "replicas"), an_entry("flagger", "metrics")],
            [an_entry("serinus", "metrics", operation="Apply"), an_entry("serinus", "replicas")],
        ),
    ],
    ids=["none", "others", "ours", "of its status", "Flagger's", "both, as after a way back", "ours by update"],
)
def test_inherited(entries: list[Json], result: list[Json] | None) -> None:
    """Those of others stay theirs."""
    assert inherited(entries) == result
