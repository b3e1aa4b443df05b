"""Call the Canary's webhooks: `POST` with what is being released, and the answer taken at its word."""

import hashlib
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

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
from activities.http import Http, NotReached, Reply, exchange
from k8s.models.webhook import Webhook
from workflows.effects import Activity, HookAnswer, HookCall
from workflows.observation import CanaryRef, Phase, Revision

DEFAULT_TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0
LONGEST_RETRY_AFTER_SECONDS = 300.0
"""A receiver may ask for patience, not hold a rollout for a day."""
BODY_LIMIT_BYTES, EXCERPT = 4096, 300
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


async def ask(http: Http, hook: Webhook, payload: dict[str, Any]) -> HookAnswer:
    """Any 2xx agrees; anything else refuses, with the status and the first bytes of what the receiver said."""
    try:
        answer: Reply = await retrying(1 + (hook.retries or 0))(_post, http, hook, payload)
    except NotReached as error:
        return HookAnswer(refusal=str(error), reached=False)
    return HookAnswer(refusal=answer.refusal(EXCERPT))


def retrying(attempts: int) -> AsyncRetrying:
    """Attempts with pauses between them; the last answer or error stands."""
    return AsyncRetrying(
        retry=retry_if_exception_type(NotReached) | retry_if_result(is_busy),
        stop=stop_after_attempt(attempts),
        wait=pause_seconds,
        retry_error_callback=last_outcome,
    )


def pause_seconds(state: RetryCallState) -> float:
    """As long as a busy receiver asks for, five minutes at most; else 1, 2, 4 … seconds, at most 30."""
    answer = None if state.outcome is None or state.outcome.failed else state.outcome.result()
    asked = retry_after_seconds(answer) if answer else None
    if asked is not None:
        return min(asked, LONGEST_RETRY_AFTER_SECONDS)
    return wait_exponential(multiplier=FIRST_RETRY_SECONDS, max=LAST_RETRY_SECONDS)(state)


def retry_after_seconds(answer: Reply) -> float | None:
    """The Retry-After of a 429 or 503, written in seconds or as a date; None when there is none to honour."""
    text = answer.headers.get("Retry-After", "").strip()
    if answer.status not in {429, 503} or not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def last_outcome(state: RetryCallState) -> Any:
    """What the last attempt gave, raised or returned."""
    return state.outcome.result() if state.outcome else None


async def _post(http: Http, hook: Webhook, payload: dict[str, Any]) -> Reply:
    return await exchange(
        http,
        "POST",
        hook.url,
        seconds=hook.timeout.total_seconds() if hook.timeout else DEFAULT_TIMEOUT_SECONDS,
        limit_bytes=BODY_LIMIT_BYTES,
        insecure=hook.disable_tls,
        json=payload,
    )


def is_busy(answer: Reply) -> bool:
    """Statuses worth another attempt: 429, and 5xx except 501."""
    return answer.status == 429 or (answer.status >= 500 and answer.status != 501)


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
