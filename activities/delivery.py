"""Messages to somebody who need not be there: in order, each bounded, and none sent again that was taken."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import heartbeating, remembered
from activities.hooks import is_busy, retry_after_seconds
from activities.http import Http, NotReached, Reply, exchange

Item = TypeVar("Item")

TIMEOUT_SECONDS = 10.0
BODY_LIMIT_BYTES = 4096
LONGEST_RETRY_AFTER_SECONDS = 60.0
"""All attempts together are to end within minutes."""


class Undelivered(Exception):
    """A message was not taken; the text says why, and is told to users."""

    def __init__(self, why: str, *, passing: bool, after_seconds: float | None = None) -> None:
        """Say why.

        Args:
            why: in a user's words, without anything secret.
            passing: the same message may be taken later.
            after_seconds: how long the receiver asks to be left alone.
        """
        super().__init__(why)
        self.passing = passing
        self.after_seconds = after_seconds


async def in_order(items: Sequence[Item], send: Callable[[Item], Awaitable[None]]) -> None:
    """Send one after the other; a later attempt of the activity begins with the first that was not taken.

    What is refused for good is passed over: the next message may fit.

    Raises:
        ApplicationError: not all were taken; Temporal tries again where that may help.
    """
    before = remembered()
    done, problem = int(before.get("done", 0)), str(before.get("problem", ""))

    def progress() -> dict[str, Any]:
        return before | {"done": done, "problem": problem}

    async with heartbeating(progress):
        for item in items[done:]:
            try:
                await send(item)
            except Undelivered as failure:
                if failure.passing:
                    raise _passing(failure) from None  # a cause travels in the history, with all that it quotes
                problem = problem or str(failure)
            done += 1
            activity.heartbeat(progress())
    if problem:
        raise ApplicationError(problem, type=Undelivered.__name__, non_retryable=True)


def _passing(failure: Undelivered) -> ApplicationError:
    asked = failure.after_seconds
    delay = None if asked is None else timedelta(seconds=min(asked, LONGEST_RETRY_AFTER_SECONDS))
    return ApplicationError(str(failure), type=Undelivered.__name__, next_retry_delay=delay)


async def post(http: Http, url: str, **options: Any) -> Reply:
    """The answer to a POST.

    Args:
        http: the client to send with.
        url: absolute; all of it but the host is secret.
        options: as of `activities.http.exchange`.

    Raises:
        Undelivered: no answer came.
    """
    defaults = {"seconds": TIMEOUT_SECONDS, "limit_bytes": BODY_LIMIT_BYTES, "secret": True}
    try:
        return await exchange(http, "POST", url, **{**defaults, **options})
    except NotReached as error:
        raise Undelivered(str(error), passing=True) from None


def require(reply: Reply, refusal: str) -> None:
    """Raise Undelivered when there is a refusal: passing for 429 and 5xx, whose Retry-After is honoured."""
    if refusal:
        raise Undelivered(refusal, passing=is_busy(reply), after_seconds=retry_after_seconds(reply))
