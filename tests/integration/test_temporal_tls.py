"""A Temporal that speaks TLS alone, and wants a client certificate or an API key: worker and commands reach it.

The stage's own Temporal, behind a relay that ends TLS as a frontend does. What is said of a handshake that fails is
tested without Temporal, by tests/worker/test_unreached.py.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from playground.ports import LOOPBACK, free_ports
from playground.probes import answers
from playground.process import NotReady
from playground.stage import Actor, Stage
from tests.authority import Authority, Pair
from tests.integration.cloud import Cloud
from tests.integration.programs import Ran, run, until_logged
from tests.integration.scenario import NAME, Scene, a_canary, unchecked
from tests.relay import Relay

pytestmark = pytest.mark.integration

NAMESPACE = "tls"
SERVER, CLIENT = "temporal.example", "worker"
KEY = "k3y"


def tls_of(server: Pair, *, clients: Authority | None = None) -> ssl.SSLContext:
    """Of a frontend with this certificate, which wants those of its clients to be of an authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server.certificate, server.key)
    tls.set_alpn_protocols(["h2"])
    if clients:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(clients.certificate)
    return tls


def trusting(authority: Authority, port: int) -> dict[str, str]:
    """What leads a client to a frontend at this port, whose certificate is of the authority."""
    return {
        "TEMPORAL_ADDRESS": f"{LOOPBACK}:{port}",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.certificate),
        "TEMPORAL_TLS_SERVER_NAME": SERVER,
    }


def showing(pair: Pair) -> dict[str, str]:
    """What makes a client show its certificate."""
    return {"TEMPORAL_TLS_CLIENT_CERT_PATH": str(pair.certificate), "TEMPORAL_TLS_CLIENT_KEY_PATH": str(pair.key)}


@dataclass(frozen=True)
class Frontend:
    """Where Temporal is to be reached: by mutual TLS alone."""

    authority: Authority
    server: Pair
    client: Pair
    port: int
    temporal_port: int

    @property
    def environment(self) -> dict[str, str]:
        """Of who is let in."""
        return trusting(self.authority, self.port) | showing(self.client)

    @asynccontextmanager
    async def open(self, clients: Authority) -> AsyncIterator[None]:
        """For clients whose certificates are of this authority."""
        tls = tls_of(self.server, clients=clients)
        async with Relay(self.temporal_port, tls=tls, listens_on=self.port).serving():
            yield


@pytest.fixture
def frontend(stage: Stage, tmp_path: Path) -> Frontend:
    """Certificates of one authority for both ends."""
    authority = Authority(tmp_path)
    (port,) = free_ports(1)
    return Frontend(authority, authority.issue(SERVER), authority.issue(CLIENT), port, stage.world.temporal.port)


@asynccontextmanager
async def a_worker(stage: Stage, environment: dict[str, str], health: str) -> AsyncIterator[Actor]:
    """In place of the stage's own; it has started once `health` answers."""
    settings = {"KUBECONFIG": str(stage.worker_kubeconfig), "SERINUS_SHUTDOWN_GRACE_SECONDS": "0"}
    worker = Actor("tls-worker", ["worker", "worker"], health, stage, settings=settings | environment)
    await stage.worker.stop()
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop()
        await stage.worker.start()


# -- mutual TLS -------------------------------------------------------------------------------------------------------


async def phase_of(scene: Scene, frontend: Frontend) -> str:
    """As a command shows it that reaches Temporal by mutual TLS."""
    ran = await run(scene.stage, "serinus", "status", NAME, "-o", "json", **frontend.environment)
    assert ran.code == 0, ran.err
    [row] = [row for row in ran.json if row["namespace"] == scene.namespace]
    return str(row["phase"])


async def test_releases_go_through_mutual_tls_before_and_after_a_renewal_of_the_certificate(
    stage: Stage, frontend: Frontend, tmp_path: Path
) -> None:
    """The new one is for commands at once, and for the worker when it is started anew; until then it waits and says so.

    The frontend no longer trusts the former one, which stands for its having expired.
    """
    async with AsyncExitStack() as stack:
        before = await stack.enter_async_context(AsyncExitStack())
        await before.enter_async_context(frontend.open(frontend.authority))
        worker = await stack.enter_async_context(a_worker(stage, frontend.environment, stage.worker_health))
        scene = await stack.enter_async_context(a_canary(stage, NAMESPACE, unchecked(NAMESPACE)))
        await scene.release("6.0.1")
        assert await scene.until_over() == "Succeeded"
        assert await phase_of(scene, frontend) == "Succeeded"

        await before.aclose()
        later = Authority(tmp_path, "later")
        await stack.enter_async_context(frontend.open(later))
        assert later.issue(CLIENT) == frontend.client
        assert await phase_of(scene, frontend) == "Succeeded"
        await scene.release("6.0.2")
        assert worker.process
        await until_logged(worker.process, '"temporal_not_reached"', f'"{NAMESPACE}"')
        assert scene.texts == []
        await worker.stop()
        await worker.start()
        await scene.until_event("Promotion completed!")
        assert await scene.until_over() == "Succeeded"


async def test_check_reaches_temporal_by_mutual_tls(stage: Stage, frontend: Frontend) -> None:
    """And finds there what it looks for."""
    async with frontend.open(frontend.authority):
        checked = await run(stage, "serinus", "check", **frontend.environment)
    assert (checked.code, checked.err) == (0, "")
    assert f"ok     Temporal: answers at {LOOPBACK}:{frontend.port}\n" in checked.out


async def test_commands_that_cannot_agree_with_temporal_name_the_variable(
    stage: Stage, frontend: Frontend, tmp_path: Path
) -> None:
    """And exit with 3; tests/worker/test_unreached.py has more ways to disagree."""
    stranger = Authority(tmp_path, "stranger")
    known = trusting(frontend.authority, frontend.port)
    cases = {
        "wants a client certificate": known,
        "refuses the client certificate": known | showing(stranger.issue("other")),
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": trusting(stranger, frontend.port),
        "TEMPORAL_TLS_SERVER_NAME": known | {"TEMPORAL_TLS_SERVER_NAME": "other.example"},
    }
    async with frontend.open(frontend.authority):
        for says, environment in cases.items():
            assert says in refusal_of(await run(stage, "serinus", "status", "-o", "json", **environment))


def refusal_of(ran: Ran) -> str:
    """The line in which a command says why it did not reach Temporal."""
    assert ran.code == 3, ran
    [told] = [line for line in (ran.err + ran.out).splitlines() if "Temporal does not answer" in line]
    return told


async def test_a_worker_that_is_refused_says_so_is_not_ready_and_ends_when_asked(
    stage: Stage, frontend: Frontend
) -> None:
    """It goes on trying, since the frontend may change its mind."""
    alive = stage.worker_health.replace("readyz", "healthz")
    async with frontend.open(frontend.authority):
        async with a_worker(stage, trusting(frontend.authority, frontend.port), alive) as worker:
            assert worker.process
            await until_logged(worker.process, '"temporal_not_reached"', "TEMPORAL_TLS_CLIENT_CERT_PATH")
            with pytest.raises(NotReady, match="503 starting"):
                await answers(stage.worker_health)
        assert "worker_stopped" in worker.process.log_path.read_text().splitlines()[-1]


# -- API key ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def cloud(stage: Stage, frontend: Frontend) -> AsyncIterator[Cloud]:
    """That wants the key."""
    async with Cloud(stage.world.temporal.port, tls=tls_of(frontend.server), key=KEY).serving() as serving:
        yield serving


@pytest.mark.parametrize("key", [KEY, f"{KEY}\n"], ids=["as it is", "as a file has it"])
async def test_the_api_key_and_the_namespace_go_with_the_requests(
    stage: Stage, frontend: Frontend, cloud: Cloud, key: str
) -> None:
    """Over TLS; what is not about a namespace names none."""
    checked = await run(stage, "serinus", "check", TEMPORAL_API_KEY=key, **trusting(frontend.authority, cloud.port))
    assert (checked.code, checked.err) == (0, ""), checked.out
    assert {request["authorization"] for request in cloud.requests} == {f"Bearer {KEY}"}
    namespaces = {request[":path"].split("/")[-1]: request.get("temporal-namespace") for request in cloud.requests}
    assert namespaces == {
        "GetSystemInfo": None,
        "DescribeNamespace": "default",
        "ListSearchAttributes": None,
        "DescribeTaskQueue": "default",
    }


@pytest.mark.parametrize(
    ("key", "says"),
    [("other", "it refuses the API key (Request unauthorized.); set TEMPORAL_API_KEY"), ("", "it wants to know who")],
    ids=["wrong", "none"],
)
async def test_another_api_key_is_refused(stage: Stage, frontend: Frontend, cloud: Cloud, key: str, says: str) -> None:
    """Which commands tell, and exit with 3."""
    environment = trusting(frontend.authority, cloud.port) | {"TEMPORAL_API_KEY": key}
    for words in (("status", "-o", "json"), ("check",)):
        assert says in refusal_of(await run(stage, "serinus", *words, **environment))
    assert cloud.requests == []
