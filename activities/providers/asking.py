"""What all providers share: one bounded exchange, and one rule for what it answers.

The rule: exactly one value, or a name for what came instead. Of a series that is the newest point that is not null; of
several series it is none of them, since any choice among them would be a guess.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx

from activities.http import NotReached, Reply, exchange, legible
from activities.providers.base import Reading, Source
from activities.providers.errors import UnfitProvider, UnfitSecret
from activities.redaction import redacted
from k8s.errors import ClusterError
from workflows.verdict import NoData, Unreadable, Value

TIMEOUT_SECONDS = 5.0
ANSWER_LIMIT_BYTES = 1024 * 1024
"""One number takes a hundred bytes; more is a query that forgot to aggregate."""
EXCERPT, LONGEST_PROBLEM = 200, 300
LARGEST = 1.7976931348623157e308
NOT_AN_ANSWER = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading an answer of another shape ends in."""


class Unusable(Exception):
    """There is no one number in the answer; the text says why."""

    def __init__(self, why: str) -> None:
        super().__init__(legible(why))


async def ask(
    source: Source,
    method: str,
    url: str,
    read: Callable[[Reply], Reading],
    *,
    whose: str,
    seconds: float | None = None,
    **options: Any,
) -> Reading:
    """Send one request and read the number out of its answer. Never raises.

    Args:
        source: whose client, and whether certificates count.
        method: of HTTP.
        url: absolute.
        read: from an answer of status 2xx to its number; may raise `Unusable` and any of `NOT_AN_ANSWER`.
        whose: the vendor, as an error names it.
        seconds: for the whole exchange; TIMEOUT_SECONDS unless told.
        options: as of `httpx.AsyncClient.stream`.
    """
    try:
        reply = await _exchange(source, method, url, seconds, options)
    except Unusable as problem:
        return Unreadable(detail=str(problem))
    try:
        return read(reply)
    except Unusable as problem:  # it may quote what the vendor says
        return Unreadable(detail=redacted(str(problem), reply.secrets)[:LONGEST_PROBLEM])
    except NOT_AN_ANSWER:
        return Unreadable(detail=f"not an answer of {whose}: {reply.excerpt(EXCERPT)}")


async def reach(source: Source, method: str, url: str, **options: Any) -> str:
    """Why a request is not answered with 2xx; empty when it is. Never raises."""
    try:
        await _exchange(source, method, url, None, options)
    except Unusable as problem:
        return str(problem)
    return ""


async def _exchange(source: Source, method: str, url: str, seconds: float | None, options: dict[str, Any]) -> Reply:
    try:
        reply = await exchange(
            source.http,
            method,
            url,
            seconds=TIMEOUT_SECONDS if seconds is None else seconds,
            limit_bytes=ANSWER_LIMIT_BYTES,
            insecure=source.insecure,
            secrets=(*source.secrets, *options.get("headers", {}).get("Authorization", "").split()),
            **options,
        )
    except NotReached as error:
        raise Unusable(str(error)) from error
    if not reply.agrees:
        raise Unusable(f"error response: {reply.status}: {reply.excerpt(EXCERPT)}")
    if not reply.whole:
        raise Unusable("the answer exceeds 1 MiB; write a query that returns a single value")
    return reply


async def guarded(asking: Awaitable[Reading], seconds: float | None = None) -> Reading:
    """For what goes through the API server, or needs credentials first: their errors as an answer, within a time."""
    try:
        async with asyncio.timeout(seconds):
            return await asking
    except TimeoutError:
        return Unreadable(detail=f"no answer within {seconds:g} s")
    except (Unusable, UnfitProvider, UnfitSecret, ClusterError) as problem:
        return Unreadable(detail=legible(str(problem)))


def as_json(read: Callable[[Any], Reading]) -> Callable[[Reply], Reading]:
    """Reads a decoded body instead of a reply."""
    return lambda reply: read(json.loads(reply.body))


def number(value: Any) -> Reading:
    """A number, or one as text; null and not-a-number (what dividing by no requests gives) are no data.

    Raises:
        ValueError, TypeError, OverflowError: it is neither.
    """
    if value is None:
        return NoData()
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    found = float(value)
    if math.isnan(found):
        return NoData()
    # JSON has no infinity: the largest number breaks the same bounds.
    return Value(value=found if math.isfinite(found) else math.copysign(LARGEST, found))


def only(series: list[Any], remedy: str = "aggregate in the query, so that it returns one") -> Any:
    """The one series, or None; raises Unusable for several."""
    if not isinstance(series, list):
        raise TypeError("not a list of series")
    if len(series) > 1:
        raise Unusable(f"the query returned {len(series)} series; {remedy}")
    return series[0] if series else None


def newest(points: Iterable[tuple[Any, Any]], source: Source) -> Reading:
    """Of points as (time, value), the value of the newest that is not null."""
    present = [(when, value) for when, value in points if value is not None]
    if not present:
        return nothing(source)
    found = number(max(present, key=lambda point: point[0])[1])
    return nothing(source) if isinstance(found, NoData) else found


def nothing(source: Source) -> NoData:
    """No data in the window, and what helps when the vendor is slow to have it."""
    window = f"{source.window_seconds:g}s"
    return NoData(detail=f"no values found in the last {window}; a longer interval of the metric looks further back")


def basic_auth(source: Source) -> httpx.BasicAuth | None:
    """User and password of the Secret, if it has them; raises UnfitSecret when one is missing."""
    if not source.secret.name:
        return None
    return httpx.BasicAuth(source.secret.line("username"), source.secret.line("password"))
