"""Secrets that are recognised wherever they turn up, and somebody who tries to make them turn up."""

import base64
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

MARK = "pl4nted"
"""Every planted secret begins with it."""


def planted(where: str) -> str:
    """A secret that tells where it was put; some of its letters are written otherwise in URLs."""
    return f"{MARK}/{where}+"


def traces(text: str) -> list[str]:
    """Where the text shows a planted secret, plainly or as it is encoded on its way."""
    # Three alignments, since a secret may stand anywhere in what is encoded.
    encoded = [base64.b64encode(("-" * shift + MARK).encode()).decode()[4 if shift else 0 : -4] for shift in range(3)]
    return [text[max(0, at - 60) : at + 60] for form in (MARK, *encoded) if (at := text.find(form)) >= 0]


@dataclass
class Echo:
    """Whoever is asked: refuses, and sends back all that it was sent."""

    status: int = 401
    host: str = ""
    """With port."""

    def url(self, path: str = "") -> str:
        """With a user, a password and a query that are secret."""
        secret = quote(planted("url"), safe="")
        return f"http://{secret}:{secret}@{self.host}{path}?token={secret}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """In the head and in the body."""
        body = (await request.read()).decode(errors="replace")
        said = "\n".join([request.raw_path, *(f"{name}: {value}" for name, value in request.headers.items()), body])
        return web.Response(status=self.status, text=said, headers={"X-Echo": request.raw_path})

    async def serve(self) -> web.ServerRunner:
        """From now on, until the answer is cleaned up."""
        runner = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{runner.addresses[0][1]}"
        return runner
