"""At most so many commands run at once, and a background command once per canary."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from loadtester.commands import Exited
from loadtester.metrics import Metrics
from loadtester.payload import Command, Kind, Refusal
from loadtester.settings import load_settings
from loadtester.tasks import REMEMBERED_SECONDS, Begun, Interrupted, Tasks
from tests.loadtester.visitors import Visitors

pytestmark = pytest.mark.usefixtures("no_grace")


class Clock:
    """Seconds, as the test sets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


@asynccontextmanager
async def running(clock: Callable[[], float] = time.monotonic, **settings: object) -> AsyncIterator[Tasks]:
    """Tasks that all end with the block."""
    async with Tasks(load_settings(**settings), Metrics(), clock=clock) as tasks:
        yield tasks


def background(line: str, canary: str = "podinfo.test") -> Command:
    """A command of type `cmd`."""
    return Command(Kind.CMD, canary, line)


async def all_ended(tasks: Tasks) -> None:
    """Wait until nothing runs."""
    while tasks.running:
        await asyncio.wait(tasks._jobs)


async def never() -> None:
    """The caller stays."""
    await asyncio.Event().wait()


async def test_a_call_for_a_running_command_starts_no_second_run(visitors: Visitors) -> None:
    """It is remembered instead."""
    async with running() as tasks:
        command = background(visitors.command())
        assert tasks.begin(command) is Begun.STARTED
        await visitors.next()
        assert [tasks.begin(command) for _ in range(5)] == [Begun.REMEMBERED] * 5
        assert (tasks.running, visitors.nobody_waits()) == (1, True)


@pytest.mark.parametrize(
    ("called_at", "ends_at", "again"),
    [
        pytest.param([3], 3, True, id="called at the last moment"),
        pytest.param([3], 3 + REMEMBERED_SECONDS, True, id="just not forgotten"),
        pytest.param([3], 3.1 + REMEMBERED_SECONDS, False, id="forgotten"),
        pytest.param([30, 60, 90, 118], 120, True, id="a two-minute run, called every half minute"),
        pytest.param([30, 60, 90], 120, False, id="the calls have stopped"),
        pytest.param([], 120, False, id="never called again"),
    ],
)
async def test_a_run_is_repeated_if_it_ends_soon_after_the_latest_call(
    visitors: Visitors, called_at: list[float], ends_at: float, *, again: bool
) -> None:
    """So traffic has no gap while calls come, and ends when they end."""
    clock = Clock()
    async with running(clock) as tasks:
        command = background(visitors.command())
        tasks.begin(command)
        first = await visitors.next()
        for seconds in called_at:
            clock.now = 1000 + seconds
            tasks.begin(command)
        clock.now = 1000 + ends_at
        await first.end()
        if again:
            await (await visitors.next()).end()  # the call is used up: there is no third run
        await all_ended(tasks)
        assert visitors.nobody_waits()


async def test_a_run_that_failed_is_repeated_all_the_same(visitors: Visitors) -> None:
    """The exit code of a background command decides nothing."""
    async with running(Clock()) as tasks:
        command = background(visitors.command())
        tasks.begin(command)
        first = await visitors.next()
        tasks.begin(command)
        await first.end(code=1)
        await visitors.next()


async def test_a_command_that_has_ended_starts_anew_when_called(visitors: Visitors) -> None:
    """Nothing is remembered beyond the end."""
    async with running() as tasks:
        command = background(visitors.command())
        for _ in range(2):
            assert tasks.begin(command) is Begun.STARTED
            await (await visitors.next()).end()
            await all_ended(tasks)


async def test_other_canaries_and_other_commands_run_side_by_side(visitors: Visitors) -> None:
    """What runs once is one command of one canary."""
    async with running() as tasks:
        for canary in ("podinfo.test", "podinfo.prod"):
            for name in ("get", "post"):
                assert tasks.begin(background(visitors.command(name), canary)) is Begun.STARTED
        assert sorted([(await visitors.next()).name for _ in range(4)]) == ["get", "get", "post", "post"]


async def test_more_than_max_tasks_are_refused_until_one_has_ended(visitors: Visitors) -> None:
    """Of both types together; the refusal says why, and what to do."""
    async with running(max_tasks=2) as tasks:
        tasks.begin(background(visitors.command("first")))
        waiting = asyncio.create_task(tasks.wait_for(Command(Kind.BASH, "a.b", visitors.command("second")), never))
        visits = {visit.name: visit for visit in (await visitors.next(), await visitors.next())}
        with pytest.raises(Refusal, match="2 tasks are running, as many as LOADTESTER_MAX_TASKS allows") as refused:
            tasks.begin(background(visitors.command("third")))
        with pytest.raises(Refusal):
            await tasks.wait_for(Command(Kind.BASH, "a.b", "true"), never)
        assert refused.value.status == 429
        await visits["second"].end()
        assert await waiting == Exited(0, "")
        assert tasks.begin(background(visitors.command("third"))) is Begun.STARTED
        assert (await visitors.next()).name == "third"


async def test_a_call_for_a_running_command_needs_no_room(visitors: Visitors) -> None:
    """It takes none."""
    async with running(max_tasks=1) as tasks:
        command = background(visitors.command())
        tasks.begin(command)
        assert tasks.begin(command) is Begun.REMEMBERED


async def test_a_blocking_command_ends_with_its_caller(visitors: Visitors) -> None:
    """Otherwise a retry would start a second one."""
    hung_up = asyncio.Event()

    async def caller_gone() -> None:
        await hung_up.wait()

    async with running() as tasks:
        command = Command(Kind.BASH, "a.b", visitors.command(before="sleep 1000 &"))
        waiting = asyncio.create_task(tasks.wait_for(command, caller_gone))
        visit = await visitors.next()
        hung_up.set()
        await visit.gone()
        assert await waiting is Interrupted.CALLER_GONE


async def test_a_blocking_command_ends_when_its_request_is_cancelled(visitors: Visitors) -> None:
    """As a server does with requests that hold up its end."""
    async with running() as tasks:
        waiting = asyncio.create_task(tasks.wait_for(Command(Kind.BASH, "a.b", visitors.command()), never))
        visit = await visitors.next()
        waiting.cancel()
        await visit.gone()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_stop_ends_everything_and_takes_nothing_new(visitors: Visitors) -> None:
    """A call that was remembered starts no run any more, and none is remembered."""
    async with running() as tasks:
        command = background(visitors.command("cmd", before='trap "" TERM; sleep 1000 &'))
        tasks.begin(command)
        waiting = asyncio.create_task(tasks.wait_for(Command(Kind.BASH, "a.b", visitors.command("bash")), never))
        visits = [await visitors.next(), await visitors.next()]
        tasks.begin(command)
        await tasks.stop()
        for visit in visits:
            await visit.gone()
        assert await waiting is Interrupted.SHUTDOWN
        with pytest.raises(Refusal, match="shutting down") as refused:
            tasks.begin(command)
        assert (refused.value.status, tasks.running, visitors.nobody_waits()) == (503, 0, True)


async def test_stop_is_not_disturbed_by_a_caller_who_goes_at_the_same_moment(visitors: Visitors) -> None:
    """Two reasons to end a command end it once, and wholly."""
    hung_up = asyncio.Event()

    async def caller_gone() -> None:
        await hung_up.wait()

    async with running() as tasks:
        command = Command(Kind.BASH, "a.b", visitors.command(before='trap "" TERM; sleep 1000 &'))
        waiting = asyncio.create_task(tasks.wait_for(command, caller_gone))
        visit = await visitors.next()
        hung_up.set()
        await asyncio.gather(tasks.stop(), waiting, visit.gone())


@pytest.mark.parametrize(("wanted", "logged"), [(True, "hello\n"), (False, None)])
async def test_the_output_of_a_background_command_is_logged_on_request(*, wanted: bool, logged: str | None) -> None:
    """And only then, as it may hold secrets; how it ended is logged always."""
    with structlog.testing.capture_logs() as lines:
        async with running() as tasks:
            tasks.begin(Command(Kind.CMD, "podinfo.test", "echo hello; exit 4", log_output=wanted))
            await all_ended(tasks)
    (finished,) = [line for line in lines if line["event"] == "task_finished"]
    assert (finished["outcome"], finished["detail"], finished.get("output")) == ("failed", "exit status 4", logged)
