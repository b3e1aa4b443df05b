"""Back to what was promoted before, without analysis, while the canary is at rest."""

from tests.builders import CANARY, NAMES, NEW, NEWER, OLD, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.handle import Rollout
from tests.workflows.scenario import World
from workflows.effects import Role
from workflows.observation import Phase, Receiver, Revision, Severity
from workflows.state import State
from workflows.steering import Command, Steering

COMMAND = Command(by="ann", reason="orders are lost")
UNDONE = "Undo the promotion of podinfo.test by ann: orders are lost"


def a_promoted_world() -> World:
    """NEW was promoted after OLD."""
    world = World()
    world.primary, world.former = NEW, OLD
    world.status = a_status(applied=NEW.template, promoted=NEW.template)
    return world


async def undoing(start: Start, world: World) -> Rollout:
    """As if the signal had come with the start."""
    return await start(world, State(canary=CANARY, names=NAMES, steering=Steering(undo=COMMAND)))


async def test_undo(start: Start) -> None:
    """The primary runs the former revision, the status says why, and the target is not rolled out again."""
    world = a_promoted_world()
    world.plan = a_plan(alerts=(Receiver(provider="slack", namespace="test"),))

    ending = await (await undoing(start, world)).result()

    assert world.events == [UNDONE]
    [alert] = world.alerts["slack.test"]
    assert (alert.severity, alert.text) == (Severity.WARN, "Promotion undone, the primary runs what it ran before.")
    assert (world.primary, world.target) == (OLD, NEW)
    assert (world.status.phase, world.status.promoted, world.status.applied) == (
        Phase.FAILED,
        OLD.template,
        NEW.template,
    )
    assert (ending.phase, ending.reason) == (Phase.FAILED, UNDONE)
    assert [call for call in world.calls if "." not in call] == [
        "observe",
        "undo_promotion",
        "report",
        "await_primary",
        "route",
    ]


async def test_an_undo_that_was_not_recorded_is_recorded(start: Start) -> None:
    """Temporal lost its data before the status was told; the target is not rolled out again."""
    world = a_promoted_world()
    world.primary = OLD

    ending = await (await start(world)).result()

    assert world.events == ["Undo the promotion of podinfo.test: found done, but not recorded"]
    assert (world.status.phase, world.status.promoted) == (Phase.FAILED, OLD.template)
    assert ending.phase is Phase.FAILED
    assert "scale_up" not in world.calls


async def test_nothing_to_undo(start: Start) -> None:
    """What ran before is not kept any more."""
    world = a_promoted_world()
    world.former = NEW

    ending = await (await undoing(start, world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert ending.reason.startswith("Nothing to undo for podinfo.test")


async def test_a_rollout_goes_before_an_undo(start: Start) -> None:
    """The target changed meanwhile: the newer revision is analysed, and the wish is void."""
    world = a_promoted_world()
    world.target = NEWER

    ending = await (await undoing(start, world)).result()

    assert ending.phase is Phase.SUCCEEDED
    assert world.primary == NEWER
    assert "undo_promotion" not in world.calls


async def test_an_undo_does_not_hear_the_abort_of_the_rollout_before(start: Start) -> None:
    """Both in one run: the primary is waited for, and gets the traffic again, as after any undo."""
    world = World()
    world.former = Revision(template="s1-older")
    rollout = await start(world)

    async def abort() -> None:
        await rollout.say("abort", COMMAND)

    async def undo() -> None:
        await rollout.signal("undo", COMMAND)

    world.on["examine"], world.when_told["Canary failed! Scaling down podinfo.test"] = abort, undo
    await rollout.result()

    assert world.events[-2:] == ["Canary failed! Scaling down podinfo.test", UNDONE]
    assert world.calls[-3:] == ["report", "await_primary", "route"]
    assert world.primary.template == "s1-older"


async def test_a_target_deleted_during_an_undo(on_real_server: Start) -> None:
    """There is nothing to roll back: the lack is told, and the primary gets the traffic as after any undo."""
    world = a_promoted_world()

    async def delete() -> None:
        world.target = None
        await rollout.changed()

    world.on["report"] = delete
    rollout = await undoing(on_real_server, world)
    ending = await rollout.result()

    assert world.events == [UNDONE, "deployment podinfo.test not found"]
    assert world.weights == [0]
    assert world.primary == OLD
    assert ending.phase is Phase.FAILED


async def test_a_rollback_takes_no_earlier_promotion_back(start: Start) -> None:
    """The target went back to what the primary runs; that it is analysed anew makes it no news to the primary."""
    world = a_promoted_world()
    world.target = NEWER

    async def go_back() -> None:
        world.target = NEW
        world.stuck[Role.PRIMARY] = "exceeded its progress deadline"

    world.on["promote"] = go_back

    ending = await (await start(world)).result()

    assert (ending.phase, ending.revision) == (Phase.FAILED, NEW.template)
    assert world.calls.count("promote") == 2
    assert "undo_promotion" in world.calls
    assert (world.primary, world.status.promoted) == (NEW, NEW.template)
