"""Asks a server over HTTP whether it serves yet."""

import ssl

import httpx

from playground.process import NotReady

ANSWER_SECONDS = 5.0


async def answers(url: str, *, tls: ssl.SSLContext | None = None, token: str = "") -> None:
    """Return when a GET of the URL is answered with 200; proxies of the environment are not used.

    Raises:
        NotReady: it is not; the text says what came instead.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = httpx.AsyncClient(verify=tls or False, trust_env=False, timeout=ANSWER_SECONDS, headers=headers)
    async with client:
        try:
            answer = await client.get(url)
        except httpx.HTTPError as error:
            raise NotReady(f"{url}: {error!r}") from error
    if answer.status_code != 200:
        raise NotReady(f"{url}: {answer.status_code} {answer.text.strip()[:500]}")
