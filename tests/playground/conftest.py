"""What the tests of the playground share."""

import inspect
from collections.abc import Awaitable, Callable, Sequence

import pytest
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from playground.progress import Planned, Progress


class Told:
    """A progress that keeps what it is told."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def planned(self, jobs: Sequence[Planned], cache: str) -> None:
        """Keep the names."""
        self.said += [f"planned {job.name} {cache}" for job in jobs]

    def note(self, text: str) -> None:
        """Keep the text."""
        self.said.append(text)

    def fetching(self, name: str, module: str) -> None:
        """Keep both."""
        self.said.append(f"{name} fetching {module}")

    def compiling(self, name: str, done: int, total: int) -> None:
        """Keep all."""
        self.said.append(f"{name} {done}/{total}")

    def finished(self, name: str, seconds: float) -> None:
        """Keep the name."""
        assert seconds >= 0
        self.said.append(f"{name} finished")


@pytest.fixture
def told() -> list[str]:
    """What `progress` was told so far, in order."""
    return []


@pytest.fixture
def progress(told: list[str]) -> Progress:
    """A progress that writes to `told`."""
    return Told(told)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[None] | None]], Awaitable[None]]:
    """Wait until the check's assertions hold, 20 s at most; its last failure is what a test reports."""

    async def hold(check: Callable[[], Awaitable[None] | None]) -> None:
        async def once() -> None:
            result = check()
            if inspect.isawaitable(result):
                await result

        failing = retry_if_exception_type((AssertionError, OSError))
        await AsyncRetrying(retry=failing, wait=wait_fixed(0.05), stop=stop_after_delay(20), reraise=True)(once)

    return hold
