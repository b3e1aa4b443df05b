"""The rollouts whose histories are kept, each told on a real server with intervals of a moment."""

from collections.abc import Awaitable, Callable

from tests.builders import NEWER, a_check, a_plan, a_status
from tests.workflows.conftest import Start
from tests.workflows.handle import Rollout
from tests.workflows.scenario import World
from workflows.effects import Division, HookAnswer, Role
from workflows.observation import Gate, Phase, Receiver, Severity, Strategy
from workflows.steering import Command
from workflows.verdict import NoData, Unreadable

Story = Callable[[Start], Awaitable[Rollout]]
PAUSED = "Pause podinfo.test advancement by ann: lunch"
SUSPENDED = "skipping canary run as object is suspended"


def a_quick_world() -> World:
    """Every kind of hook, and little patience."""
    world = World()
    world.plan = a_plan(
        interval_seconds=0.05,
        deadline_seconds=0.3,
        threshold=3,
        pre_rollout=("acceptance-test",),
        rollout=("load-test",),
        post_rollout=("notify",),
    )
    return world


async def promotion(start: Start) -> Rollout:
    """Halts, an unreadable check, and a promotion all the same."""
    world = a_quick_world()
    world.checks = [
        [a_check(100)],
        [a_check(69)],
        [a_check(NoData())],
        [a_check(Unreadable(detail="refused"))],
        [a_check(100)],
    ]
    return await start(world)


async def rollback(start: Start) -> Rollout:
    """The threshold is reached."""
    world = a_quick_world()
    world.checks = [[a_check(100)], *[[a_check(69)]] * 3]
    return await start(world)


async def abort(start: Start) -> Rollout:
    """A person ends it during a check."""
    world = a_quick_world()
    rollout = await start(world)

    async def act() -> None:
        await rollout.say("abort", Command(by="ann", reason="enough"))

    world.on["examine"] = act
    world.lingers.add("examine")
    return rollout


async def promoted_by_hand(start: Start) -> Rollout:
    """A person ends the analysis at its first step."""
    world = a_quick_world()
    rollout = await start(world)

    async def act() -> None:
        await rollout.say("promote", Command(by="ann"))

    world.on["examine"] = act
    return rollout


async def paused(start: Start) -> Rollout:
    """Two checks at the same weight, then on; by signals, and once refused."""
    world = a_quick_world()
    rollout = await start(world)

    async def pause() -> None:
        await rollout.signal("pause", Command(by="ann", reason="lunch"))

    async def pause_again() -> None:
        await rollout.say("pause", Command(by="bob"))
        world.on["examine"] = resume

    async def resume() -> None:
        await rollout.signal("resume", Command(by="ann"))

    async def hold() -> None:
        world.on["examine"] = pause_again

    world.on["examine"], world.when_told[PAUSED] = pause, hold
    return rollout


async def superseded(start: Start) -> Rollout:
    """A newer revision during a check."""
    world = a_quick_world()
    rollout = await start(world)

    async def act() -> None:
        world.target = NEWER
        await rollout.changed()

    world.on["examine"] = act
    world.lingers.add("examine")
    return rollout


async def bootstrap(start: Start) -> Rollout:
    """A primary that is late."""
    world = a_quick_world()
    world.status = a_status(phase=Phase.NEW, applied="", promoted="")
    world.primary_available = False

    async def recover() -> None:
        world.primary_available = True

    world.when_told["podinfo-primary.test not ready: 0 of 1 updated replicas are available"] = recover
    return await start(world)


async def finalize(start: Start) -> Rollout:
    """Deleted in the middle of a rollout."""
    world = a_quick_world()
    rollout = await start(world)

    async def act() -> None:
        world.deleting = True
        await rollout.changed()

    world.on["examine"] = act
    world.lingers.add("examine")
    return rollout


async def failed_promotion(start: Start) -> Rollout:
    """The primary does not get ready, and then not even with its former template at once."""
    world = a_quick_world()
    world.primary_ready_after_promotion = world.primary_serves_after_undo = False

    async def give_up() -> None:
        world.stuck = {Role.PRIMARY: "exceeded its progress deadline"}
        world.on["await_primary"] = recover

    async def recover() -> None:
        world.on["await_primary"] = serve

    async def serve() -> None:
        world.stuck, world.primary_available = {}, True

    world.on["undo_promotion"] = give_up
    return await start(world)


async def suspended(start: Start) -> Rollout:
    """Suspended and unsuspended in the middle."""
    world = a_quick_world()
    rollout = await start(world)

    async def suspend() -> None:
        world.suspended = True
        await rollout.changed()

    async def unsuspend() -> None:
        world.suspended = False
        await rollout.changed()

    world.on["examine"], world.when_told[SUSPENDED] = suspend, unsuspend
    return rollout


async def cancelled(start: Start) -> Rollout:
    """`temporal workflow cancel` during a write."""
    world = a_quick_world()
    rollout = await start(world)
    world.when_told["Advance podinfo.test canary weight 20"] = rollout.cancel
    return rollout


async def blue_green(start: Start) -> Rollout:
    """Copies of requests, N checks, and then the canary serves while the primary changes."""
    world = a_quick_world()
    strategy = {"strategy": Strategy.BLUE_GREEN, "iterations": 2, "weights": (), "mirror": True}
    world.plan = world.plan.model_copy(update=strategy)
    return await start(world)


async def ab_test(start: Start) -> Rollout:
    """N checks, one of which fails, and traffic back in steps."""
    world = a_quick_world()
    strategy = {"strategy": Strategy.AB_TESTING, "iterations": 2, "weights": (), "promotion_step": 60}
    world.plan = world.plan.model_copy(update=strategy | {"drain_seconds": 0.05})
    world.checks = [[a_check(69)]]
    return await start(world)


async def gates(start: Start) -> Rollout:
    """Each is closed at first: two by a hook, one by a person."""
    world = a_quick_world()
    guards = {Gate.ROLLOUT: ("gate",), Gate.TRAFFIC_INCREASE: ("gate",)}
    world.plan = world.plan.model_copy(update={"gates": guards, "approvals": (Gate.PROMOTION,)})
    closed = HookAnswer(refusal="403 Forbidden")
    world.hook_answers["gate"] = [closed, HookAnswer(), closed, HookAnswer(), closed]
    rollout = await start(world)

    async def approve() -> None:
        await rollout.say("promote", Command(by="ann"))

    world.when_told["Halt podinfo.test advancement waiting for promotion approval by a person"] = approve
    return rollout


async def rollback_hook(start: Start) -> Rollout:
    """Silent at first."""
    world = a_quick_world()
    world.plan = world.plan.model_copy(update={"rollback": ("panic",)})
    world.hook_answers["panic"] = [HookAnswer(refusal="403 Forbidden")] * 2
    return await start(world)


async def told(start: Start) -> Rollout:
    """Chats and event webhooks hear of a rollback; some refuse to."""
    world = a_quick_world()
    chats = (Receiver(provider="slack"), Receiver(provider="teams", namespace="ops", severity=Severity.ERROR))
    world.plan = world.plan.model_copy(update={"alerts": chats, "event_hooks": ("log", "audit")})
    world.checks = [[a_check(100)], *[[a_check(69)]] * 3]
    world.deaf = {"teams.ops", "audit"}
    return await start(world)


async def route_changed(start: Start) -> Rollout:
    """Somebody deletes the route in the middle; it is made again, and the release is promoted."""
    world = a_quick_world()

    async def delete() -> None:
        world.edited = Division()

    world.on["examine"] = delete
    return await start(world)


STORIES: tuple[Story, ...] = (
    promotion,
    rollback,
    abort,
    promoted_by_hand,
    paused,
    superseded,
    bootstrap,
    finalize,
    failed_promotion,
    suspended,
    cancelled,
    blue_green,
    ab_test,
    gates,
    rollback_hook,
    told,
    route_changed,
)
