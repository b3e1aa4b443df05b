"""How Google's library asks for a token where a Secret says: on the way that all URLs of users are asked."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.auth.exceptions import TransportError
from google.auth.transport import Request

from activities.http import Http, NotReached, exchange
from activities.redaction import credentials_of

TIMEOUT_SECONDS = 5.0
LIMIT_BYTES = 64 * 1024
"""Of an answer that holds a token."""


@dataclass(frozen=True)
class Answer:
    """As Google's library reads one."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport(Request):
    """To be called from a thread, since Google's library waits for an answer.

    Args:
        http: how to reach it.
        loop: of the event loop that the thread was started from.
    """

    def __init__(self, http: Http, loop: asyncio.AbstractEventLoop) -> None:
        self._http, self._loop = http, loop

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Answer:
        """Ask once; raises TransportError."""
        asking = exchange(
            self._http,
            method,
            url,
            seconds=timeout or TIMEOUT_SECONDS,
            limit_bytes=LIMIT_BYTES,
            content=body,
            headers=dict(headers or {}),
            secrets=credentials_of(f"?{(body or b'').decode()}"),
        )
        try:
            reply = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        except NotReached as error:
            raise TransportError(str(error)) from error
        said = reply.body if reply.agrees else reply.excerpt(LIMIT_BYTES).encode()  # their errors quote it
        return Answer(reply.status, reply.headers, said)
