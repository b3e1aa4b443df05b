"""DaemonSets, Services and Knative Services through the life of a canary, on real servers: what `kinds` tells."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from playground.stage import Stage
from tests.integration.kinds import (
    Led,
    OnNodes,
    Revised,
    available,
    blue_green,
    by_knative,
    by_weights,
    image,
    is_parked,
    on_every_node,
    traffic,
)
from tests.integration.scenario import Stories, assert_in_order, at_once

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Any]]:
    """All of them at the same time."""
    all_ = (on_every_node, by_weights, blue_green, by_knative)
    async with at_once(**{story.__name__: story(stage) for story in all_}) as running:
        yield running


async def test_daemon_set(stories: Stories[Any]) -> None:
    """The primary is on every node, the target on none outside of a rollout; a good release is promoted."""
    tale: OnNodes = await stories.told("on_every_node")
    for target, primary in (tale.at_rest, tale.after_promotion, tale.after_rollback):
        assert is_parked(target)
        assert not is_parked(primary)
        assert available(primary) == 1
    assert [image(primary) for _, primary in (tale.at_rest, tale.after_promotion, tale.after_rollback)] == [
        "6.0.0",
        "6.0.1",
        "6.0.1",
    ]
    assert_in_order(
        tale.good,
        [
            r"New revision detected! Scaling up podinfo\..*",
            r"Advance podinfo\..* canary weight 20",
            r"Advance podinfo\..* canary weight 40",
            r"Copying podinfo\..* template spec to podinfo-primary\..*",
            r"Promotion completed! Scaling down podinfo\..*",
        ],
    )


async def test_daemon_set_is_judged_by_its_own_pods(stories: Stories[Any]) -> None:
    """What only the canary fails is seen, although the primary's pods share the beginning of their names."""
    tale: OnNodes = await stories.told("on_every_node")
    assert_in_order(
        tale.bad,
        [r"Halt podinfo\..* advancement success rate .*% < 99%", r"Rolling back podinfo\..* failed checks threshold.*"],
    )


async def test_daemon_set_has_a_deadline(stories: Stories[Any]) -> None:
    """Pods that no node takes are no reason to wait for ever."""
    tale: OnNodes = await stories.told("on_every_node")
    assert_in_order(tale.unschedulable, [r"Rolling back podinfo\..*no node matches its pods.*"])


async def test_daemon_set_is_handed_back(stories: Stories[Any]) -> None:
    """Its pods run again before the Canary goes, and the node selector holds no trace of us."""
    tale: OnNodes = await stories.told("on_every_node")
    assert not is_parked(tale.handed_back)
    assert available(tale.handed_back) == 1


async def test_service(stories: Stories[Any]) -> None:
    """The target stays as its team wrote it; its copies hold what serves and what is analysed."""
    tale: Led = await stories.told("by_weights")
    assert tale.at_rest == {"podinfo": "one", "podinfo-primary": "one", "podinfo-canary": "one"}
    assert tale.after_promotion == {"podinfo": "two", "podinfo-primary": "two", "podinfo-canary": "two"}
    assert tale.after_rollback == {"podinfo": "three", "podinfo-primary": "two", "podinfo-canary": "three"}
    assert tale.weights == [100, 0]
    assert set(tale.users) == {"200"}
    assert tale.left == {"podinfo"}


async def test_service_is_judged_by_what_its_callers_count(stories: Stories[Any]) -> None:
    """The built-in check asks about the canary's Service, whosever pods it leads to."""
    tale: Led = await stories.told("by_weights")
    assert_in_order(tale.good, [r"Advance .* weight 20", r"Advance .* weight 40", r"Promotion completed!.*"])
    assert_in_order(tale.bad, [r"Halt .* success rate .*% < 99%", r"Rolling back .* failed checks threshold.*"])


async def test_service_in_blue_green(stories: Stories[Any]) -> None:
    """Other strategies need nothing more of it."""
    texts: list[str] = await stories.told("blue_green")
    assert_in_order(texts, [r"New revision detected!.*", r"Advance .* canary iteration 2/2", r"Promotion completed!.*"])


async def test_knative_that_comes_late(stories: Stories[Any]) -> None:
    """A Canary that is there before the definitions are waits for them, and says once what is lacking."""
    tale: Revised = await stories.told("by_knative")
    assert len([text for text in tale.early if "get query error" in text]) == 1


async def test_knative(stories: Stories[Any]) -> None:
    """The annotation follows promotions, the traffic the weights; a revision that is never ready is rolled back."""
    tale: Revised = await stories.told("by_knative")
    seen = (tale.at_rest, tale.in_the_middle, tale.after_promotion, tale.after_rollback, tale.undone)
    primaries = [service["metadata"]["annotations"]["flagger.app/primary-revision"] for service in seen]
    assert primaries == ["podinfo-00001", "podinfo-00001", "podinfo-00002", "podinfo-00002", "podinfo-00001"]
    assert [traffic(service) for service in seen] == [
        [("latest", 0), ("podinfo-00001", 100)],
        [("latest", 40), ("podinfo-00001", 60)],
        [("latest", 0), ("podinfo-00002", 100)],
        [("latest", 0), ("podinfo-00002", 100)],
        [("latest", 0), ("podinfo-00001", 100)],
    ]
    assert_in_order(tale.good, [r"Advance .* weight 20", r"Advance .* weight 40", r"Promotion completed!.*"])
    assert_in_order(tale.bad, [r"Rolling back podinfo\..*revision podinfo-00003 is not ready: no such image.*"])


async def test_knative_is_handed_back(stories: Stories[Any]) -> None:
    """The latest revision serves as without a Canary."""
    tale: Revised = await stories.told("by_knative")
    assert traffic(tale.handed_back) == [("latest", 100)]
    assert "flagger.app/primary-revision" not in (tale.handed_back["metadata"].get("annotations") or {})
