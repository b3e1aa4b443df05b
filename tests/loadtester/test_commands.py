"""A command's process group runs to its end, and nothing of it stays."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from loadtester.commands import OUTPUT_BYTES, Ended, Exited, NotStarted, TimedOut, run
from tests.loadtester.visitors import Visitors

LONG_SECONDS = 60.0


async def bash(line: str, timeout_seconds: float = LONG_SECONDS) -> Ended:
    """Run a line of bash."""
    return await run(("bash", "-c", line), environment=os.environ, timeout_seconds=timeout_seconds)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


async def test_output_and_errors_come_mixed_with_the_exit_code() -> None:
    """In the order in which they were written."""
    assert await bash("echo one; echo two >&2; echo three; exit 7") == Exited(7, "one\ntwo\nthree\n")


@pytest.mark.parametrize(
    ("line", "outcome", "error"),
    [
        pytest.param("true", "succeeded", "exit status 0", id="success"),
        pytest.param("exit 22", "failed", "exit status 22", id="exit code"),
        pytest.param("kill -KILL $$", "failed", "signal: killed", id="signal"),
    ],
)
async def test_how_it_ended_is_said_in_the_words_of_go(line: str, outcome: str, error: str) -> None:
    """Users compare them with what Flagger's load tester said."""
    ended = await bash(line)
    assert (ended.outcome, ended.error) == (outcome, error)


async def test_of_a_long_output_the_end_is_kept() -> None:
    """Memory stays bounded, and the last words are there."""
    ended = await bash("head -c 3000000 /dev/zero | tr '\\0' x; echo end")
    assert ended.output.startswith(f"[{3000004 - OUTPUT_BYTES} bytes left out]\nx")
    assert ended.output.endswith("xxxend\n")
    assert len(ended.output) < OUTPUT_BYTES + 100


@pytest.mark.usefixtures("no_grace")
async def test_a_time_out_ends_every_process_of_the_group(visitors: Visitors) -> None:
    """Children in the background and those that ignore SIGTERM, too; what was said until then is kept."""
    line = "echo before; " + visitors.command(before='trap "" TERM; sleep 1000 & sleep 1000 &')
    ended, visit = await asyncio.gather(bash(line, timeout_seconds=1), visitors.next())
    await visit.gone()
    assert ended == TimedOut(1, "before\n")
    assert ended.error == "timed out after 1 seconds (LOADTESTER_TASK_TIMEOUT_SECONDS)"


@pytest.mark.usefixtures("no_grace")
async def test_a_cancellation_ends_every_process_of_the_group(visitors: Visitors) -> None:
    """So a caller that goes away, and a shutdown, leave nothing behind."""
    running = asyncio.create_task(bash(visitors.command(before='trap "" TERM; sleep 1000 &')))
    visit = await visitors.next()
    running.cancel()
    await visit.gone()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancellation_in_the_middle_of_the_start_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment at which the process exists, and nobody has been told of it."""
    exists: asyncio.Future[asyncio.subprocess.Process] = asyncio.get_running_loop().create_future()
    told = asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def slow_start(*words: str, **options: Any) -> asyncio.subprocess.Process:
        exists.set_result(await start(*words, **options))
        await told.wait()
        return exists.result()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow_start)
    running = asyncio.create_task(bash("sleep 1000"))
    process = await exists
    running.cancel()
    await asyncio.sleep(0)  # it learns of it
    told.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert process.returncode == -signal.SIGTERM


async def test_a_process_in_the_background_is_waited_for_while_it_may_still_write(visitors: Visitors) -> None:
    """`hey … & hey … &` is over when both are."""
    running = asyncio.create_task(bash(f"{visitors.command()} &"))
    visit = await visitors.next()
    assert not running.done()
    await visit.end()
    assert await running == Exited(0, "")


async def test_what_was_sent_away_ends_with_its_command(visitors: Visitors) -> None:
    """Nobody would end it later."""
    running = asyncio.create_task(bash(f"{visitors.command()} >/dev/null 2>&1 & {visitors.command('leader')}"))
    visits = {visit.name: visit for visit in (await visitors.next(), await visitors.next())}
    await visits["leader"].end()
    assert await running == Exited(0, "")
    await visits["run"].gone()


async def test_an_escaped_process_does_not_hold_up_the_end(visitors: Visitors) -> None:
    """Who leaves the group with the output in hand is not waited for after the time-out."""
    line = f"setsid {visitors.command()} & wait"
    ended, visit = await asyncio.gather(bash(line, timeout_seconds=1), visitors.next())
    assert ended == TimedOut(1, "")
    await visit.end()


async def test_a_program_that_is_missing_is_an_outcome(tmp_path: Path) -> None:
    """It is looked for on the command's own PATH."""
    ended = await run(("bash", "-c", "true"), environment={"PATH": str(tmp_path)}, timeout_seconds=LONG_SECONDS)
    assert ended == NotStarted("[Errno 2] No such file or directory: 'bash'")


async def test_no_descriptor_is_left_open() -> None:
    """Neither by a run, nor by one that was cancelled, nor by one that could not start."""
    await bash("true")  # asyncio opens some of its own the first time
    before = descriptors()
    await bash("echo hello")
    await run(("bash",), environment={"PATH": ""}, timeout_seconds=LONG_SECONDS)
    cancelled = asyncio.create_task(bash("sleep 1000"))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    await asyncio.sleep(0)  # transports close one turn later
    assert descriptors() == before
