"""A child process is watched from its start to its end."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from playground.process import NotReady, Process, ProcessExited, ProcessNotReady

SH = "/bin/sh"
SLEEP = (SH, "-c", "exec sleep 300")


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def never() -> None:
    """A probe that finds nothing."""
    raise NotReady("nobody listens")


async def test_stop_ends_the_process_and_is_not_reported(tmp_path: Path) -> None:
    """A wanted end is no fault."""
    faults: list[ProcessExited] = []
    process = Process("idle", tmp_path / "log", on_exit=faults.append)
    await process.start(SLEEP)
    pid = process.pid
    assert pid is not None
    assert alive(pid)
    await process.stop()
    assert not alive(pid)
    assert (process.pid, faults) == (None, [])


async def test_an_unexpected_exit_is_reported_with_name_code_and_last_words(tmp_path: Path) -> None:
    """Whoever watches learns it at once."""
    told: asyncio.Future[ProcessExited] = asyncio.get_running_loop().create_future()
    process = Process("brittle", tmp_path / "log", on_exit=told.set_result)
    await process.start((SH, "-c", "echo out of cheese; exit 3"))
    async with asyncio.timeout(10):
        fault = await told
    assert str(fault).startswith("brittle ended with exit code 3; the last lines of")
    assert str(fault).endswith("out of cheese")


async def test_a_process_that_ends_while_awaited_is_reported(tmp_path: Path) -> None:
    """Instead of waiting for the time-out."""
    process = Process("brittle", tmp_path / "log")
    await process.start((SH, "-c", "echo address in use; exit 1"))
    with pytest.raises(ProcessExited, match=r"brittle ended with exit code 1[\s\S]*address in use"):
        await process.ready(never, timeout_seconds=60)


async def test_a_process_that_does_not_serve_in_time_is_reported_with_what_was_seen(tmp_path: Path) -> None:
    """The probe's last answer and the log's last lines are in the text."""
    process = Process("slow", tmp_path / "log")
    await process.start((SH, "-c", "echo thinking; exec sleep 300"))
    try:
        with pytest.raises(ProcessNotReady, match=r"slow does not serve after 1 s: nobody listens[\s\S]*thinking"):
            await process.ready(never, timeout_seconds=1)
    finally:
        await process.kill()


async def test_ready_returns_once_the_probe_passes(tmp_path: Path) -> None:
    """After as many tries as it takes."""
    process = Process("server", tmp_path / "log")
    tries = 0

    async def third_time() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise NotReady("not yet")

    await process.start(SLEEP)
    await process.ready(third_time, timeout_seconds=30)
    await process.stop()
    assert tries == 3


async def test_a_process_deaf_to_sigterm_is_killed_after_its_grace(
    tmp_path: Path, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Stopping always ends."""
    process = Process("deaf", tmp_path / "log", grace_seconds=0.2)
    await process.start((SH, "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"))

    def heard() -> None:
        assert "deaf" in process.log_path.read_text()

    await eventually(heard)
    pid = process.pid
    await process.stop()
    assert pid is not None
    assert not alive(pid)


async def test_the_last_words_are_those_of_this_start(tmp_path: Path) -> None:
    """The log is kept over starts; a report does not quote an earlier one."""
    process = Process("twice", tmp_path / "log")
    for words in ("first", "second"):
        await process.start((SH, "-c", f"echo {words}; exit 1"))
        with pytest.raises(ProcessExited) as ended:
            await process.ready(never, timeout_seconds=30)
        assert str(ended.value).endswith(words)
        await process.stop()
    assert process.log_path.read_text() == "first\nsecond\n"


async def test_a_second_start_is_refused_while_it_runs(tmp_path: Path) -> None:
    """Nobody loses hold of a process."""
    process = Process("idle", tmp_path / "log")
    await process.start(SLEEP)
    with pytest.raises(RuntimeError, match="idle runs already, as process"):
        await process.start(SLEEP)
    await process.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel ends children with their parent")
async def test_no_process_outlives_a_killed_parent(tmp_path: Path, eventually: Callable[..., Awaitable[None]]) -> None:
    """Not even when the parent had no time to do anything about it."""
    parent = textwrap.dedent("""
        import asyncio, os, sys
        from pathlib import Path
        from playground.process import Process
        async def main():
            process = Process("orphan", Path(sys.argv[1]))
            await process.start(("/bin/sh", "-c", "echo up; exec sleep 300"))
            while "up" not in process.log_path.read_text():
                await asyncio.sleep(0.02)
            sys.stdout.write(f"{process.pid}\\n"); sys.stdout.close(); os.close(1)
            await asyncio.sleep(300)
        asyncio.run(main())
    """)
    root = Path(__file__).parents[2]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE, cwd=root
    )
    assert child.stdout is not None
    pid = int((await child.stdout.read()).split()[-1])
    assert alive(pid)
    child.send_signal(signal.SIGKILL)
    await child.wait()

    def ended() -> None:
        assert not alive(pid)

    await eventually(ended)
