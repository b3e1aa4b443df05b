"""The Linkerd guide's stories on real servers: what happens, and what a user reads of it, is what the guide prints."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest

from k8s.client import Json
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.scenario import (
    NAME,
    Scene,
    Stories,
    a_canary,
    a_scene,
    assert_in_order,
    at_once,
    canary_of,
    podinfo_of,
)
from tests.measuring import Measured

pytestmark = pytest.mark.integration

FAULTS_PER_SECOND = 8
INTERVAL_SECONDS = 2

PROMOTION_LOG = """
 New revision detected! Scaling up podinfo.test
 Waiting for podinfo.test rollout to finish: 0 of 1 updated replicas are available
 Pre-rollout check acceptance-test passed
 Advance podinfo.test canary weight 5
 Advance podinfo.test canary weight 10
 Advance podinfo.test canary weight 15
 Advance podinfo.test canary weight 20
 Advance podinfo.test canary weight 25
 Advance podinfo.test canary weight 30
 Advance podinfo.test canary weight 35
 Advance podinfo.test canary weight 40
 Advance podinfo.test canary weight 45
 Advance podinfo.test canary weight 50
 Copying podinfo.test template spec to podinfo-primary.test
 Waiting for podinfo-primary.test rollout to finish: N old replicas are pending termination
 Promotion completed! Scaling down podinfo.test
"""
"""As the guide prints it, but for what an autoscaler did there: it had grown the canary (see `test_grown`) and the
primary, one pod of which was replaced before the other. A primary of one pod keeps it until the next one serves."""

ERRORS_LOG = """
 Starting canary analysis for podinfo.test
 Pre-rollout check acceptance-test passed
 Advance podinfo.test canary weight 5
 Advance podinfo.test canary weight 10
 Advance podinfo.test canary weight 15
 Halt podinfo.test advancement success rate N.N% < 99%
 Halt podinfo.test advancement success rate N.N% < 99%
 Halt podinfo.test advancement success rate N.N% < 99%
 Rolling back podinfo.test failed checks threshold reached 5
 Canary failed! Scaling down podinfo.test
"""
LATENCY_LOG = """
 Starting canary analysis for podinfo.test
 Halt podinfo.test advancement request duration N.Ns > 500ms
 Halt podinfo.test advancement request duration N.Ns > 500ms
 Rolling back podinfo.test failed checks threshold reached 5
 Canary failed! Scaling down podinfo.test
"""
NOT_FOUND_LOG = """
 Pre-rollout check acceptance-test passed
 Advance podinfo.test canary weight 5
 Halt podinfo.test advancement 404s percentage N.N > 3
 Halt podinfo.test advancement 404s percentage N.N > 3
 Halt podinfo.test advancement 404s percentage N.N > 3
 Halt podinfo.test advancement 404s percentage N.N > 3
 Halt podinfo.test advancement 404s percentage N.N > 3
 Rolling back podinfo.test failed checks threshold reached 5
 Canary failed! Scaling down podinfo.test
"""
NOT_FOUND_QUERY = """
100 - sum(
    rate(
        response_total{
            namespace="test",
            deployment="podinfo",
            status_code!="404",
            direction="inbound"
        }[1m]
    )
)
/
sum(
    rate(
        response_total{
            namespace="test",
            deployment="podinfo",
            direction="inbound"
        }[1m]
    )
)
* 100
"""


def patterns(log: str, namespace: str) -> list[str]:
    """A log of the guide as patterns for the same canary in another namespace; N and N.N are any number."""
    lines = [re.escape(line.strip().replace(".test", f".{namespace}")) for line in log.strip().splitlines()]
    return [re.sub(r"\bN\b", r"\\d+", line.replace(r"N\.N", r"[\d.]+")) for line in lines]


# -- the stories ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tale:
    """What was to be seen at the end of a story."""

    namespace: str
    texts: list[str]
    status: Json
    columns: list[list[str]]
    description: str
    images: dict[str, str]
    users: dict[str, int]
    seconds: float = 0.0


async def the_end(scene: Scene, users: Traffic | None = None, seconds: float = 0.0) -> Tale:
    """Look at everything a user looks at."""
    columns = (await scene.kubectl("get", "canaries")).splitlines()
    return Tale(
        namespace=scene.namespace,
        texts=list(scene.texts),
        status=(await scene.read("canary", NAME))["status"],
        columns=[line.split() for line in columns],
        description=await scene.kubectl("describe", f"canary/{NAME}"),
        images={name: scene.watcher.image(name) for name in (NAME, f"{NAME}-primary")},
        users=dict(users.answers) if users else {},
        seconds=seconds,
    )


async def slow_start(scene: Scene, seconds: int) -> None:
    """Containers take a while to start; pods that are only played would be there before anybody looked."""
    await scene.patch("deployment", NAME, {"spec": {"minReadySeconds": seconds}})


async def promotion(stage: Stage) -> Tale:
    """The guide's application and Canary, the interval apart; a new image; users all the while."""
    namespace = "guide-promotion"
    async with a_scene(stage, namespace) as scene:
        await scene.apply(*podinfo_of(namespace))
        await slow_start(scene, seconds=3)
        await stage.apply_guide(namespace, interval=f"{INTERVAL_SECONDS}s")
        await scene.until_phase("Initialized")
        async with Traffic(scene.url(), proxy=stage.proxy, per_second=10) as users:
            await scene.release("6.0.1")
            await scene.until_over()
        watcher = scene.watcher
        return await the_end(scene, users, watcher.when("Promotion completed") - watcher.when("New revision"))


async def errors(stage: Stage) -> Tale:
    """From weight 15 on, somebody asks for /status/500."""
    namespace = "guide-errors"
    async with a_canary(stage, namespace, canary_of(namespace, interval="2s")) as scene:
        await scene.release("6.0.2")
        await scene.until(lambda: scene.watcher.weight >= 15, "weight 15")
        async with Traffic(scene.url("status/500", canary=True), proxy=stage.proxy, per_second=FAULTS_PER_SECOND):
            await scene.until_over()
        return await the_end(scene)


async def latency(stage: Stage) -> Tale:
    """Somebody asks for /delay/1."""
    namespace = "guide-latency"
    async with a_canary(stage, namespace, canary_of(namespace, interval="2s")) as scene:
        await scene.release("6.0.2")
        await scene.until_event("Advance")
        async with Traffic(scene.url("delay/1", canary=True), proxy=stage.proxy, per_second=FAULTS_PER_SECOND):
            await scene.until_over()
        return await the_end(scene)


async def not_found(stage: Stage) -> Tale:
    """The guide's custom metric, and somebody who asks for /status/404."""
    namespace = "guide-not-found"
    query = NOT_FOUND_QUERY.replace('"test"', f'"{namespace}"')
    canary = canary_of(namespace, metrics=[{"name": "404s percentage", "threshold": 3, "query": query}], interval="2s")
    async with a_canary(stage, namespace, canary) as scene:
        await scene.release("6.0.3")
        await scene.until_event("Pre-rollout")
        async with Traffic(scene.url("status/404", canary=True), proxy=stage.proxy, per_second=FAULTS_PER_SECOND):
            await scene.until_over()
        return await the_end(scene)


async def nothing_but_errors(stage: Stage) -> Tale:
    """Each request that the canary ever gets is answered with 500."""
    namespace = "guide-only-errors"
    async with a_canary(stage, namespace, canary_of(namespace, webhooks=[], threshold=3)) as scene:
        async with Traffic(scene.url("status/500", canary=True), proxy=stage.proxy, per_second=FAULTS_PER_SECOND):
            await scene.release("6.0.2")
            await scene.until_over()
        return await the_end(scene)


async def silence(stage: Stage) -> Tale:
    """No load test, no users."""
    namespace = "guide-silence"
    async with a_canary(stage, namespace, canary_of(namespace, webhooks=[], threshold=3)) as scene:
        await scene.release("6.0.2")
        await scene.until_over()
        return await the_end(scene)


async def grown(stage: Stage) -> Tale:
    """In the middle of the analysis an autoscaler adds a pod, which takes its time to be available."""
    namespace = "guide-grown"
    canary = canary_of(namespace, webhooks=[], metrics=[], stepWeight=10)
    async with a_canary(stage, namespace, canary, partial(slow_start, seconds=3)) as scene:
        await scene.release("6.0.1")
        await scene.until(lambda: scene.watcher.weight >= 20, "weight 20")
        await scene.kubectl("scale", f"deployment/{NAME}", "--replicas=2")
        await scene.until_over()
        return await the_end(scene)


@pytest.fixture(scope="module")
async def stories(stage: Stage) -> AsyncIterator[Stories[Tale]]:
    """All of them at the same time."""
    told = {story.__name__: story(stage) for story in (promotion, errors, latency, not_found)}
    told |= {story.__name__: story(stage) for story in (nothing_but_errors, silence, grown)}
    async with at_once(**told) as running:
        yield running


# -- promotion --------------------------------------------------------------------------------------------------------


async def test_promotion_is_told_as_the_guide_prints_it(stories: Stories[Tale], measured: Measured) -> None:
    """Its lines come in its order, and the analysis never halts."""
    tale = await stories.told("promotion")
    assert_in_order(tale.texts, patterns(PROMOTION_LOG, tale.namespace))
    assert [text for text in tale.texts if "Halt" in text] == []
    measured(f"guide's promotion among seven canaries: {tale.seconds:.1f} s, 10 steps of {INTERVAL_SECONDS} s in it")


async def test_promotion_brings_the_image_to_the_primary(stories: Stories[Tale]) -> None:
    """The primary runs what was analysed."""
    tale = await stories.told("promotion")
    assert tale.images["podinfo-primary"].endswith(":6.0.1")


async def test_promotion_ends_in_the_documented_status(stories: Stories[Tale]) -> None:
    """Weight and failed checks at zero, one revision applied and promoted, condition Promoted true."""
    status = (await stories.told("promotion")).status
    assert (status["phase"], status["canaryWeight"], status["failedChecks"]) == ("Succeeded", 0, 0)
    assert status["lastAppliedSpec"] == status["lastPromotedSpec"]
    [condition] = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Promoted", "True", "Succeeded")
    assert condition["message"] == "Canary analysis completed successfully, promotion finished."


async def test_kubectl_shows_the_guides_columns(stories: Stories[Tale]) -> None:
    """`kubectl get canaries`: name, status, weight, and when that came to be."""
    tale = await stories.told("promotion")
    head, row = tale.columns
    assert head == ["NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"]
    assert row == ["podinfo", "Succeeded", "0", tale.status["lastTransitionTime"]]


@pytest.mark.parametrize("story", ["promotion", "errors"])
async def test_kubectl_describe_shows_every_event(stories: Stories[Tale], story: str) -> None:
    """Whole, as they were told."""
    tale = await stories.told(story)
    assert [text for text in tale.texts if text not in tale.description] == []


async def test_no_user_notices_a_promotion(stories: Stories[Tale]) -> None:
    """Every request to podinfo is answered with 200, from before the release until the canary is gone."""
    users = (await stories.told("promotion")).users
    assert set(users) == {"200"}
    assert users["200"] > 10 * 10 * INTERVAL_SECONDS


async def test_a_canary_that_grows_is_waited_for(stories: Stories[Tale]) -> None:
    """The guide's line about the second replica; no check fails for it, and the release is promoted."""
    tale = await stories.told("grown")
    waiting = r"Waiting for podinfo\.guide-grown rollout to finish: 1 of 2 updated replicas are available"
    assert_in_order(tale.texts, [r"Advance .* weight 20", waiting, r"Advance .* weight 50", "Promotion completed.*"])
    assert tale.status["failedChecks"] == 0


# -- rollback ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "log"), [("errors", ERRORS_LOG), ("latency", LATENCY_LOG), ("not_found", NOT_FOUND_LOG)]
)
async def test_rollback_is_told_as_the_guide_prints_it(stories: Stories[Tale], story: str, log: str) -> None:
    """Each halt with the value and the bound it broke, then the threshold, then the end."""
    tale = await stories.told(story)
    assert_in_order(tale.texts, patterns(log, tale.namespace))
    assert len([text for text in tale.texts if text.startswith("Halt")]) == 5


@pytest.mark.parametrize("story", ["errors", "latency", "not_found", "nothing_but_errors", "silence"])
async def test_rollback_leaves_the_primary_as_it_was(stories: Stories[Tale], story: str) -> None:
    """Failed, all traffic on a primary that still runs the former image, and the condition says why."""
    tale = await stories.told(story)
    assert (tale.status["phase"], tale.status["canaryWeight"]) == ("Failed", 0)
    assert tale.images["podinfo-primary"].endswith(":6.0.0")
    [condition] = tale.status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Failed")
    assert f"Rolling back podinfo.{tale.namespace} failed checks threshold reached" in condition["message"]


async def test_a_release_that_only_fails_has_a_rate_of_zero(stories: Stories[Tale]) -> None:
    """A canary without one good answer has no successful series, and is not taken for one without traffic."""
    tale = await stories.told("nothing_but_errors")
    assert f"Halt podinfo.{tale.namespace} advancement success rate 0.00% < 99%" in tale.texts


async def test_a_canary_without_traffic_is_told_where_to_send_it(stories: Stories[Tale]) -> None:
    """The documented text, and behind its colon the address that wants requests."""
    tale = await stories.told("silence")
    halts = {text for text in tale.texts if text.startswith("Halt")}
    text = (
        "Halt advancement no values found for gatewayapi:v1beta1 metric request-success-rate probably "
        "podinfo.guide-silence is not receiving traffic: no values found; send requests to "
        "podinfo-canary.guide-silence:9898 (a rollout webhook with a load test does), and see that the pods are "
        "meshed and scraped"
    )
    assert halts == {text}
