"""Where a token is set, only who knows it is served."""

import httpx
import pytest

from activities.hooks import ask
from activities.http import Http
from k8s.models.webhook import Webhook
from tests.loadtester.calls import a_call, serving
from workflows.effects import HookAnswer

TOKEN = "the-secret:of-the-canaries"  # noqa: S105 - opens nothing


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer"}, id="empty bearer"),
        pytest.param({"Authorization": "Bearer the-secret"}, id="a part of it"),
        pytest.param({"Authorization": f"Token {TOKEN}"}, id="another scheme"),
        pytest.param({"Authorization": "Basic not-base64!"}, id="no base64"),
        pytest.param({"Authorization": "Basic /w=="}, id="no text"),
        pytest.param({"Authorization": "Bearer caf\u00e9".encode("latin-1")}, id="not ASCII"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/gate/open", "/gate/approve", "/rollback/check"])
async def test_without_the_token_nothing_is_done(path: str, headers: dict[str, str]) -> None:
    """401, and the way to write it."""
    async with serving(token=TOKEN) as client:
        answer = await client.post(path, json=a_call("true", type="bash"), headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "LOADTESTER_TOKEN" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_probes_and_scrapes_need_no_token(path: str) -> None:
    """The kubelet and Prometheus know none."""
    async with serving(token=TOKEN) as client:
        assert (await client.get(path)).status_code == 200


async def test_the_token_is_taken_as_a_bearer() -> None:
    """Whatever is in it."""
    async with serving(token=TOKEN) as client:
        answer = await client.post("/gate/open", json=a_call(""), headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 202


@pytest.mark.parametrize(("password", "status"), [("open-sesame", 202), ("wrong", 401)])
async def test_a_canarys_webhook_passes_it_in_its_url(password: str, status: int) -> None:
    """As a password, which whoever sends the request makes a header of."""
    async with serving(token="open-sesame") as client:  # noqa: S106 - opens nothing
        hook = Webhook(name="gate", url=f"http://canary:{password}@loadtester/gate/open")
        answer = await ask(Http(client), hook, a_call(""))
    assert answer == HookAnswer() if status == 202 else answer.refusal.startswith("401 Unauthorized")


async def test_a_password_in_a_url_is_not_told() -> None:
    """Events are read by more people than Canaries are."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await ask(
            Http(client), Webhook(name="gate", url="http://canary:hush@127.0.0.1:1/gate/open"), a_call("")
        )
    assert answer.refusal.startswith("http://127.0.0.1:1/gate/open: ")
    assert "hush" not in answer.refusal


async def test_tasks_do_not_see_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the load tester's own."""
    monkeypatch.setenv("LOADTESTER_TOKEN", TOKEN)
    async with serving() as client:
        call = a_call("echo ${LOADTESTER_TOKEN-unset}", type="bash", returnCmdOutput="true")
        answer = await client.post("/", json=call, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.text == "unset\n"
