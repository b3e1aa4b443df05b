"""One HTTP exchange with an end: of its time, and of the bytes that are read. For providers and webhooks."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

PASSWORD = re.compile(r"(?<=://)[^/?#]*@")
"""User and password in a URL, which are sent and never shown."""


class NotReached(Exception):
    """No answer came; the text says why, and never holds what was sent."""


@dataclass(frozen=True)
class Reply:
    """An answer, cut where reading it ended."""

    status: int
    reason: str
    headers: httpx.Headers
    body: bytes
    whole: bool
    """False: there was more."""

    @property
    def agrees(self) -> bool:
        """Any 2xx; a redirect is not followed, and so is none."""
        return 200 <= self.status < 300

    def excerpt(self, characters: int) -> str:
        """The beginning of the body as text."""
        return self.body.decode(errors="replace").strip()[:characters]

    def refusal(self, characters: int) -> str:
        """The status, and the beginning of what the receiver said; empty when it agreed."""
        return "" if self.agrees else f"{self.status} {self.excerpt(characters) or self.reason}".strip()


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    seconds: float,
    limit_bytes: int,
    insecure: bool = False,
    secret: bool = False,
    **options: Any,
) -> Reply:
    """Send a request and read its answer, both within `seconds` and no further than `limit_bytes`.

    Args:
        http: the shared client.
        method: of HTTP.
        url: absolute.
        seconds: for the whole exchange; httpx's own time-out bounds each read.
        limit_bytes: of the decoded body; what comes after is not read.
        insecure: the receiver's certificate is not verified.
        secret: no error tells the URL.
        options: as of `httpx.AsyncClient.stream`.

    Raises:
        NotReached: refused, timed out, cut off, or never sent.
    """
    where = "" if secret else PASSWORD.sub("", url) + ": "
    try:
        async with (
            asyncio.timeout(seconds),
            _client(http, insecure=insecure) as client,
            client.stream(method, url, timeout=seconds, follow_redirects=False, **options) as answer,
        ):
            body, whole = await _read(answer, limit_bytes)
            return Reply(answer.status_code, answer.reason_phrase, answer.headers, body, whole)
    except TimeoutError as error:
        raise NotReached(f"{where}no answer within {seconds:g} s") from error
    except (httpx.LocalProtocolError, UnicodeError):  # its text may quote a header that is secret
        raise NotReached(f"{where}a header holds characters that cannot be sent") from None
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise NotReached(f"{where}{error!r}") from error


@asynccontextmanager
async def _client(http: httpx.AsyncClient, *, insecure: bool) -> AsyncIterator[httpx.AsyncClient]:
    if not insecure:
        yield http
        return
    async with httpx.AsyncClient(verify=False) as trusting:  # noqa: S501 - the spec asks for it
        yield trusting


async def _read(answer: httpx.Response, limit_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > limit_bytes:
            return bytes(body[:limit_bytes]), False
    return bytes(body), True
