"""The load tester's pod: hands each request to the real load tester, which is a process of its own."""

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HOP_BY_HOP = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-authorization", "content-encoding", "accept-encoding"}
)
"""Headers between two neighbours; lengths and encodings too, since httpx decodes bodies."""
# A command that a webhook starts may take long; its caller has a deadline of its own.
TIMEOUT = httpx.Timeout(600.0, connect=5.0)


class Forwarder:
    """An ASGI application that is somewhere else.

    Args:
        client: sends the requests; must not use a proxy from the environment, which would be this mesh.
        url: where they go; a path in it is prefixed.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url = client, url.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with the other's answer, or with 502 when there is none."""
        request = Request(scope, receive)
        try:
            response = await self._ask(request)
        except httpx.HTTPError as error:
            response = PlainTextResponse(f"the load tester at {self._url} does not answer: {error!r}\n", 502)
        await response(scope, receive, send)

    async def _ask(self, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        answer = await self._client.request(
            request.method,
            self._url + request.url.path + query,
            headers=[(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP],
            content=await request.body(),
            timeout=TIMEOUT,
        )
        kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return Response(answer.content, answer.status_code, kept)


async def _absent(scope: Scope, receive: Receive, send: Send) -> None:
    text = "this mesh was started without --loadtester URL, so nothing runs in the load tester's pod\n"
    await PlainTextResponse(text, 503)(scope, receive, send)


ABSENT: ASGIApp = _absent
