"""From a Canary that nobody has seen before to a primary that serves."""

from datetime import timedelta

import pytest

from tests.builders import NEW, NEWER, OLD, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.scenario import World
from workflows.effects import Role
from workflows.observation import Phase

LACKING = "podinfo-primary.test not ready: 0 of 1 updated replicas are available"
GAVE_UP = 'deployment "podinfo-primary" exceeded its progress deadline'
MISSING = "deployment podinfo.test not found"


def an_unborn_world() -> World:
    """A Canary just created, its target serving by itself."""
    world = World()
    world.status = a_status(phase=Phase.NEW, applied="", promoted="")
    world.target_replicas = 1
    return world


async def test_bootstrap_moves_traffic_only_to_a_ready_primary(start: Start) -> None:
    """Primary, then readiness, then traffic, and only then is the target scaled to zero."""
    world = an_unborn_world()

    ending = await (await start(world)).result()

    effects = [call for call in world.calls if call not in ("observe", "report")]
    assert effects == ["create_primary", "await_primary", "open_traffic", "scale_down"]
    assert world.phases[0] is Phase.INITIALIZING
    assert world.events == ["Initialization done! podinfo.test"]
    assert ending.phase is Phase.INITIALIZED
    assert world.status.applied == world.status.promoted == NEW.template


@pytest.mark.parametrize("skip_analysis", [False, True])
async def test_a_primary_that_is_not_ready_in_time_is_told_and_the_target_left_alone(
    start: Start, *, skip_analysis: bool
) -> None:
    """There is no deadline that ends bootstrap: it warns, and goes on when the primary is ready after all."""
    world = an_unborn_world()
    world.plan, world.primary_available = a_plan(deadline_seconds=0.3, skip_analysis=skip_analysis), False
    touched: list[str] = []

    async def recover() -> None:
        touched.extend(call for call in world.calls if call in ("open_traffic", "scale_down"))
        world.primary_available = True

    world.when_told[LACKING] = recover
    ending = await (await start(world)).result()

    assert touched == []
    assert [note.text for note in world.notes.values() if note.warning] == [LACKING]
    assert world.events[-1] == "Initialization done! podinfo.test"
    assert ending.phase is Phase.INITIALIZED
    assert LACKING not in world.status.message


async def test_a_primary_that_the_cluster_gave_up_on_is_told_once(start: Start) -> None:
    """However long it takes until somebody helps."""
    world = an_unborn_world()
    world.stuck = {Role.PRIMARY: GAVE_UP}
    rollout = await start(world)

    await rollout.pass_time(timedelta(hours=1))
    attempts, events = world.calls.count("await_primary"), list(world.events)
    world.stuck = {}
    ending = await rollout.result()

    assert attempts > 10
    assert events == [f"podinfo-primary.test not ready: {GAVE_UP}"]
    assert ending.phase is Phase.INITIALIZED


async def test_a_newer_revision_before_the_primary_serves_replaces_it(start: Start) -> None:
    """Nobody is served by the primary yet, so there is nothing to analyse it against."""
    world = an_unborn_world()
    rollout = await start(world)

    async def supersede() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["await_primary"] = supersede
    world.lingers.add("await_primary")
    ending = await rollout.result()

    assert world.calls.count("create_primary") == 2
    assert world.calls.count("open_traffic") == 1
    assert world.primary == NEWER
    assert world.status.promoted == NEWER.template
    assert ending.phase is Phase.INITIALIZED


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ((), "all the metrics providers are available!"),
        (("prometheus not avaiable: refused",), "Error checking metric providers: prometheus not avaiable: refused"),
    ],
)
async def test_providers_are_probed(start: Start, problems: tuple[str, ...], told: str) -> None:
    """What cannot be asked is told, and stops nothing."""
    world = World()
    world.status = a_status(phase=Phase.NEW, applied="", promoted="")
    world.plan = a_plan(measured=True)
    world.provider_problems = problems

    ending = await (await start(world)).result()

    assert world.events == [told, "Initialization done! podinfo.test"]
    assert ending.phase is Phase.INITIALIZED


async def test_a_blocked_canary_bootstraps_as_soon_as_it_is_mended(start: Start) -> None:
    """The run that told the problem goes on by itself, and its condition forgets the problem."""
    world = an_unborn_world()
    world.target = None
    rollout = await start(world)

    async def create() -> None:
        world.target = NEW
        await rollout.changed()

    world.when_told[MISSING] = create
    ending = await rollout.result()

    assert world.events == [MISSING, "Initialization done! podinfo.test"]
    assert (ending.phase, ending.reason) == (Phase.INITIALIZED, "")
    assert world.status.message == "Deployment initialization completed."


async def test_a_mended_canary_at_rest_does_not_go_on_complaining(start: Start) -> None:
    """A target that was deleted and came back unchanged needs no rollout, but its condition must be right."""
    world = World()
    sound = "Canary analysis completed successfully, promotion finished."
    world.status, world.target = a_status(message=f"{sound} {MISSING}"), OLD

    ending = await (await start(world)).result()

    assert world.status.message == sound
    assert world.weights == []
    assert ending.phase is Phase.SUCCEEDED


async def test_a_failed_release_keeps_its_reason_when_the_spec_is_edited(start: Start) -> None:
    """Reconciling the objects of a canary at rest says nothing new about its last release."""
    world = World()
    message = "Canary analysis failed, Deployment scaled to zero. success rate 69.00% < 99%"
    world.target = NEW
    world.status = a_status(phase=Phase.FAILED, applied=NEW.template, generation=0, message=message)
    rollout = await start(world)

    ending = await rollout.result()

    assert "open_traffic" in world.calls
    assert world.status.message == message
    assert ending.reason == "success rate 69.00% < 99%"


async def test_a_primary_that_was_deleted_is_made_again(start: Start) -> None:
    """From the target, which still has the template that it ran; that is no release."""
    world = World()
    world.target, world.primary_found = OLD, False

    ending = await (await start(world)).result()

    effects = [call for call in world.calls if call not in ("observe", "report")]
    assert effects == ["create_primary", "open_traffic"]
    assert world.weights == []
    assert ending.phase is Phase.SUCCEEDED


async def test_a_primary_that_nobody_can_make_again_is_told(start: Start) -> None:
    """The target has another template by now, which was never analysed: a person has to choose."""
    world = World()
    world.primary_found = False

    ending = await (await start(world)).result()

    assert {call for call in world.calls if call not in ("observe", "report")} == set()
    assert world.events == [ending.reason]
    assert ending.reason.startswith("podinfo-primary.test is gone and podinfo.test no longer has the template it ran")
