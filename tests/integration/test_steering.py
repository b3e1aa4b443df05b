"""People steer a running rollout: from the command line, through kubectl, and with Temporal's own tools."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from k8s.client import Json
from k8s.resources import HTTP_ROUTES_V1
from playground.stage import Stage
from playground.traffic import Traffic
from tests.integration.programs import Ran, run
from tests.integration.scenario import NAME, Eye, Scene, Stories, a_canary, assert_in_order, at_once, unchecked
from tests.measuring import Measured
from worker.steer import send_to
from workflows.steering import Command, Verb

pytestmark = pytest.mark.integration

# -- the command line -------------------------------------------------------------------------------------------------


Ranning = dict[str, Ran]


async def paused_and_promoted(stage: Stage) -> Ranning:
    """A rollout is paused, looked at from everywhere, resumed by a plain signal, and promoted early."""
    namespace = "steer-cli"
    whom, rollout = (NAME, "-n", namespace), ("--workflow-id", f"canary/{namespace}/{NAME}")
    async with a_canary(stage, namespace, unchecked(namespace, *range(1, 100))) as scene:
        ran = {"too early": await run(stage, "serinus", "pause", *whom)}
        await scene.release()
        await scene.until(lambda: scene.watcher.weight > 0, "the first weight")
        ran["pause"] = await run(stage, "serinus", "pause", *whom, "--reason", "looking at the logs")
        await scene.until_event("Pause")
        held = scene.watcher.weight
        ran["pause again"] = await run(stage, "serinus", "pause", *whom)
        ran["table"] = await run(stage, "serinus", "status", *whom)
        ran["json"] = await run(stage, "serinus", "status", *whom, "-o", "json")
        ran["plugin"] = await run(stage, "kubectl", "canary", "status", *whom, "-o", "json")
        ran["query"] = await run(stage, "temporal", "workflow", "query", *rollout, "--type", "status", "-o", "json")
        ran["plan"] = await run(stage, "temporal", "workflow", "query", *rollout, "--type", "plan", "-o", "json")
        ran["checks"] = await run(stage, "temporal", "workflow", "query", *rollout, "--type", "checks", "-o", "json")
        found = f'RolloutPhase="Progressing" AND CanaryWeight={held} AND WorkflowId="canary/{namespace}/{NAME}"'
        ran["list"] = await run(stage, "temporal", "workflow", "list", "--query", found, "-o", "json")
        assert scene.watcher.weight == held, "a paused rollout does not advance"
        ran["resume"] = await run(stage, "temporal", "workflow", "signal", *rollout, "--name", "resume")
        await scene.until(lambda: scene.watcher.weight > held, "the next weight")
        ran["wrong revision"] = await run(stage, "serinus", "promote", *whom, "--revision", "s1-0000")
        ran["promote"] = await run(stage, "serinus", "promote", *whom, "--reason", "seen enough")
        ran["end"] = Ran(0, await scene.until_over(), "\n".join(scene.texts))
        ran["too late"] = await run(stage, "serinus", "abort", *whom)
        ran["history"] = await run(stage, "serinus", "history", *whom, "-o", "json")
        ran["history table"] = await run(stage, "serinus", "history", *whom)
        ran["undo"] = await run(stage, "serinus", "undo", *whom, "--reason", "orders are lost")
        ran["undone image"] = Ran(0, scene.watcher.image(f"{NAME}-primary"), scene.watcher.phase)
        return ran


async def away(stage: Stage) -> Ranning:
    """Canaries and servers that are not there."""
    whom = ("nobody", "-n", "default")
    return {
        "status": await run(stage, "serinus", "status", *whom),
        "history": await run(stage, "serinus", "history", *whom),
        "abort": await run(stage, "serinus", "abort", *whom),
        "no temporal": await run(stage, "serinus", "abort", *whom, TEMPORAL_ADDRESS="127.0.0.1:1"),
        "no cluster": await run(stage, "serinus", "status", KUBECONFIG=str(stage.world.folder / "none")),
        "wrong usage": await run(stage, "serinus", "abort"),
    }


@pytest.fixture(scope="module")
async def commands(stage: Stage) -> AsyncIterator[Stories[Ranning]]:
    """Both at the same time."""
    async with at_once(steering=paused_and_promoted(stage), away=away(stage)) as running:
        yield running


async def test_commands_say_what_happens(commands: Stories[Ranning]) -> None:
    """Exit code 0, and one line with the new state."""
    ran = await commands.told("steering")
    assert (ran["pause"].code, ran["resume"].code, ran["promote"].code) == (0, 0, 0)
    assert ran["pause"].out.startswith("canary podinfo.steer-cli: paused: the weight stays as it is")
    assert ran["promote"].out.startswith("canary podinfo.steer-cli: promoting:")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("too early", "cannot pause: no rollout of podinfo.steer-cli is under way"),
        ("pause again", "cannot pause: the rollout is paused already; resume lets it go on"),
        ("wrong revision", "cannot promote: revision s1-0000 is not the one under way, which is s1-"),
        ("too late", "cannot abort: no rollout of podinfo.steer-cli is under way"),
    ],
)
async def test_refusals_say_why(commands: Stories[Ranning], when: str, why: str) -> None:
    """Exit code 1, the reason on standard error, and nothing on standard output."""
    ran = (await commands.told("steering"))[when]
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.replace("\n", " ").startswith(f"refused: {why}")


async def test_events_name_who_and_why(commands: Stories[Ranning]) -> None:
    """What people did stands in the canary's own log, and the release was promoted."""
    end = (await commands.told("steering"))["end"]
    wanted = [
        r"Advance podinfo\.steer-cli canary weight 1",
        r"Pause podinfo\.steer-cli advancement by ann: looking at the logs",
        r"Resume podinfo\.steer-cli advancement",
        r"Promote podinfo\.steer-cli without further analysis by ann: seen enough",
        r"Promotion completed! .*",
    ]
    assert_in_order(end.err.splitlines(), wanted)
    assert end.out == "Succeeded"


async def test_status_for_scripts(commands: Stories[Ranning]) -> None:
    """`-o json`: camelCase, from the running rollout; `kubectl canary` is the same program."""
    ran = await commands.told("steering")
    [row] = ran["json"].json
    assert (row["namespace"], row["name"], row["phase"]) == ("steer-cli", NAME, "Progressing")
    assert (row["pausedBy"], row["failedChecks"], row["threshold"]) == ("ann", 0, 5)
    [same] = ran["plugin"].json
    assert same["weight"] == row["weight"] > 0


async def test_status_for_people(commands: Stories[Ranning]) -> None:
    """One line a canary under a head."""
    ran = (await commands.told("steering"))["table"]
    head, row = [line.split() for line in ran.out.splitlines()][:2]
    assert head[:4] == ["NAMESPACE", "NAME", "STATUS", "WEIGHT"]
    assert row[:6] == ["steer-cli", NAME, "Progressing", "paused", "by", "ann"]


async def test_temporals_tools_see_the_rollout(commands: Stories[Ranning]) -> None:
    """Queries answer, and search attributes find it by phase and weight."""
    ran = await commands.told("steering")
    [status] = ran["query"].json["queryResult"]
    assert (status["phase"], status["paused_by"]) == ("Progressing", "ann")
    [plan] = ran["plan"].json["queryResult"]
    assert (plan["weights"][:2], plan["interval_seconds"], plan["threshold"]) == ([1, 2], 1.0, 5)
    [checks] = ran["checks"].json["queryResult"]
    assert [check["name"] for check in checks["checks"]] == ["route"]
    [found] = ran["list"].json
    assert found["execution"]["workflowId"] == "canary/steer-cli/podinfo"


async def test_history_lists_every_run(commands: Stories[Ranning]) -> None:
    """Newest first: the release, then the bootstrap."""
    ran = await commands.told("steering")
    releases = ran["history"].json
    assert [release["state"] for release in releases] == ["Succeeded", "Initialized"]
    assert releases[0]["revision"] != releases[1]["revision"]
    assert len(ran["history table"].out.splitlines()) == 1 + len(releases)


async def test_undo_brings_back_what_was_promoted_before(commands: Stories[Ranning]) -> None:
    """Without analysis, and the condition says who did it and why."""
    ran = await commands.told("steering")
    assert ran["undo"].code == 0
    said = "Undo the promotion of podinfo.steer-cli by ann: orders are lost"
    assert ran["undo"].out == f"canary podinfo.steer-cli: {said}\n"
    assert ran["undone image"].out.endswith(":6.0.0")
    assert ran["undone image"].err == "Failed"


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ("status", 1, "canary nobody not found in namespace default"),
        ("history", 1, "no rollout of nobody.default is known to Temporal"),
        ("abort", 1, "refused: cannot abort: no rollout of nobody.default is under way"),
        ("no temporal", 3, "error: Temporal does not answer at 127.0.0.1:1"),
        ("no cluster", 3, "error: no cluster to talk to"),
        ("wrong usage", 2, "Missing argument"),
    ],
)
async def test_exit_codes(commands: Stories[Ranning], case: str, code: int, said: str) -> None:
    """1 refused or not there, 2 wrong usage, 3 a server cannot be reached; always with a reason."""
    ran = (await commands.told("away"))[case]
    assert (ran.code, said in ran.err.replace("\n", " ")) == (code, True), ran


# -- abort ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """Where in a rollout an abort comes."""

    analysis: dict[str, Any]
    reach: Callable[[Scene], Awaitable[object]]
    has_traffic: bool = True


def hook(kind: str, namespace: str) -> Json:
    """A webhook that takes half a minute to answer."""
    return {
        "name": "slow",
        "type": kind,
        "url": f"http://flagger-loadtester.{namespace}/",
        "timeout": "60s",
        "metadata": {"type": "bash", "cmd": "sleep 30"},
    }


async def pods_pending(scene: Scene) -> None:
    """A release whose pods find no node."""
    template = {"spec": {"nodeSelector": {"no": "such"}}}
    await scene.patch("deployment", NAME, {"spec": {"template": template}})
    await scene.until(lambda: scene.watcher.phase == "Progressing", "the rollout")


async def asking_before(scene: Scene) -> None:
    """The pre-rollout hook is being asked."""
    await scene.release()
    await scene.until_event("Starting canary analysis")


async def asking_load(scene: Scene) -> None:
    """The canary has its first traffic, and the rollout hook is being asked."""
    await scene.release()
    await scene.until(lambda: scene.watcher.weight == 20, "weight 20")


async def mid_step(scene: Scene) -> None:
    """A step waits for its time."""
    await scene.release()
    await scene.until(lambda: scene.watcher.weight == 20, "weight 20")


async def promoting(scene: Scene) -> None:
    """The primary has got the template, and its new pod may not be made."""
    await scene.patch("deployment", NAME, {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 0}}}})
    await scene.release()
    await scene.until(lambda: scene.watcher.weight == 20, "weight 20")
    pods = len((await scene.kubectl("get", "pods", "-o", "name")).splitlines())
    await scene.kubectl("create", "quota", "full", f"--hard=pods={pods}")
    await scene.kubectl("wait", f"--for=jsonpath={{.status.used.pods}}={pods}", "quota/full", "--timeout=20s")
    await scene.until(lambda: scene.watcher.phase == "Promoting", "phase Promoting")


MOMENTS: dict[str, Callable[[str], Moment]] = {
    "pods-pending": lambda _: Moment({}, pods_pending, has_traffic=False),
    "asking-before": lambda ns: Moment({"webhooks": [hook("pre-rollout", ns)]}, asking_before, has_traffic=False),
    "asking-load": lambda ns: Moment({"webhooks": [hook("rollout", ns)]}, asking_load),
    "mid-step": lambda _: Moment({"interval": "5m"}, mid_step),
    "promoting": lambda _: Moment({"stepWeights": [20], "interval": "4s"}, promoting),
}


@dataclass(frozen=True)
class Aborted:
    """What an abort did, and how long it took until all traffic was on the primary (s)."""

    texts: list[str]
    seconds: float
    primary_image: str
    users: dict[str, int]


async def aborted(stage: Stage, name: str) -> Aborted:
    """Abort at the moment; the clock runs until the route leads to the primary alone, or the rollback is told."""
    namespace = f"abort-{name}"
    moment = MOMENTS[name](namespace)
    async with (
        a_canary(stage, namespace, unchecked(namespace, **({"stepWeights": [20, 40]} | moment.analysis))) as scene,
        Eye(scene.cluster, HTTP_ROUTES_V1, namespace) as routes,
        Traffic(scene.url(), proxy=stage.proxy, per_second=5) as users,
    ):
        scene.watcher.events.clear()
        await moment.reach(scene)
        started = time.monotonic()
        await send_to(stage.world.temporal_address, Verb.ABORT, scene.ref, Command(by="ann", reason="wrong image"))
        if moment.has_traffic:
            await routes.until(lambda: is_all_on_primary(routes.get(NAME)), "all traffic on the primary")
        else:
            await scene.until_event("Rolling back")
        seconds = time.monotonic() - started
        assert await scene.until_over() == "Failed"
        image = scene.watcher.image(f"{NAME}-primary")
    return Aborted(list(scene.texts), seconds, image, dict(users.answers))


def is_all_on_primary(route: Json | None) -> bool:
    """Whether the route gives the canary nothing."""
    refs = route["spec"]["rules"][0]["backendRefs"] if route else []
    return {ref["name"]: ref["weight"] for ref in refs} == {f"{NAME}-primary": 100, f"{NAME}-canary": 0}


@pytest.fixture(scope="module")
async def aborts(stage: Stage) -> AsyncIterator[Stories[Aborted]]:
    """From every moment at the same time."""
    async with at_once(**{name: aborted(stage, name) for name in MOMENTS}) as running:
        yield running


@pytest.mark.parametrize("moment", list(MOMENTS))
async def test_abort_brings_all_traffic_back(aborts: Stories[Aborted], moment: str, measured: Measured) -> None:
    """From anywhere in a rollout: the primary serves what it served before, and the events say who and why."""
    result = await aborts.told(moment)
    assert result.seconds < 5
    assert_in_order(
        result.texts,
        [
            rf"Rolling back podinfo\.abort-{moment} aborted by ann: wrong image",
            rf"Canary failed! Scaling down podinfo\.abort-{moment}",
        ],
    )
    assert result.primary_image.endswith(":6.0.0")
    assert set(result.users) == {"200"}
    measured(f"abort while {moment}, among {len(MOMENTS)} at once: all traffic back after {result.seconds:.2f} s")
