"""Tell an event webhook of the Canary's events, one POST each."""

from functools import partial
from typing import Any

from temporalio import activity

from activities.alerts.routing import WORKERS_HOOK
from activities.bench import Bench, Subject
from activities.delivery import TIMEOUT_SECONDS, Undelivered, in_order, post, require
from activities.hooks import EXCERPT, payload_of
from k8s.models.webhook import Webhook
from workflows.effects import Activity, Happening, Publication
from workflows.observation import CanaryRef, Revision

NO_REVISION = Revision(template="")
LONGEST_TIMEOUT_SECONDS = 60.0


class Publish:
    """Sends again only what was not taken."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @activity.defn(name=Activity.PUBLISH)
    async def publish(self, order: Publication) -> None:
        """Tell one webhook all that waits for it, in order."""
        subject = await self._bench.load(order.canary)
        await in_order(order.happenings, partial(self._send, subject, order))

    async def _send(self, subject: Subject, order: Publication, happening: Happening) -> None:
        hook = self._hook(subject, order.hook)
        reply = await post(
            self._bench.http,
            hook.url,
            seconds=timeout_seconds(hook),
            insecure=hook.disable_tls,
            json=event_payload(order.canary, happening, hook),
        )
        require(reply, reply.refusal(EXCERPT))

    def _hook(self, subject: Subject, name: str) -> Webhook:
        """As the spec describes it now; raises Undelivered when it was removed."""
        own = subject.canary.hooks("event")
        for hook in own:
            if hook.name == name:
                return hook
        url = self._bench.defaults.event_webhook
        if own or not url or name != WORKERS_HOOK:
            raise Undelivered("the webhook is no longer in spec.analysis.webhooks", passing=False)
        return Webhook(name=WORKERS_HOOK, url=url)


def timeout_seconds(hook: Webhook) -> float:
    """Of one attempt: the hook's own, a minute at most."""
    return min(hook.timeout.total_seconds() if hook.timeout else TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS)


def event_payload(canary: CanaryRef, happening: Happening, hook: Webhook) -> dict[str, Any]:
    """A webhook's body; its metadata begins with the event, which the hook's own cannot hide."""
    event = {
        "eventMessage": happening.text,
        "eventType": "Warning" if happening.warning else "Normal",
        "timestamp": str(round(happening.at.timestamp() * 1000)),
    }
    told = hook.model_copy(update={"metadata": {**event, **hook.metadata, **event}})
    return payload_of(canary, happening.phase, happening.revision or NO_REVISION, told)
