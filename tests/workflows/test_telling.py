"""Chats and event webhooks hear of a rollout, and no rollout waits for them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.builders import NEWER, OLD, a_check, a_plan, a_status
from tests.workflows.conftest import Stage, Start, real_server
from tests.workflows.scenario import World
from tests.workflows.test_continuing import INTERVAL_SECONDS
from workflows.effects import Alert, HookAnswer, Role
from workflows.observation import Gate, Phase, Receiver, Severity
from workflows.steering import Command

CHAT = Receiver(provider="slack", namespace="test")
STARTED = ("info", "New revision detected, progressing canary analysis.")
PROMOTED = ("info", "Canary analysis completed successfully, promotion finished.")
CLOSED = HookAnswer(refusal="403 Forbidden")
DEAD_CHAT = "Alert to slack.test failed: 503 gone fishing"
DEAD_HOOK = "Event webhook log failed: 503 gone fishing"


def a_world(*receivers: Receiver, hooks: tuple[str, ...] = (), **plan: object) -> World:
    """A canary whose plan tells these chats and event webhooks."""
    world = World()
    world.plan = a_plan(alerts=receivers or (CHAT,), event_hooks=hooks, **plan)
    return world


def told(alerts: list[Alert]) -> list[tuple[str, str]]:
    """Severity and text of each."""
    return [(alert.severity.value, alert.text) for alert in alerts]


# -- what is alerted --------------------------------------------------------------------------------------------------


async def test_a_promotion(start: Start) -> None:
    """Its beginning, with what is released, and its end."""
    world = a_world()
    await (await start(world)).result()
    assert told(world.alerts["slack.test"]) == [STARTED, PROMOTED]
    assert [alert.fields for alert in world.alerts["slack.test"]] == [True, False]


async def test_a_bootstrap(start: Start) -> None:
    """Once the primary serves."""
    world = a_world()
    world.status = a_status(phase=Phase.NEW, applied="", promoted="")
    await (await start(world)).result()
    assert told(world.alerts["slack.test"]) == [("info", "New Deployment detected, initialization completed.")]
    assert world.alerts["slack.test"][0].fields


async def test_a_promotion_without_analysis(start: Start) -> None:
    """Says so."""
    world = a_world(skip_analysis=True)
    await (await start(world)).result()
    skipped = ("info", "Canary analysis was skipped, promotion finished.")
    assert told(world.alerts["slack.test"]) == [STARTED, skipped]


async def test_too_many_failed_checks(start: Start) -> None:
    """One alert, and its reason is the check that failed last."""
    world = a_world(threshold=2)
    world.checks = [[a_check(69)], [a_check(42)]]
    await (await start(world)).result()
    assert told(world.alerts["slack.test"]) == [STARTED, ("error", "Failed checks threshold reached 2")]
    reason = "Halt podinfo.test advancement success rate 42.00% < 99%"
    assert world.alerts["slack.test"][-1].details == {"Reason": reason}


async def test_an_exceeded_deadline(start: Start) -> None:
    """One alert, with what was lacking."""
    world = a_world(deadline_seconds=0.2)
    world.canary_ready = False
    await (await start(world)).result()
    text = "Progress deadline exceeded 0 of 1 updated replicas are available"
    assert told(world.alerts["slack.test"]) == [STARTED, ("error", text)]


async def test_a_failed_promotion(start: Start) -> None:
    """One alert, with what keeps the primary from being ready."""
    world = a_world()
    world.primary_ready_after_promotion = False

    async def give_up() -> None:
        world.stuck = {Role.PRIMARY: "exceeded its progress deadline"}
        world.on["undo_promotion"] = recover

    async def recover() -> None:
        world.stuck = {}

    world.on["promote"] = give_up
    await (await start(world)).result()
    text = "Promotion failed, primary not ready: exceeded its progress deadline"
    assert told(world.alerts["slack.test"]) == [STARTED, ("error", text)]


async def test_an_abort(start: Start) -> None:
    """What a person did is a warning that names the person."""
    world = a_world()
    rollout = await start(world)

    async def abort() -> None:
        await rollout.say("abort", Command(by="ann", reason="enough"))

    world.on["examine"] = abort
    await rollout.result()
    assert told(world.alerts["slack.test"]) == [STARTED, ("warn", "Aborted by ann: enough")]


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (Gate.ROLLOUT, "Canary is waiting for approval."),
        (Gate.TRAFFIC_INCREASE, "Canary traffic increase is waiting for approval."),
        (Gate.PROMOTION, "Canary promotion is waiting for approval."),
    ],
)
@pytest.mark.parametrize("muted", [False, True])
async def test_a_closed_gate(start: Start, gate: Gate, text: str, muted: bool) -> None:
    """Once, however often it is asked, with the commands that answer it; not when the hook mutes it."""
    world = a_world(gates={gate: ("gate",)}, muted=("gate",) if muted else ())
    world.hook_answers["gate"] = [CLOSED, CLOSED, HookAnswer()]
    await (await start(world)).result()
    waiting = [alert for alert in world.alerts["slack.test"] if alert.severity is Severity.WARN]
    assert told(waiting) == ([] if muted else [("warn", text)])
    answers = "serinus promote podinfo -n test | serinus abort podinfo -n test"
    assert all(alert.details == {"Answers": answers} for alert in waiting)


async def test_a_gate_that_a_person_opens(start: Start) -> None:
    """Nobody else would know that somebody is waited for."""
    world = a_world(approvals=(Gate.PROMOTION,), approval_seconds=60)
    await (await start(world)).result()
    assert told(world.alerts["slack.test"]) == [
        STARTED,
        ("warn", "Canary promotion is waiting for approval."),
        ("error", "Confirm-promotion was not approved in time"),
    ]


async def test_a_person_behind_a_muted_hook(start: Start) -> None:
    """The hook asks for no alert, but once it agrees nobody else would know that somebody is waited for."""
    world = a_world(
        gates={Gate.PROMOTION: ("gate",)}, muted=("gate",), approvals=(Gate.PROMOTION,), approval_seconds=300
    )
    world.hook_answers["gate"] = [CLOSED]
    await (await start(world)).result()
    (waiting,) = [alert for alert in world.alerts["slack.test"] if alert.severity is Severity.WARN]
    assert waiting.details == {"Answers": "serinus promote podinfo -n test | serinus abort podinfo -n test"}


@pytest.mark.parametrize(
    ("least", "heard"),
    [
        (Severity.INFO, ["New revision detected, progressing canary analysis.", "Failed checks threshold reached 1"]),
        (Severity.WARN, ["Failed checks threshold reached 1"]),
        (Severity.ERROR, ["Failed checks threshold reached 1"]),
    ],
)
async def test_severity_of_a_failure(start: Start, least: Severity, heard: list[str]) -> None:
    """A chat hears of what it wants to hear of, and of what is worse."""
    world = a_world(Receiver(provider="pager", namespace="ops", severity=least), threshold=1)
    world.checks = [[a_check(69)]]
    await (await start(world)).result()
    assert [alert.text for alert in world.alerts["pager.ops"]] == heard


async def test_nobody_is_told_of_too_little(start: Start) -> None:
    """Then not even an activity is scheduled."""
    world = a_world(Receiver(provider="pager", namespace="ops", severity=Severity.ERROR))
    await (await start(world)).result()
    assert world.alerts == {}
    assert not [call for call in world.calls if call.startswith("tell_")]


# -- event webhooks ---------------------------------------------------------------------------------------------------


async def test_every_event_is_published_in_order(start: Start) -> None:
    """Each as the Canary shows it, with the phase at that moment."""
    world = a_world(hooks=("log",), threshold=3)
    world.checks = [[a_check(69)]]
    await (await start(world)).result()
    published = world.published["log"]
    assert [happening.text for happening in published] == world.events
    assert [happening.at for happening in published] == sorted(happening.at for happening in published)
    assert [h.text for h in published if h.warning] == ["Halt podinfo.test advancement success rate 69.00% < 99%"]
    assert (published[0].phase, published[-1].phase) == (Phase.PROGRESSING, Phase.SUCCEEDED)
    assert published[0].revision == world.primary


# -- who is away ------------------------------------------------------------------------------------------------------


async def test_a_dead_receiver_neither_delays_nor_fails_a_rollout(start: Start) -> None:
    """The end comes as soon as with receivers that live, long before they are given up, and they are named once."""
    world = a_world(CHAT, Receiver(provider="teams", namespace="ops"), hooks=("log", "audit"), interval_seconds=1)
    world.dead = {"slack.test", "log"}

    ending = await (await start(world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.took("New revision detected!", "Promotion completed!") < timedelta(seconds=20)
    assert world.took("New revision detected!", DEAD_CHAT) > timedelta(seconds=50)
    assert (world.events.count(DEAD_CHAT), world.events.count(DEAD_HOOK)) == (1, 1)
    assert all(note.warning for note in world.notes.values() if "gone fishing" in note.text)
    assert told(world.alerts["teams.ops"]) == [STARTED, PROMOTED]
    assert [happening.text for happening in world.published["audit"]] == world.events
    assert world.calls.count("tell_slack.test") == 12
    world.assert_safe_at_rest()


async def test_a_refusal_at_the_very_end_is_still_shown(start: Start) -> None:
    """When nothing but the complaint is left to be done."""
    world = a_world()
    world.status = a_status(phase=Phase.NEW, applied="", promoted="")
    world.deaf = {"slack.test"}
    await (await start(world)).result()
    assert world.events == ["Initialization done! podinfo.test", DEAD_CHAT]


async def test_a_receiver_that_comes_back_misses_nothing(start: Start) -> None:
    """What waited for it arrives, in order, and nobody complains."""
    world = a_world(interval_seconds=1)
    world.dead = {"slack.test"}

    async def come_back() -> None:
        world.dead = set()

    world.when_told["Advance podinfo.test canary weight 30"] = come_back
    await (await start(world)).result()

    assert told(world.alerts["slack.test"]) == [STARTED, PROMOTED]
    assert DEAD_CHAT not in world.events


async def test_a_new_revision_is_not_kept_waiting_by_the_dead(start: Start) -> None:
    """A change that comes when only a chat is still to be told is taken up at once."""
    world = a_world(interval_seconds=1)
    world.dead = {"slack.test"}
    rollout = await start(world)

    async def supersede() -> None:
        world.target = NEWER
        await rollout.changed()

    world.when_told["Promotion completed! Scaling down podinfo.test"] = supersede
    await rollout.result()

    assert world.primary == NEWER != OLD
    assert world.events.index(DEAD_CHAT) > max(
        index for index, text in enumerate(world.events) if text.startswith("New revision detected!")
    )
    assert world.events.count(DEAD_CHAT) == 1


# -- on a real server -------------------------------------------------------------------------------------------------


async def test_a_rollback_hook() -> None:
    """What a webhook asked for is a warning."""
    world = a_world(rollback=("panic",), interval_seconds=INTERVAL_SECONDS)
    world.hook_answers["panic"] = [CLOSED]
    async with Stage(await real_server(), visibility=True) as stage:
        await (await stage.start(world)).result()
    assert told(world.alerts["slack.test"]) == [STARTED, ("warn", "Rolling back manual webhook invoked")]


@pytest.fixture
async def start_for_short() -> AsyncIterator[Start]:
    """Start rollouts whose histories are long from the first step on."""
    options = ("limit.historyCount.suggestContinueAsNew=5", 'history.workflowIdReuseMinimalInterval="1ms"')
    async with Stage(await real_server(*options), visibility=True) as stage:
        yield stage.start


async def test_a_continued_rollout_loses_no_message(start_for_short: Start) -> None:
    """Each alert and each event arrives once, though a slow webhook kept the first run from continuing."""
    world = a_world(hooks=("log",), interval_seconds=INTERVAL_SECONDS, weights=(10, 20, 30, 40, 50, 60))
    came_far = asyncio.Event()

    async def go_on() -> None:
        came_far.set()

    async def linger() -> None:
        await came_far.wait()

    world.on["tell_log"], world.when_told["Advance podinfo.test canary weight 30"] = linger, go_on
    rollout = await start_for_short(world)

    await rollout.result()

    assert len(await rollout.runs()) > 1
    assert told(world.alerts["slack.test"]) == [STARTED, PROMOTED]
    assert [happening.text for happening in world.published["log"]] == world.events
