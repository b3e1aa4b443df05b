"""Workflows know activities by name and record alone, so both must meet what is registered."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from temporalio import activity

from activities.bench import Bench
from activities.registry import activities
from tests.workflows.scenario import World
from workflows.effects import Activity

Shape = tuple[list[type] | None, type | None]


def shapes(methods: Iterable[Callable[..., Any]]) -> list[tuple[str, Shape]]:
    """Name, argument types and result type of each activity, as Temporal sees them."""
    definitions = [activity._Definition.must_from_callable(method) for method in methods]
    return sorted((definition.name or "", (definition.arg_types, definition.ret_type)) for definition in definitions)


def test_what_workflows_name_is_what_is_registered(bench: Bench) -> None:
    """Each name once, and no other."""
    assert [name for name, _ in shapes(activities(bench))] == sorted(Activity)


@pytest.mark.parametrize("name", sorted(Activity))
def test_the_world_of_workflow_tests_is_shaped_like_the_real_one(bench: Bench, name: str) -> None:
    """A scenario's activity takes and answers the same records, or its story would prove nothing."""
    assert dict(shapes(World().activities))[name] == dict(shapes(activities(bench)))[name]
