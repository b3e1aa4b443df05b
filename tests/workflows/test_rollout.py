"""The rollout as a story: what happens, in which order, on a server that skips time."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity

from tests.builders import NEW, NEWER, OLD, a_check, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import Activity, HookAnswer, Readying, Role, Wait, Waiting
from workflows.observation import Phase
from workflows.steering import Command
from workflows.verdict import NoData, Unreadable

ROLLBACK_END = ["Canary failed! Scaling down podinfo.test"]
PROMOTION_END = [
    "Copying podinfo.test template spec to podinfo-primary.test",
    "Routing all traffic to primary",
    "Promotion completed! Scaling down podinfo.test",
]
LACKING = "rollout to finish: 0 of 1 updated replicas are available"
HALT = "Halt podinfo.test advancement success rate 69.00% < 99%"


def advances(*weights: int) -> list[str]:
    """The guide's sentence for each weight."""
    return [f"Advance podinfo.test canary weight {weight}" for weight in weights]


async def test_a_healthy_release_is_promoted_step_by_step(start: Start) -> None:
    """The event log is the guide's, each step takes one interval, and exactly the analysed revision is promoted."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",), post_rollout=("notify",))

    ending = await (await start(world)).result()

    assert world.events == [
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check acceptance-test passed",
        *advances(10, 20, 30),
        *PROMOTION_END,
        "Post-rollout check notify passed",
    ]
    assert world.weights == [10, 20, 30, 0]
    assert world.primary == NEW
    assert (ending.phase, ending.revision) == (Phase.SUCCEEDED, NEW.template)
    assert world.status.promoted == NEW.template
    assert world.hooks == [
        "pre-rollout/acceptance-test/Progressing",
        "rollout/load-test/Progressing",
        "post-rollout/notify/Succeeded",
    ]
    world.assert_safe_at_rest()


async def test_only_checks_wait_for_the_interval(start: Start) -> None:
    """Pods and hooks are heard at once, so three checks take three intervals; with Flagger two precede the first."""
    world = World()
    world.plan = a_plan(interval_seconds=600, pre_rollout=("acceptance-test",), post_rollout=("notify",))

    await (await start(world)).result()

    assert world.took("New revision detected!", "Advance podinfo.test canary weight 10") < timedelta(seconds=300)
    took = world.took("Advance podinfo.test canary weight 10", "Post-rollout check notify passed")
    assert timedelta(seconds=1800) <= took < timedelta(seconds=2100)


async def test_failed_checks_halt_and_the_threshold_rolls_back(start: Start) -> None:
    """Every failed check says why and holds the weight; the fifth brings all traffic back at once."""
    world = World()
    world.checks = [[a_check(100)], *[[a_check(69)]] * 5]

    ending = await (await start(world)).result()

    assert world.events[2:] == [
        *advances(10, 20),
        *[HALT] * 5,
        "Rolling back podinfo.test failed checks threshold reached 5",
        *ROLLBACK_END,
    ]
    assert world.weights == [10, 20, 0]
    assert world.status.failed_checks == 5
    assert ending.phase is Phase.FAILED
    assert "success rate 69.00% < 99%" in world.status.message
    assert world.primary == OLD
    world.assert_safe_at_rest()


async def test_a_halt_is_forgiven_but_counted(start: Start) -> None:
    """After a passing check the canary advances again; failed checks add up over the run."""
    world = World()
    world.checks = [[a_check(69)], [a_check(100)], [a_check(NoData(detail="hint"))]]

    ending = await (await start(world)).result()

    assert world.weights == [10, 20, 30, 0]
    assert world.status.failed_checks == 2
    assert ending.phase is Phase.SUCCEEDED


async def test_an_unreadable_check_holds_without_counting(start: Start) -> None:
    """Prometheus being away leaves the weight where it is, is told once, and never rolls back a release."""
    world = World()
    world.checks = [[a_check(Unreadable(detail="refused"))]] * 8

    ending = await (await start(world)).result()

    assert world.events.count("Prometheus query failed: refused") == 1
    assert world.status.failed_checks == 0
    assert ending.phase is Phase.SUCCEEDED


async def test_a_limit_on_unreadable_checks_is_obeyed(start: Start) -> None:
    """Who does not want to hold for ever says after how many rounds to roll back."""
    world = World()
    world.plan = a_plan(unreadable_limit=3)
    world.checks = [[a_check(Unreadable(detail="refused"))]] * 5

    ending = await (await start(world)).result()

    assert ending.phase is Phase.FAILED
    assert "Rolling back podinfo.test checks were unreadable 3 times in a row" in world.events
    world.assert_safe_at_rest()


async def test_pre_rollout_hooks_pass_once_and_failures_count(start: Start) -> None:
    """A refusing hook is asked again an interval later; one that agreed is not asked again."""
    world = World()
    world.plan = a_plan(pre_rollout=("first", "second"))
    world.hook_answers["second"] = [HookAnswer(refusal="500 no"), HookAnswer()]

    ending = await (await start(world)).result()

    assert [hook.split("/")[1] for hook in world.hooks] == ["first", "second", "second"]
    assert "Halt podinfo.test advancement pre-rollout check second failed 500 no" in world.events
    assert world.status.failed_checks == 1
    assert ending.phase is Phase.SUCCEEDED


async def test_an_unreachable_pre_rollout_hook_holds(start: Start) -> None:
    """Nobody answering says nothing about the release."""
    world = World()
    world.plan = a_plan(pre_rollout=("gate",), threshold=1)
    world.hook_answers["gate"] = [HookAnswer(refusal="refused", reached=False)] * 3

    ending = await (await start(world)).result()

    assert world.events.count("Halt podinfo.test advancement pre-rollout check gate failed refused") == 1
    assert ending.phase is Phase.SUCCEEDED


async def test_the_progress_deadline_ends_a_canary_that_never_gets_ready(start: Start) -> None:
    """It is rolled back with the reason, and never had traffic."""
    world = World()
    world.plan, world.canary_ready = a_plan(deadline_seconds=1), False

    ending = await (await start(world)).result()

    assert ending.phase is Phase.FAILED
    assert world.events[2:] == [
        "Rolling back podinfo.test progress deadline exceeded 0 of 1 updated replicas are available",
        *ROLLBACK_END,
    ]
    assert world.weights == [0]
    world.assert_safe_at_rest()


async def test_a_failed_promotion_restores_the_primary(start: Start) -> None:
    """A primary that does not come up with the new template gets its former one again before the traffic."""
    world = World()
    world.plan, world.primary_ready_after_promotion = a_plan(deadline_seconds=1), False

    ending = await (await start(world)).result()

    assert ending.phase is Phase.FAILED
    assert world.primary == OLD
    assert world.status.promoted == OLD.template
    assert "Promotion of podinfo.test failed, primary not ready: 0 of 1 updated replicas are available" in world.events
    world.assert_safe_at_rest()


async def test_a_new_revision_in_the_middle_restarts_the_analysis(start: Start) -> None:
    """Traffic goes back to the primary, the newer revision is analysed from its first step, and only it is promoted."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",))
    rollout = await start(world)

    async def supersede() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["examine"] = supersede
    world.lingers.add("examine")
    await rollout.result()

    assert "New revision detected! Restarting analysis for podinfo.test" in world.events
    assert world.weights == [10, 0, 10, 20, 30, 0]
    assert world.hooks.count("pre-rollout/acceptance-test/Progressing") == 2
    assert world.primary == NEWER
    world.assert_safe_at_rest()


async def test_a_template_changed_at_the_last_moment_is_not_promoted(start: Start) -> None:
    """Promotion copies what was analysed or nothing."""
    world = World()
    await_last = asyncio.Event()

    async def supersede() -> None:
        world.target = NEWER
        await_last.set()

    world.on["promote"] = supersede
    await (await start(world)).result()

    assert await_last.is_set()
    assert world.primary == NEWER
    assert {NEW.template, NEWER.template} <= world.analysed
    assert [world.events.count(event) for event in PROMOTION_END] == [1, 1, 1]


async def test_a_template_changed_and_changed_back_at_the_last_moment_is_analysed_again(start: Start) -> None:
    """Its pods are new ones, and nothing was copied: the promotion must not go on as if it had been."""
    world = World()

    async def change() -> None:
        world.target = NEWER
        world.on["observe"] = change_back

    async def change_back() -> None:
        world.target = NEW

    world.on["promote"] = change
    ending = await (await start(world)).result()

    assert world.weights == [10, 20, 30, 0, 10, 20, 30, 0]
    assert world.primary == NEW
    assert ending.phase is Phase.SUCCEEDED


async def test_a_newer_revision_during_promotion_gets_its_own_rollout(start: Start) -> None:
    """It gets no traffic until the promotion is over, then it is analysed in the same run."""
    world = World()
    rollout = await start(world)

    async def supersede() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["await_primary"] = supersede
    await rollout.result()

    assert world.events.count("New revision detected! Scaling up podinfo.test") == 2
    assert world.primary == NEWER
    world.assert_safe_at_rest()


async def test_skip_analysis_promotes_without_asking(start: Start) -> None:
    """But never without a ready canary and a ready primary."""
    world = World()
    world.plan = a_plan(skip_analysis=True, pre_rollout=("acceptance-test",))
    world.canary_ready = world.primary_ready_after_promotion = False
    too_early: list[bool] = []

    async def start_canary() -> None:
        too_early.append("promote" in world.calls)
        world.canary_ready = True
        world.wake.set()

    async def start_primary() -> None:
        too_early.append("route" in world.calls)
        world.primary_available = True
        world.wake.set()

    world.when_told[f"Waiting for podinfo.test {LACKING}"] = start_canary
    world.when_told[f"Waiting for podinfo-primary.test {LACKING}"] = start_primary
    await (await start(world)).result()

    assert too_early == [False, False]

    assert world.events[-1] == "Promotion completed! Canary analysis was skipped for podinfo.test"
    assert world.hooks == []
    assert "examine" not in world.calls
    assert world.weights == [0]


class OnePodAfterTheOther(World):
    """What lacks is put in the same words before and after the first pod of two came."""

    @activity.defn(name=Activity.AWAIT_READY)
    async def await_ready(self, wait: Wait) -> Readying:
        """Ready at the third look at the canary."""
        if wait.role is Role.CANARY and wait.available < 1:
            waiting = Waiting(why="1 old replicas are pending termination", available=wait.available + 1)
            return Readying(readiness=waiting)
        return await super().await_ready(wait)


async def test_pods_that_make_progress_are_told_of_once(start: Start) -> None:
    """Unless what is lacking reads differently."""
    world = OnePodAfterTheOther()
    await (await start(world)).result()
    told = [event for event in world.events if event.startswith("Waiting for podinfo.test")]
    assert told == ["Waiting for podinfo.test rollout to finish: 1 old replicas are pending termination"]


async def test_a_missing_target_blocks_with_one_event(start: Start) -> None:
    """Nothing is touched, the reason is told, and the run ends."""
    world = World()
    world.status, world.target = a_status(phase=Phase.NEW, applied="", promoted=""), None

    ending = await (await start(world)).result()
    await (await start(world)).result()

    assert world.events == ["deployment podinfo.test not found"]
    assert ending.phase is Phase.INITIALIZING
    assert world.weights == []


async def test_a_target_deleted_in_the_middle_rolls_back(start: Start) -> None:
    """All traffic leaves the pods that are gone."""
    world = World()
    rollout = await start(world)

    async def delete() -> None:
        world.target = None
        await rollout.changed()

    world.on["examine"] = delete
    world.lingers.add("examine")
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert world.weights[-1] == 0
    assert "Rolling back podinfo.test deployment podinfo.test not found" in world.events


async def test_deleting_the_canary_ends_a_rollout_and_finalizes(start: Start) -> None:
    """With revertOnDeletion the target serves again before the finalizer goes."""
    world = World()
    rollout = await start(world)

    async def delete() -> None:
        world.deleting = True
        await rollout.changed()

    world.on["examine"] = delete
    world.lingers.add("examine")
    await rollout.result()

    assert [call for call in world.calls if call in ("hand_back", "await_canary", "release")][-3:] == [
        "hand_back",
        "await_canary",
        "release",
    ]
    assert world.events[-2:] == ["Terminating canary podinfo.test", "Terminated canary podinfo.test"]
    assert world.target_replicas == 1


async def test_suspending_freezes_and_unsuspending_goes_on(start: Start) -> None:
    """Traffic stays as it is meanwhile, whatever time passes."""
    world = World()
    rollout = await start(world)

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    world.on["examine"] = suspend
    await rollout.pass_time(timedelta(days=1))
    frozen = list(world.weights)
    world.suspended = False
    await rollout.changed()
    ending = await rollout.result()

    assert frozen == [10]
    assert world.events.count("skipping canary run as object is suspended") == 1
    assert ending.phase is Phase.SUCCEEDED


# -- people -----------------------------------------------------------------------------------------------------------

STEPS = ["scale_up", "await_canary", "hook_acceptance-test", "route", "hook_load-test", "examine"]

INTERRUPTED = {"await_canary", "hook_acceptance-test", "hook_load-test", "examine", "await_primary"}
"""What waits or asks is cut short by an abort; what writes is completed first."""


@pytest.mark.parametrize("step", [*STEPS, "promote", "await_primary"])
async def test_abort_at_any_step_brings_all_traffic_back(start: Start, step: str) -> None:
    """Wherever the signal arrives, the primary has all traffic and its former template, and the release is Failed."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",))
    rollout = await start(world)

    async def abort() -> None:
        await rollout.signal("abort", Command(by="ann", reason="enough"))

    world.on[step] = abort
    if step in INTERRUPTED:
        world.lingers.add(step)
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED, world.events
    assert world.events[-2:] == ["Rolling back podinfo.test aborted by ann: enough", *ROLLBACK_END]
    assert world.primary == OLD
    world.assert_safe_at_rest()


@pytest.mark.parametrize("step", STEPS)
async def test_promote_at_any_step_ships_the_revision(start: Start, step: str) -> None:
    """Whatever is left of the analysis is skipped; readiness never is."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",))
    world.checks = [[a_check(69)]] * 2
    rollout = await start(world)

    async def promote() -> None:
        await rollout.signal("promote", Command(by="ann"))

    world.on[step] = promote
    ending = await rollout.result()

    assert ending.phase is Phase.SUCCEEDED, world.events
    assert "Promote podinfo.test without further analysis by ann" in world.events
    assert world.primary == NEW
    assert world.calls.count("examine") <= 1
    world.assert_safe_at_rest()


@pytest.mark.parametrize("step", STEPS)
async def test_pause_at_any_step_holds_until_resume(start: Start, step: str) -> None:
    """A paused rollout does not advance however long it takes; resumed, it ends as it would have."""
    world = World()
    world.plan = a_plan(pre_rollout=("acceptance-test",), rollout=("load-test",))
    rollout = await start(world)

    async def pause() -> None:
        await rollout.signal("pause", Command(by="ann"))

    world.on[step] = pause
    await rollout.pass_time(timedelta(minutes=20))
    held = list(world.weights)
    await rollout.signal("resume", Command(by="bob"))
    ending = await rollout.result()

    assert "Pause podinfo.test advancement by ann" in world.events
    assert held in ([], [10])
    assert ending.phase is Phase.SUCCEEDED, world.events
    assert world.weights == [10, 20, 30, 0]


async def test_a_paused_canary_that_turns_bad_is_rolled_back(start: Start) -> None:
    """Checks go on while the weight is held."""
    world = World()
    rollout = await start(world)

    async def pause() -> None:
        world.checks = [[a_check(100)], *[[a_check(69)]] * 5]
        await rollout.signal("pause")

    world.on["route"] = pause
    ending = await rollout.result()

    assert ending.phase is Phase.FAILED
    assert world.weights == [10, 0]


async def test_updates_answer_or_refuse_with_a_remedy(start: Start) -> None:
    """A person learns at once what will happen, or why not and what to do."""
    world = World()
    rollout = await start(world)
    said: list[str] = []

    async def talk() -> None:
        for verb, command in [
            ("resume", Command()),
            ("pause", Command(by="ann")),
            ("pause", Command()),
            ("promote", Command(revision="s1-other")),
            ("resume", Command(by="ann")),
        ]:
            said.append(await rollout.say(verb, command))

    world.on["examine"] = talk
    await rollout.result()

    assert said == [
        "refused: cannot resume: the rollout is not paused",
        "paused: the weight stays as it is, checks go on; resume lets it advance",
        "refused: cannot pause: the rollout is paused already; resume lets it go on",
        "refused: cannot promote: revision s1-other is not the one under way, which is s1-new",
        "resumed: the rollout advances at its next passed check",
    ]


async def test_queries_tell_where_it_stands(start: Start) -> None:
    """Status, plan and checks can be asked at any time, and after the end."""
    world = World()
    world.checks = [[a_check(69)]]
    rollout = await start(world)
    await rollout.result()

    status, plan, checks = [await rollout.ask(question) for question in ("status", "plan", "checks")]

    assert (status["phase"], status["weight"], status["failed_checks"]) == ("Succeeded", 0, 1)
    assert plan["weights"] == [10, 20, 30]
    assert [check["name"] for check in checks["checks"]] == ["request-success-rate"]
