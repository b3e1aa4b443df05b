"""Gates: a release waits for webhooks and for people, and for nobody longer than it must."""

from datetime import timedelta

import pytest

from tests.builders import NEW, NEWER, OLD, a_check, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import HookAnswer
from workflows.observation import Gate, Phase
from workflows.steering import Command
from workflows.verdict import Answer, Unreadable

CLOSED = HookAnswer(refusal="403 Forbidden")
REFUSED = HookAnswer(refusal="connection refused", reached=False)
WAITS = {
    Gate.ROLLOUT: "Halt podinfo.test advancement waiting for approval",
    Gate.TRAFFIC_INCREASE: "Halt podinfo.test advancement waiting for traffic increase approval",
    Gate.PROMOTION: "Halt podinfo.test advancement waiting for promotion approval",
}
GATES = pytest.mark.parametrize("gate", Gate)


def a_guarded_world(gate: Gate, *hooks: str, **plan: object) -> World:
    """With hooks at one gate."""
    world = World()
    world.plan = a_plan(gates={gate: hooks} if hooks else {}, **plan)
    return world


@GATES
async def test_open_gates_are_passed(start: Start, gate: Gate) -> None:
    """Each hook says so in its turn; one that stands before every step is asked once for each."""
    world = a_guarded_world(gate, "first", "second")

    ending = await (await start(world)).result()

    times = 3 if gate is Gate.TRAFFIC_INCREASE else 1
    asked = [hook for hook in world.hooks if hook.startswith(gate)]
    assert [hook.split("/")[1] for hook in asked] == ["first", "second"] * times
    for hook in ("first", "second"):
        assert world.events.count(f"{gate.capitalize()} check {hook} passed") == times
    assert ending.phase is Phase.SUCCEEDED


@GATES
@pytest.mark.parametrize("answer", [CLOSED, REFUSED], ids=["closed", "unreachable"])
async def test_a_closed_gate_holds_and_is_told_once(start: Start, gate: Gate, answer: HookAnswer) -> None:
    """It is asked again every interval, and nothing counts as a failed check."""
    world = a_guarded_world(gate, "gate")
    world.hook_answers["gate"] = [answer, answer, answer, HookAnswer()]

    ending = await (await start(world)).result()

    assert world.events.count(f"{WAITS[gate]} gate") == 1
    assert world.status.failed_checks == 0
    assert ending.phase is Phase.SUCCEEDED
    world.assert_safe_at_rest()


async def test_confirm_rollout_stands_before_everything(start: Start) -> None:
    """Nothing is scaled and no event tells of a new revision before it opens."""
    world = a_guarded_world(Gate.ROLLOUT, "gate")
    world.hook_answers["gate"] = [CLOSED, HookAnswer()]

    await (await start(world)).result()

    opened = world.calls.index("scale_up")
    assert world.calls[:opened].count("hook_gate") == 2
    assert world.events[:3] == [
        f"{WAITS[Gate.ROLLOUT]} gate",
        "Confirm-rollout check gate passed",
        "New revision detected! Scaling up podinfo.test",
    ]
    assert world.phases[0] is Phase.WAITING
    assert world.hooks == ["confirm-rollout/gate/Succeeded", "confirm-rollout/gate/Waiting"]


async def test_a_closed_traffic_gate_does_not_repeat_pre_rollout_hooks(start: Start) -> None:
    """Flagger asks them again at every tick without weight."""
    world = a_guarded_world(Gate.TRAFFIC_INCREASE, "gate", pre_rollout=("acceptance-test",))
    world.hook_answers["gate"] = [CLOSED] * 4

    await (await start(world)).result()

    assert world.hooks.count("pre-rollout/acceptance-test/Progressing") == 1


async def test_the_traffic_gate_is_not_asked_at_the_last_weight(start: Start) -> None:
    """There is nothing to increase any more."""
    world = a_guarded_world(Gate.TRAFFIC_INCREASE, "gate", weights=(50,))

    await (await start(world)).result()

    assert world.hooks == ["confirm-traffic-increase/gate/Progressing"]


async def test_the_analysis_goes_on_before_a_closed_promotion_gate(start: Start) -> None:
    """And may still roll back; the weight stays as it is."""
    world = a_guarded_world(Gate.PROMOTION, "gate", threshold=2)
    world.hook_answers["gate"] = [CLOSED] * 20
    world.checks = [*[[a_check(100)]] * 5, *[[a_check(69)]] * 2]

    ending = await (await start(world)).result()

    assert Phase.WAITING_PROMOTION in world.phases
    assert world.weights == [10, 20, 30, 0]
    assert world.calls.count("examine") == 7
    assert ending.phase is Phase.FAILED
    world.assert_safe_at_rest()


async def test_a_waiting_canary_shows_its_weight(start: Start) -> None:
    """While it waits for its promotion."""
    world = a_guarded_world(Gate.PROMOTION, "gate")
    shown: list[int] = []

    async def look() -> None:
        shown.append(world.status.weight)

    world.hook_answers["gate"] = [CLOSED, HookAnswer()]
    world.when_told[f"{WAITS[Gate.PROMOTION]} gate"] = look

    await (await start(world)).result()

    assert shown == [30]


# -- people ---------------------------------------------------------------------------------------------------------


@GATES
@pytest.mark.parametrize("by", ["update", "signal"])
async def test_a_person_opens_a_gate(start: Start, gate: Gate, by: str) -> None:
    """Without any webhook; `promote` opens this gate, and the rest of the analysis stands."""
    world = a_guarded_world(gate, approvals=(gate,), weights=(10, 20))
    rollout = await start(world)
    answers: list[str] = []

    async def approve() -> None:
        world.when_told[f"{WAITS[gate]} by a person"] = approve
        command = Command(by="ann", reason="looks fine")
        if by == "update":
            answers.append(await rollout.say("promote", command))
        else:
            await rollout.signal("promote", command)

    world.when_told[f"{WAITS[gate]} by a person"] = approve
    ending = await rollout.result()

    times = 2 if gate is Gate.TRAFFIC_INCREASE else 1
    assert world.events.count(f"Approve podinfo.test {gate} by ann: looks fine") == times
    assert world.weights == [10, 20, 0]
    assert answers in ([], [f"approved: the rollout passes {gate}"] * times)
    assert ending.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("answer", [69.0, Unreadable(detail="refused")], ids=["failed", "unreadable"])
async def test_an_approval_hurries_one_check(start: Start, answer: Answer | float) -> None:
    """The next ones are an interval apart as ever, should that one not pass."""
    world = a_guarded_world(Gate.PROMOTION, approvals=(Gate.PROMOTION,), weights=(50,), threshold=3)
    rollout = await start(world)
    approved = "Approve podinfo.test confirm-promotion by ann"

    async def approve() -> None:
        world.checks = [[a_check(answer)]] * 2
        await rollout.signal("promote", Command(by="ann"))

    world.when_told[f"{WAITS[Gate.PROMOTION]} by a person"] = approve
    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED
    assert timedelta(seconds=110) < world.took(approved, "Copying") < timedelta(seconds=190)


async def test_hooks_alone_do_not_open_a_gate_that_wants_a_person(start: Start) -> None:
    """Both must agree."""
    world = a_guarded_world(Gate.ROLLOUT, "gate", approvals=(Gate.ROLLOUT,))
    rollout = await start(world)

    async def approve() -> None:
        await rollout.signal("promote", Command(by="ann"))

    world.when_told[f"{WAITS[Gate.ROLLOUT]} by a person"] = approve

    assert (await rollout.result()).phase is Phase.SUCCEEDED


@GATES
async def test_a_person_is_told_once_the_hooks_agree(start: Start, gate: Gate) -> None:
    """Who is left to answer; the time that the gate may take goes on from its beginning."""
    world = a_guarded_world(gate, "gate", approvals=(gate,), approval_seconds=600, weights=(50,))
    world.hook_answers["gate"] = [CLOSED] * 3

    ending = await (await start(world)).result()

    told = [event for event in world.events if event.startswith(WAITS[gate])]
    assert told == [f"{WAITS[gate]} gate", f"{WAITS[gate]} by a person"]
    assert timedelta(seconds=600) <= world.took(told[0], "Rolling back") < timedelta(seconds=605)
    assert ending.phase is Phase.FAILED


@GATES
async def test_a_gate_does_not_time_out_an_interval_late(start: Start, gate: Gate) -> None:
    """However long the interval is; a check that fails then is followed by the next one an interval later."""
    world = a_guarded_world(gate, approvals=(gate,), approval_seconds=90, interval_seconds=3600, weights=(50,))
    rollout = await start(world)

    async def fail_once() -> None:
        world.checks = [[a_check(69.0)]]

    if gate is Gate.PROMOTION:  # where the checks go on
        world.when_told[f"{WAITS[gate]} by a person"] = fail_once

    assert (await rollout.result()).phase is Phase.FAILED
    late = timedelta(seconds=3600 if gate is Gate.PROMOTION else 0)
    took = world.took(f"{WAITS[gate]} by a person", "Rolling back")
    assert timedelta(seconds=90) + late <= took < timedelta(seconds=95) + late


@GATES
async def test_a_person_overrules_a_closed_hook(start: Start, gate: Gate) -> None:
    """`promote` is an answer to whatever the rollout waits for."""
    world = a_guarded_world(gate, "gate", weights=(50,))
    world.hook_answers["gate"] = [CLOSED] * 30
    rollout = await start(world)

    async def approve() -> None:
        await rollout.signal("promote", Command(by="ann"))

    world.when_told[f"{WAITS[gate]} gate"] = approve

    assert (await rollout.result()).phase is Phase.SUCCEEDED


@GATES
async def test_abort_at_a_gate(start: Start, gate: Gate) -> None:
    """The other answer."""
    world = a_guarded_world(gate, "gate")
    world.hook_answers["gate"] = [CLOSED] * 30
    rollout = await start(world)

    async def abort() -> None:
        await rollout.signal("abort", Command(by="ann"))

    world.when_told[f"{WAITS[gate]} gate"] = abort
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert (await rollout.ask("status"))["gate"] == ""
    assert world.status.applied == NEW.template
    world.assert_safe_at_rest()


@GATES
@pytest.mark.parametrize("by_default", [True, False], ids=["approve", "reject"])
async def test_a_gate_can_time_out(start: Start, gate: Gate, by_default: bool) -> None:
    """With the outcome that the spec asks for; nobody needs to be there."""
    world = a_guarded_world(
        gate, approvals=(gate,), approval_seconds=600, approval_by_default=by_default, weights=(50,)
    )

    ending = await (await start(world)).result()

    sentence = (
        f"Approve podinfo.test {gate}: nobody answered in time, and approvalDefault is approve"
        if by_default
        else f"Rolling back podinfo.test {gate} was not approved in time"
    )
    assert world.events.count(sentence) == 1
    assert ending.phase is (Phase.SUCCEEDED if by_default else Phase.FAILED)
    world.assert_safe_at_rest()


async def test_waiting_for_a_person_alone_costs_nothing(start: Start) -> None:
    """No timer and no activity for as long as nobody answers."""
    world = a_guarded_world(Gate.ROLLOUT, approvals=(Gate.ROLLOUT,))
    rollout = await start(world)

    await rollout.pass_time(timedelta(days=3))

    assert world.calls == ["observe", "report"]
    assert (await rollout.ask("status"))["gate"] == "confirm-rollout"
    await rollout.signal("abort")
    await rollout.result()


# -- what changes while it waits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["hook", "person"])
async def test_skipping_the_analysis_skips_no_confirmation(start: Start, asked: str) -> None:
    """`confirm-rollout` is asked an interval apart, or the person once, as without `skipAnalysis`."""
    hooks, approvals = (("gate",), ()) if asked == "hook" else ((), (Gate.ROLLOUT,))
    world = a_guarded_world(Gate.ROLLOUT, *hooks, approvals=approvals, skip_analysis=True)
    world.hook_answers["gate"] = [CLOSED] * 99
    rollout = await start(world)

    await rollout.pass_time(timedelta(minutes=10))
    calls = len(world.calls)
    await rollout.signal("promote")

    assert calls < 20
    assert (await rollout.result()).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("how", ["promote", "edit"])
async def test_what_skips_the_analysis_waits_at_no_traffic_gate(start: Start, how: str) -> None:
    """The promotion without analysis has no step of weight that the gate could hold."""
    world = a_guarded_world(Gate.TRAFFIC_INCREASE, "gate", pre_rollout=("acceptance-test",))
    world.hook_answers["gate"] = [CLOSED] * 99
    rollout = await start(world)

    async def skip() -> None:
        if how == "promote":
            await rollout.signal("promote")
        else:
            world.plan = world.plan.model_copy(update={"skip_analysis": True})
            await rollout.changed()

    world.on["hook_acceptance-test" if how == "promote" else "hook_gate"] = skip
    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.weights == [0]
    assert world.calls.count("hook_gate") < 5
    world.assert_safe_at_rest()


@GATES
async def test_a_gate_that_is_taken_out_of_the_spec_is_open(start: Start, gate: Gate) -> None:
    """At once, and nothing goes on saying that somebody is waited for."""
    world = a_guarded_world(gate, approvals=(gate,), weights=(50,))
    rollout = await start(world)
    gates: list[str] = []

    async def edit() -> None:
        world.plan = a_plan(weights=(50,))
        await rollout.changed()

    async def ask() -> None:
        gates.append((await rollout.ask("status"))["gate"])

    world.when_told[f"{WAITS[gate]} by a person"], world.on["promote"] = edit, ask
    ending = await rollout.result()

    assert gates == [""]
    assert world.took(f"{WAITS[gate]} by a person", "Promotion completed!") < timedelta(minutes=3)
    assert ending.phase is Phase.SUCCEEDED


async def test_a_time_limit_that_is_set_while_a_person_is_waited_for(start: Start) -> None:
    """It counts from the beginning of the wait."""
    world = a_guarded_world(Gate.ROLLOUT, approvals=(Gate.ROLLOUT,))
    rollout = await start(world)

    async def limit() -> None:
        world.plan = world.plan.model_copy(update={"approval_seconds": 600})
        await rollout.changed()

    world.when_told[f"{WAITS[Gate.ROLLOUT]} by a person"] = limit

    assert (await rollout.result()).phase is Phase.FAILED
    assert "Rolling back podinfo.test confirm-rollout was not approved in time" in world.events


async def test_a_newer_revision_takes_the_place_of_the_one_that_waits(start: Start) -> None:
    """It is what the gate opens for."""
    world = a_guarded_world(Gate.ROLLOUT, approvals=(Gate.ROLLOUT,))
    rollout = await start(world)

    async def change() -> None:
        world.target = NEWER
        world.on["observe"] = approve
        await rollout.changed()

    async def approve() -> None:
        await rollout.signal("promote")

    world.when_told[f"{WAITS[Gate.ROLLOUT]} by a person"] = change
    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.primary == NEWER
    assert world.events.count(f"{WAITS[Gate.ROLLOUT]} by a person") == 1


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        pytest.param(a_status(), Phase.SUCCEEDED, id="promoted"),
        pytest.param(a_status(phase=Phase.FAILED, applied="s1-bad"), Phase.SUCCEEDED, id="promoted, after a failure"),
    ],
)
async def test_a_revision_that_is_withdrawn_waits_no_longer(start: Start, status: object, phase: Phase) -> None:
    """The target runs again what the primary runs: there is nothing to confirm."""
    world = a_guarded_world(Gate.ROLLOUT, approvals=(Gate.ROLLOUT,))
    world.status = status  # type: ignore[assignment]  # a Status, as parametrized
    rollout = await start(world)

    async def withdraw() -> None:
        world.target = OLD
        await rollout.changed()

    world.when_told[f"{WAITS[Gate.ROLLOUT]} by a person"] = withdraw
    ending = await rollout.result()

    assert ending.phase is phase
    assert "scale_up" not in world.calls


# -- rollback hooks ---------------------------------------------------------------------------------------------------


async def test_a_rollback_hook_that_stays_silent(start: Start) -> None:
    """Its refusal is the normal case, told once."""
    world = World()
    world.plan = a_plan(rollback=("panic",))
    world.hook_answers["panic"] = [CLOSED] * 99

    ending = await (await start(world)).result()

    assert world.events.count("Rollback hook panic not signaling a rollback") == 1
    assert world.hooks.count("rollback/panic/Progressing") >= 3
    assert ending.phase is Phase.SUCCEEDED


@pytest.mark.parametrize("moment", ["gate", "canary", "analysis", "promotion"])
async def test_a_rollback_hook_is_heard_whatever_the_rollout_waits_for(on_real_server: Start, moment: str) -> None:
    """Flagger asks it in the middle of the analysis alone."""
    world = World()
    world.plan = a_plan(
        rollback=("panic",), approvals=(Gate.ROLLOUT,) if moment == "gate" else (), interval_seconds=0.1
    )
    world.canary_ready = moment != "canary"
    world.primary_ready_after_promotion = moment != "promotion"
    world.hook_answers["panic"] = [CLOSED] * (99 if moment == "promotion" else 2)

    async def agree() -> None:
        world.hook_answers["panic"] = [HookAnswer()]

    async def recover() -> None:
        world.primary_available = True

    world.on["promote"], world.on["undo_promotion"] = agree, recover

    ending = await (await on_real_server(world)).result()

    assert ending.phase is Phase.FAILED
    at = world.events.index("Rollback check panic passed")
    assert world.events[at + 1 :] == [
        "Rolling back podinfo.test manual webhook invoked",
        "Canary failed! Scaling down podinfo.test",
    ]
    assert world.primary == OLD
    world.assert_safe_at_rest()
