"""Whole rollouts of the strategies that want more of a route than weights: A/B tests, copies, session affinity."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from k8s.client import Json
from k8s.resources import CANARIES, HTTP_ROUTES_V1
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import NAME, Eye, Stories, a_canary, assert_in_order, at_once, unchecked

pytestmark = pytest.mark.integration

MATCH = [{"headers": {"x-canary": {"exact": "insider"}}}]
AFFINITY = {"cookieName": "side", "path": "/"}
COOKIE = "side=[A-Za-z]{10}"


@dataclass(frozen=True)
class Tale:
    """What was seen of a rollout."""

    phase: str
    texts: list[str]
    rules: list[list[Json]]
    """Each version of the route's rules, in order, while users were served."""
    status: Json
    failed: int
    """Requests of users that failed."""

    def weights(self) -> list[int]:
        """Of the canary, in the rule that counts, each version of the route."""
        versions = [[rule for rule in rules if len(rule["backendRefs"]) == 2][-1] for rules in self.rules]
        weights = [rule["backendRefs"][1]["weight"] for rule in versions]
        return [weight for weight, before in zip(weights, [None, *weights], strict=False) if weight != before]


async def told(stage: Stage, namespace: str, **analysis: Any) -> Tale:
    """Release once and look on."""
    canary = unchecked(namespace, **analysis)
    # Linkerd alone is named core, and it copies no requests.
    canary["spec"]["service"]["gatewayRefs"] = [{"group": "", "kind": "Service", "name": NAME, "port": 9898}]
    async with (
        a_canary(stage, namespace, canary) as scene,
        Eye(scene.cluster, HTTP_ROUTES_V1, namespace) as routes,
    ):
        rules: list[list[Json]] = []

        def seen(_: str, route: Json) -> None:
            if route["spec"]["rules"] not in rules[-1:]:
                rules.append(route["spec"]["rules"])

        routes.objects.on_change(seen)
        async with Traffic(scene.url(), proxy=stage.proxy, per_second=10) as users:
            await scene.release()
            phase = await scene.until_over()
        status = (await scene.cluster.get(CANARIES.path(namespace, NAME)))["status"]
        return Tale(phase, list(scene.texts), rules, status, users.failed)


@pytest.fixture(scope="module")
async def tales(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All at once."""
    async with at_once(
        ab_test=told(stage, "tale-ab-test", stepWeights=None, iterations=2, match=MATCH),
        mirrored=told(stage, "tale-mirrored", mirror=True),
        sticky=told(stage, "tale-sticky", sessionAffinity=AFFINITY),
    ) as stories:
        yield stories


async def test_an_ab_test(tales: Stories[Tale]) -> None:
    """Insiders are led to the canary by a rule of their own; nobody else's rule ever knows it."""
    tale = await tales.told("ab_test")
    assert (tale.phase, tale.failed) == ("Succeeded", 0)
    assert_in_order(tale.texts, [r"Advance .* canary iteration 1/2", r"Advance .* canary iteration 2/2"])
    assert tale.weights() == [100, 0]
    assert {rules[1]["backendRefs"][0]["name"] for rules in tale.rules} == {"podinfo-primary"}
    assert all(len(rules) == 2 and len(rules[1]["backendRefs"]) == 1 for rules in tale.rules)


async def test_copies_before_weights(tales: Stories[Tale]) -> None:
    """The canary gets copies at weight 0, and none from its first share of the traffic on."""
    tale = await tales.told("mirrored")
    assert (tale.phase, tale.failed) == ("Succeeded", 0)
    assert tale.weights() == [0, 20, 40, 0]
    mirrored = ["filters" in rules[0] for rules in tale.rules]
    assert mirrored == [True, False, False, False]


async def test_cookies(tales: Stories[Tale]) -> None:
    """Made once for the rollout, in the status and in each rule, and expired at its end."""
    tale = await tales.told("sticky")
    assert (tale.phase, tale.failed) == ("Succeeded", 0)
    assert tale.weights() == [20, 40, 0]
    cookie = tale.status["previousSessionAffinityCookie"]
    assert re.fullmatch(COOKIE, cookie)
    assert not tale.status["sessionAffinityCookie"]
    assert all(cookie in str(rules[0]["matches"]) for rules in tale.rules)
    assert f"{cookie}; Max-Age=-1; Path=/" in str(tale.rules[-1][0])
