"""Call the Canary's webhooks: `POST` with what is being released, and the answer taken at its word."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
from temporalio import activity
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
)

from activities.bench import Bench
from activities.heartbeat import heartbeating
from k8s.models.webhook import Webhook
from workflows.effects import Activity, HookAnswer, HookCall
from workflows.observation import CanaryRef, Phase, Revision

DEFAULT_TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0
BODY_LIMIT = 300
REMOVED = HookAnswer(refusal="the webhook is no longer in spec.analysis.webhooks", reached=False)


class CallHook:
    """One hook, once; whether to ask again later is the workflow's decision."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.CALL_HOOK)
    async def call_hook(self, call: HookCall) -> HookAnswer:
        """Ask the hook of that type and name, as the spec describes it now."""
        subject = await self._bench.load(call.canary)
        hooks = [hook for hook in subject.canary.hooks(call.type) if hook.name == call.name]
        if not hooks:
            return REMOVED
        async with heartbeating():
            return await ask(self._bench.http, hooks[0], payload_of(call.canary, call.phase, call.revision, hooks[0]))


async def ask(http: httpx.AsyncClient, hook: Webhook, payload: dict[str, Any]) -> HookAnswer:
    """Any 2xx agrees; anything else refuses, with the status and the first bytes of what the receiver said."""
    try:
        answer: httpx.Response = await retrying(1 + (hook.retries or 0))(_post, http, hook, payload)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return HookAnswer(refusal=f"{hook.url}: {error!r}", reached=False)
    if answer.is_success:
        return HookAnswer()
    return HookAnswer(
        refusal=f"{answer.status_code} {answer.text.strip()[:BODY_LIMIT] or answer.reason_phrase}".strip()
    )


def retrying(attempts: int) -> AsyncRetrying:
    """Attempts 1, 2, 4 … seconds apart, at most 30; the last answer or error stands."""
    return AsyncRetrying(
        retry=retry_if_exception_type(httpx.TransportError) | retry_if_result(is_busy),
        stop=stop_after_attempt(attempts),
        wait=wait_exponential(multiplier=FIRST_RETRY_SECONDS, max=LAST_RETRY_SECONDS),
        retry_error_callback=last_outcome,
    )


def last_outcome(state: RetryCallState) -> Any:
    """What the last attempt gave, raised or returned."""
    return state.outcome.result() if state.outcome else None


async def _post(http: httpx.AsyncClient, hook: Webhook, payload: dict[str, Any]) -> httpx.Response:
    seconds = hook.timeout.total_seconds() if hook.timeout else DEFAULT_TIMEOUT_SECONDS
    try:
        async with asyncio.timeout(seconds):  # of the whole exchange; httpx's own bounds each read
            if not hook.disable_tls:
                return await http.post(hook.url, json=payload, timeout=seconds)
            async with httpx.AsyncClient(verify=False) as trusting:  # noqa: S501 - the hook's disableTLS asks for it
                return await trusting.post(hook.url, json=payload, timeout=seconds)
    except TimeoutError as error:
        raise httpx.ReadTimeout(f"no answer within {seconds:g} s") from error


def is_busy(answer: httpx.Response) -> bool:
    """Statuses worth another attempt: 429, and 5xx except 501."""
    return answer.status_code == 429 or (answer.is_server_error and answer.status_code != 501)


def payload_of(ref: CanaryRef, phase: Phase, revision: Revision, hook: Webhook) -> dict[str, Any]:
    """The body, its keys in the documented order; `metadata` only when the hook has any."""
    payload: dict[str, Any] = {
        "name": ref.name,
        "namespace": ref.namespace,
        "phase": phase.value,
        "checksum": checksum(revision),
    }
    return payload | ({"metadata": dict(hook.metadata)} if hook.metadata else {})


def checksum(revision: Revision) -> str:
    """Opaque, and the same for one revision and its config."""
    text = json.dumps({"trackedConfigs": revision.configs, "lastAppliedSpec": revision.template}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
