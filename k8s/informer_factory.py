"""Shared watches of the kinds that Canaries target: each begins when the first one asks for it."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from k8s.client import Cluster, Json
from k8s.informers import Informer
from k8s.resources import Resource

KindListener = Callable[[Resource, str, Json], None]


class InformerFactory:
    """One informer a kind, of one namespace or of all. Use as a context manager; inside of it they watch.

    A kind that nobody targets is not watched, and one that the API server does not serve counts as empty until it does.
    """

    def __init__(self, cluster: Cluster, namespace: str | None = None) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._informers: dict[Resource, Informer] = {}
        self._listeners: list[KindListener] = []
        self._running: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        self._running = AsyncExitStack()
        for informer in self._informers.values():
            self._start(informer)
        return self

    async def __aexit__(self, *_: object) -> None:
        running, self._running = self._running, None
        if running:
            await running.aclose()

    def of(self, resource: Resource) -> Informer:
        """The informer of a kind."""
        if resource not in self._informers:
            informer = Informer(self._cluster, resource.path(self._namespace))
            informer.on_change(partial(self._tell, resource))
            self._informers[resource] = informer
            self._start(informer)
        return self._informers[resource]

    def on_change(self, listener: KindListener) -> None:
        """Call `listener(kind, type, object)` on every change; it must be quick and must not block."""
        self._listeners.append(listener)

    async def synced(self, *, within_seconds: float) -> None:
        """Return once every cache holds its collection, or when the time is over.

        A kind that may not be read must not hold up the others for ever.
        """
        waits = [asyncio.ensure_future(informer.synced()) for informer in self._informers.values()]
        if waits:
            _, late = await asyncio.wait(waits, timeout=within_seconds)
            for wait in late:
                wait.cancel()

    def _start(self, informer: Informer) -> None:
        if self._running:
            informer.start()
            self._running.push_async_exit(informer)

    def _tell(self, resource: Resource, change: str, obj: Json) -> None:
        for listener in self._listeners:
            listener(resource, change, obj)
