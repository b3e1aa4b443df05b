"""`/healthz`, `/readyz` and `/metrics`, over HTTP."""

import socket

import httpx
import pytest

from worker.health import health_app, serving_health
from worker.serving import CannotListen


async def exported() -> bytes:
    """One series."""
    return b"up 1\n"


async def asked(path: str, *, ready: bool) -> tuple[int, str]:
    """What a kubelet gets."""
    transport = httpx.ASGITransport(health_app(lambda: ready, exported))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        answer = await http.get(path)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("path", "ready", "answer"),
    [
        ("/healthz", True, (200, "OK")),
        ("/healthz", False, (200, "OK")),
        ("/readyz", True, (200, "OK")),
        ("/readyz", False, (503, "starting")),
        ("/metrics", False, (200, "up 1\n")),
    ],
)
async def test_pages(path: str, answer: tuple[int, str], *, ready: bool) -> None:
    """Alive and measured at once; ready once the watches hold the cluster."""
    assert await asked(path, ready=ready) == answer


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_serving() -> None:
    """Readiness changes while it is served, and the port is free again afterwards."""
    port, ready = free_port(), False
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        async with serving_health("127.0.0.1", port, lambda: ready, exported):
            assert (await http.get("/readyz")).status_code == 503
            ready = True
            assert (await http.get("/readyz")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await http.get("/healthz")


async def test_taken_port() -> None:
    """The text names the address and the settings that choose another, and the process goes on to say so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotListen) as refusal:
            async with serving_health("127.0.0.1", port, lambda: True, exported):
                pytest.fail("listens twice")
    assert str(refusal.value) == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another address with SERINUS_HOST and SERINUS_PORT"
    )
