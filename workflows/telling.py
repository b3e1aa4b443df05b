"""Chats and event webhooks are told in the background, each in order; no rollout waits for them, or fails for them.

`Console` inherits from it. Nothing is scheduled for a canary that tells nobody.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from temporalio.exceptions import ActivityError
from temporalio.exceptions import TimeoutError as ActivityTimeout

from workflows import effects, wording
from workflows.effects import Alert, Alerts, Happening, Note, Publication
from workflows.observation import Receiver, Severity
from workflows.state import State

Item = TypeVar("Item")
Delivery = Coroutine[Any, Any, None]


class Outbox(Generic[Item]):
    """What waits for one receiver: everything that piled up goes out at once, and no two deliveries overlap."""

    def __init__(self, deliver: Callable[[tuple[Item, ...]], Delivery]) -> None:
        self._deliver = deliver
        self._waiting: list[Item] = []
        self._delivering: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Something is on its way."""
        return self._delivering is not None and not self._delivering.done()

    def put(self, item: Item) -> None:
        """Deliver it after what was put before; returns at once."""
        self._waiting.append(item)
        if not self.is_busy:
            self._delivering = asyncio.create_task(self._empty())

    async def _empty(self) -> None:
        while self._waiting:
            batch, self._waiting = tuple(self._waiting), []
            await self._deliver(batch)


class Telling:
    """An outbox for every receiver of the plan, made when there is something to put in."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._outboxes: dict[str, Outbox[Any]] = {}

    @property
    def is_telling(self) -> bool:
        """Somebody is being told, or could not be and that is not shown yet."""
        unshown = bool(self._outboxes and self.state.notes)
        return unshown or any(outbox.is_busy for outbox in self._outboxes.values())

    def say(self, text: str, *, warning: bool = False) -> None:
        """Note an event."""
        raise NotImplementedError

    def alert(
        self, text: str, severity: Severity, *, fields: bool = False, details: Mapping[str, str] | None = None
    ) -> None:
        """Tell the chats that want to know of this severity; returns at once.

        Args:
            text: without the canary's name, which every message carries.
            severity: what it is compared by with the severity that a chat asks for.
            fields: tell also what is released and how it is analysed.
            details: further fields, title to value, such as `Reason`.
        """
        alert = Alert(text=text, severity=severity, fields=fields, details=dict(details or {}))
        for receiver in self.state.plan.alerts if self.state.plan else ():
            if severity.reaches(receiver.severity):
                self._outbox(f"alert {receiver}", partial(self._alert, receiver)).put(alert)

    def publish(self, note: Note) -> None:
        """Tell the event webhooks of an event; returns at once."""
        state = self.state
        happening = Happening(
            text=note.text, at=note.at, warning=note.warning, phase=state.phase, revision=state.revision
        )
        for hook in state.plan.event_hooks if state.plan else ():
            self._outbox(f"event {hook}", partial(self._publish, hook)).put(happening)

    def _outbox(self, name: str, deliver: Callable[[tuple[Any, ...]], Delivery]) -> Outbox[Any]:
        return self._outboxes.setdefault(name, Outbox(deliver))

    async def _alert(self, receiver: Receiver, alerts: tuple[Alert, ...]) -> None:
        order = Alerts(canary=self.state.canary, receiver=receiver, alerts=alerts)
        await self._attempt(f"alert {receiver}", effects.alert(order), partial(wording.alert_failed, str(receiver)))

    async def _publish(self, hook: str, happenings: tuple[Happening, ...]) -> None:
        order = Publication(canary=self.state.canary, hook=hook, happenings=happenings)
        await self._attempt(f"event {hook}", effects.publish(order), partial(wording.event_webhook_failed, hook))

    async def _attempt(self, name: str, delivery: Delivery, sentence: Callable[[str], str]) -> None:
        """A receiver that cannot be told is complained of once, until it can again."""
        unreached = self.state.unreached
        try:
            await delivery
        except ActivityError as error:
            if name not in unreached:
                unreached.append(name)
                self.say(sentence(cause_of(error)), warning=True)
            return
        if name in unreached:
            unreached.remove(name)


def cause_of(error: ActivityError) -> str:
    """What the last attempt met; behind a time-out stands the error that was being retried."""
    cause: BaseException = error.cause or error
    while isinstance(cause, ActivityTimeout) and cause.cause:
        cause = cause.cause
    return getattr(cause, "message", "") or str(cause)
