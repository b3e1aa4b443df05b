"""What Serinus makes of canaries that Flagger left: observed from its real objects, and then decided."""

from copy import deepcopy
from typing import Any

import pytest

import activities.bootstrap
from activities.bench import Bench
from activities.observe import Observe
from activities.report import Reporter
from k8s.resources import (
    AUTOSCALERS,
    CANARIES,
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HTTP_ROUTES_V1,
    HTTP_ROUTES_V1BETA1,
    SECRETS,
    SERVICES,
)
from tests.api_server import ApiServer, Where, merged
from tests.flagger import STORIES, left
from workflows.decide import Adopt, Bootstrap, Finish, Move, Restart, RollOut, Suspend, decide, is_foreign
from workflows.effects import Look
from workflows.observation import CanaryRef, Observation, Revision

Json = dict[str, Any]
PODINFO = CanaryRef(namespace="test", name="podinfo")
RESOURCES = {
    resource.kind: resource
    for resource in (AUTOSCALERS, CANARIES, CONFIG_MAPS, DAEMON_SETS, DEPLOYMENTS, HTTP_ROUTES_V1, SECRETS, SERVICES)
}
CANARY, TARGET = CANARIES.path("test", "podinfo"), DEPLOYMENTS.path("test", "podinfo")
PRIMARY = DEPLOYMENTS.path("test", "podinfo-primary")
AT_REST_AS_PROMOTED = ("initialized", "kubernetes", "succeeded", "daemonset", "failed_promotion")
MIDWAY = ("progressing", "waiting_promotion", "blue_green", "ab_testing", "session_affinity")


async def given(api: ApiServer, story: str) -> None:
    """The objects of a story."""
    for obj in left(story):
        name = obj["metadata"]["name"]
        await api.put(RESOURCES[obj["kind"]].path("test", name), obj)
        if obj["kind"] == "HTTPRoute":
            await api.put(HTTP_ROUTES_V1BETA1.path("test", name), obj)


async def seen(bench: Bench, *, route: bool = True) -> Observation:
    """One look, as by a run without a history."""
    return await Observe(bench).observe(Look(namespace="test", name="podinfo", route=route))


async def move_of(bench: Bench) -> Move:
    """What follows from one look."""
    return decide(await seen(bench))


async def revision(bench: Bench) -> Revision:
    """The target's, now."""
    found = (await seen(bench)).revision
    assert found
    return found


async def edited(api: ApiServer, path: str, **changes: Any) -> None:
    """The object with fields replaced, as somebody else would; None takes one off."""
    obj = merged(api.objects[Where.of(path)], changes)
    await api.put(path, obj)


def released(version: str, api: ApiServer) -> Json:
    """The target's template with the image of a version."""
    template: Json = deepcopy(api.objects[Where.of(TARGET)]["spec"]["template"])
    template["spec"]["containers"][0]["image"] = f"ghcr.io/stefanprodan/podinfo:{version}"
    return template


@pytest.mark.parametrize("story", STORIES)
async def test_untouched(api: ApiServer, bench: Bench, story: str) -> None:
    """What runs is told without a hash of Flagger's: only a canary midway differs from its primary, or a failed one."""
    await given(api, story)

    observation = await seen(bench)

    assert observation.problem == ""
    assert observation.primary_is_target == (story in (*AT_REST_AS_PROMOTED, "promoting"))
    assert is_foreign(observation.status.applied)
    assert is_foreign(observation.status.promoted)


@pytest.mark.parametrize("story", AT_REST_AS_PROMOTED)
async def test_at_rest(api: ApiServer, bench: Bench, story: str) -> None:
    """No rollout: the primary runs what the target says, its copies of the configs included."""
    await given(api, story)

    move = await move_of(bench)

    assert move == Adopt(await revision(bench))


async def test_failed(api: ApiServer, bench: Bench) -> None:
    """The revision that failed under Flagger is not tried again."""
    await given(api, "failed")

    assert await move_of(bench) == Adopt(await revision(bench), promoted=False)


@pytest.mark.parametrize("story", MIDWAY)
async def test_midway(api: ApiServer, bench: Bench, story: str) -> None:
    """The traffic comes back to the primary, and the analysis starts from the beginning."""
    await given(api, story)

    assert await move_of(bench) == Restart(await revision(bench))


@pytest.mark.parametrize(
    ("story", "shown", "routed"),
    [
        ("progressing", 44, 44),
        ("waiting_promotion", 0, 30),
        ("ab_testing", 0, 100),
        ("session_affinity", 44, 44),
        ("promoting", 50, 50),
        ("blue_green", 0, None),
    ],
)
async def test_weight(api: ApiServer, bench: Bench, story: str, shown: int, routed: int | None) -> None:
    """The status may show none although users are on the canary; the route, where there is one, tells."""
    await given(api, story)

    observation = await seen(bench)

    assert (observation.status.weight, observation.routed_weight) == (shown, routed)


@pytest.mark.parametrize(
    ("story", "route"), [("progressing", False), ("succeeded", True), ("failed", True), ("waiting", True)]
)
async def test_needless_look(api: ApiServer, bench: Bench, story: str, *, route: bool) -> None:
    """The route costs no request while a history tells of the traffic, or while all of it is the primary's."""
    await given(api, story)

    observation = await seen(bench, route=route)

    assert observation.routed_weight is None
    assert HTTP_ROUTES_V1.path("test", "podinfo") not in api.asked("GET")


async def test_waiting(api: ApiServer, bench: Bench) -> None:
    """The gate is asked again; no traffic has moved yet."""
    await given(api, "waiting")

    assert await move_of(bench) == RollOut(await revision(bench))


async def test_promoting(api: ApiServer, bench: Bench) -> None:
    """Completed, since the primary got the analysed template already."""
    await given(api, "promoting")

    assert await move_of(bench) == Finish(await revision(bench))


async def test_suspended(api: ApiServer, bench: Bench) -> None:
    """Left as it is, in whatever phase."""
    await given(api, "progressing")
    await edited(api, CANARY, spec={"suspend": True})

    assert await move_of(bench) == Suspend()


@pytest.mark.parametrize("story", ["progressing", "waiting", "waiting_promotion"])
async def test_taken_back(api: ApiServer, bench: Bench, story: str) -> None:
    """A target that was set back to what the primary runs needs no analysis, but its traffic and pods have to go."""
    await given(api, story)
    await edited(api, TARGET, spec={"template": released("6.0.0", api)})

    assert await move_of(bench) == Finish(await revision(bench))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (CONFIG_MAPS.path("test", "podinfo-config"), {"color": "green"}),
        (SECRETS.path("test", "podinfo-token"), {"token": "bmV3"}),
    ],
    ids=["configmap", "secret"],
)
async def test_new_config(api: ApiServer, bench: Bench, path: str, data: Json) -> None:
    """Changed while no controller looked: a new revision, although no checksum of Flagger's can be compared."""
    await given(api, "succeeded")
    await edited(api, path, data=data)

    assert await move_of(bench) == RollOut(await revision(bench))


async def test_lost_copy(api: ApiServer, bench: Bench) -> None:
    """A primary whose copy of a config is gone does not run what the target says."""
    await given(api, "succeeded")
    await api.remove(CONFIG_MAPS.path("test", "podinfo-config-primary"))

    assert isinstance(await move_of(bench), RollOut)


async def test_binary_data(api: ApiServer, bench: Bench) -> None:
    """Flagger leaves `binaryData` out of its copies; that is no reason to roll everything out at the takeover."""
    await given(api, "succeeded")
    await edited(api, CONFIG_MAPS.path("test", "podinfo-config"), binaryData={"logo": "AA=="})

    assert isinstance(await move_of(bench), Adopt)


async def test_new_template(api: ApiServer, bench: Bench) -> None:
    """Released while no controller looked."""
    await given(api, "succeeded")
    await edited(api, TARGET, spec={"template": {"metadata": {"annotations": {"example.com/build": "7"}}}})

    assert await move_of(bench) == RollOut(await revision(bench))


async def test_cut_short(api: ApiServer, bench: Bench) -> None:
    """A bootstrap that Flagger did not end goes on with the primary that is there: its pods stay."""
    await given(api, "initialized")
    await edited(api, CANARY, status={"phase": "Initializing"})
    before = deepcopy(api.objects[Where.of(PRIMARY)])

    assert isinstance(await move_of(bench), Bootstrap)
    await activities.bootstrap.Bootstrap(bench, Reporter(bench)).create_primary(PODINFO)

    assert api.objects[Where.of(PRIMARY)] == before


async def test_failed_promotion(api: ApiServer, bench: Bench) -> None:
    """Flagger left all traffic on the canary, since the primary does not start: there it stays."""
    await given(api, "failed_promotion")

    observation = await seen(bench)

    assert observation.status.weight == 100
    assert not observation.primary_serving
    assert decide(observation) == Adopt(await revision(bench))
