"""One HTTP exchange with an end: of its time, and of the bytes that are read. For all URLs that users name."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from activities.addresses import ForbiddenAddress, refuse, watch_connections
from activities.redaction import credentials_of, redacted, shown, words_of

TEXT_LIMIT = 500
"""Characters of what somebody else wrote that are told to users and kept in histories."""


def legible(text: str) -> str:
    """The beginning of a text as it can be told: JSON may hold halves of characters, which cannot be written."""
    return text[:TEXT_LIMIT].encode(errors="replace").decode()


IDLE_SECONDS = 1.0
"""How long a connection waits for the next request: those of one step may share it, the next step makes its own.

Receivers close an idle one after a few seconds, often five as uvicorn and Node do, and a request that meets it is lost.
"""


def shared_client() -> httpx.AsyncClient:
    """For everything that users name, to be closed in the end: any number of connections, no redirect is followed."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=None, keepalive_expiry=IDLE_SECONDS))


class NotReached(Exception):
    """No answer came; the text says why, and never holds what is secret."""

    def __init__(self, why: str = "") -> None:
        super().__init__(legible(why))


@dataclass(frozen=True)
class Http:
    """How everything that a user names by URL is reached."""

    client: httpx.AsyncClient
    allow_metadata: bool = False
    """May call the addresses of `activities.addresses`."""


@dataclass(frozen=True)
class Reply:
    """An answer, cut where reading it ended."""

    status: int
    reason: str
    headers: httpx.Headers
    body: bytes
    whole: bool
    """False: there was more."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What was sent and must not be told, should the receiver send it back."""

    @property
    def agrees(self) -> bool:
        """Any 2xx; a redirect is not followed, and so is none."""
        return 200 <= self.status < 300

    def excerpt(self, characters: int) -> str:
        """The beginning of the body as text."""
        return redacted(self.body.decode(errors="replace"), self.secrets).strip()[:characters]

    def refusal(self, characters: int) -> str:
        """The status, and the beginning of what the receiver said; empty when it agreed."""
        return "" if self.agrees else f"{self.status} {self.excerpt(characters) or self.reason}".strip()


async def exchange(
    http: Http,
    method: str,
    url: str,
    *,
    seconds: float,
    limit_bytes: int,
    insecure: bool = False,
    secret: bool = False,
    secrets: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> Reply:
    """Send a request and read its answer, both within `seconds` and no further than `limit_bytes`.

    Args:
        http: the shared client.
        method: of HTTP.
        url: absolute; its user and query are told nowhere.
        seconds: for the whole exchange; httpx's own time-out bounds each read.
        limit_bytes: of the body; what comes after is not read.
        insecure: the receiver's certificate is not verified.
        secret: the rest of the URL is told nowhere either, save for its host.
        secrets: what else is told nowhere.
        headers: of the request.
        options: as of `httpx.AsyncClient.stream`.

    Raises:
        NotReached: refused, timed out, cut off, forbidden, or never sent.
    """
    hidden = (*secrets, *credentials_of(url), *(words_of(url) if secret else ()))
    where = "" if secret else f"{shown(url)}: "
    try:
        sent = httpx.Headers(headers)
        sent["Accept-Encoding"] = "identity"  # no answer is unpacked: a small one may hold anything
        fixed: dict[str, Any] = {"timeout": seconds, "follow_redirects": False, "extensions": _guards(http, url)}
        async with (
            asyncio.timeout(seconds),
            _client(http.client, insecure=insecure) as client,
            client.stream(method, url, headers=sent, **fixed, **options) as answer,
        ):
            body, whole = await _read(answer, limit_bytes)
            return Reply(answer.status_code, answer.reason_phrase, answer.headers, body, whole, hidden)
    except TimeoutError as error:
        raise NotReached(f"{where}no answer within {seconds:g} s") from error
    except (httpx.LocalProtocolError, UnicodeError):  # its text may quote a header that is secret
        raise NotReached(f"{where}a header holds characters that cannot be sent") from None
    except httpx.InvalidURL:  # its text quotes a part of it, which may be a password's
        raise NotReached("not a URL that can be called, such as http://gate.test/check") from None
    except ForbiddenAddress as error:
        raise NotReached(f"{where}{error}") from error
    except httpx.RequestError as error:
        raise NotReached(redacted(f"{where}{error!r}", hidden)) from error


def _guards(http: Http, url: str) -> dict[str, Any]:
    """HTTPX's extensions that keep a request from addresses nobody may call; raises ForbiddenAddress."""
    if http.allow_metadata:
        return {}
    refuse([httpx.URL(url).host])  # a proxy would connect to it unseen
    return {"trace": watch_connections}


@asynccontextmanager
async def _client(http: httpx.AsyncClient, *, insecure: bool) -> AsyncIterator[httpx.AsyncClient]:
    if not insecure:
        yield http
        return
    async with httpx.AsyncClient(verify=False) as trusting:  # noqa: S501 - the spec asks for it
        yield trusting


async def _read(answer: httpx.Response, limit_bytes: int) -> tuple[bytes, bool]:
    answer.headers.pop("Content-Encoding", None)  # what comes packed all the same stays so
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > limit_bytes:
            return bytes(body[:limit_bytes]), False
    return bytes(body), True
