"""Shared watches: one list-and-watch a kind, a cache beside it, and awaiting a condition on what it holds.

The operator listens to them and the waiting activities await on them, so an idle canary costs no request. A cache
never decides a write: whoever writes reads the object first.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

import aiohttp
import structlog

from k8s.client import NETWORK_ERRORS, Cluster, Json, Query
from k8s.errors import ClusterError, NotFound, Unavailable, from_answer

log = structlog.get_logger(__name__)

Key = tuple[str, str]
Listener = Callable[[str, Json], None]

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"
METADATA = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500
ABSENT_KIND_RETRY_SECONDS = 5.0
# Bookmarks arrive about once a minute: a longer silence is a dead connection.
SILENCE_SECONDS = 90.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.2, 5.0


def key_of(obj: Json) -> Key:
    """Namespace ("" for cluster-scoped kinds) and name."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Informer:
    """A cache of one collection, kept by a watch. Use as an async context manager; it then runs until it is left."""

    def __init__(self, cluster: Cluster, path: str, *, metadata_only: bool = False) -> None:
        self.path = path
        self._cluster = cluster
        self._metadata_only = metadata_only
        self._cache: dict[Key, Json] = {}
        self._listeners: list[Listener] = []
        self._synced = asyncio.Event()
        self._waiters: dict[Key, asyncio.Event] = {}
        self._version: str | None = None
        self._delay = FIRST_RETRY_SECONDS
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def start(self) -> None:
        """Begin to watch, as entering does."""
        self._task = asyncio.create_task(self._run(), name=f"informer {self.path}")

    async def synced(self) -> None:
        """Return once the cache has held the whole collection (an absent kind counts as an empty one)."""
        await self._synced.wait()

    @property
    def is_synced(self) -> bool:
        """Whether `synced` would return at once."""
        return self._synced.is_set()

    def get(self, namespace: str, name: str) -> Json | None:
        """The object as last seen. Not to be changed by the caller."""
        return self._cache.get((namespace, name))

    def list(self, namespace: str | None = None) -> list[Json]:
        """All objects as last seen, or those of one namespace."""
        return [obj for (ns, _), obj in self._cache.items() if namespace in (None, ns)]

    def on_change(self, listener: Listener) -> None:
        """Call `listener(type, object)` on every change; it must be quick and must not block."""
        self._listeners.append(listener)

    async def changed(self, namespace: str, name: str) -> None:
        """Return at the next change of one object."""
        await self._waiters.setdefault((namespace, name), asyncio.Event()).wait()

    # -- the watch ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                if self._version is None:
                    await self._relist()
                await self._watch()
            except NotFound:
                self._keep_only(set())
                self._version = None
                await asyncio.sleep(ABSENT_KIND_RETRY_SECONDS)
            except (ClusterError, *NETWORK_ERRORS, ValueError, KeyError, TypeError) as error:
                if getattr(error, "status", 0) == 410 and self._version:  # Gone: our version is too old
                    self._version = None
                    continue
                log.warning("watch_interrupted", path=self.path, error=str(error) or type(error).__name__)
                await asyncio.sleep(self._delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                self._delay = min(self._delay * 2, LAST_RETRY_SECONDS)

    async def _relist(self) -> None:
        seen: set[Key] = set()
        proceed: str | None = None
        while True:
            query = [("limit", PAGE)] + ([("continue", proceed)] if proceed else [])
            page = await self._read_page(query)
            for obj in page["items"] or ():  # null when metadata alone is listed and there is none
                self._put(obj)
                seen.add(key_of(obj))
            proceed = page["metadata"].get("continue")
            if not proceed:
                break
        self._version = page["metadata"]["resourceVersion"]
        self._keep_only(seen)

    async def _read_page(self, query: Query) -> Json:
        answer = await self._cluster.request(
            "GET", self.path, query=query, accept="application/json" + (METADATA_LIST if self._metadata_only else "")
        )
        text = (await answer.read()).decode()
        if answer.status != 200:
            raise from_answer(answer.status, text)
        return dict(json.loads(text))

    async def _watch(self) -> None:
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", random.randint(240, 290)),  # noqa: S311 - spreads the reconnects
            ("resourceVersion", self._version),
        ]
        answer = await self._cluster.request(
            "GET",
            self.path,
            query=query,
            accept="application/json" + (METADATA if self._metadata_only else ""),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_SECONDS),
        )
        if answer.status != 200:
            raise from_answer(answer.status, (await answer.read()).decode())
        said = False
        try:
            async for line in answer.response.content:
                self._take(json.loads(line))
                said = True
        finally:
            answer.response.close()
        if not said:  # something in between ends our watches: it must not be asked without a pause
            raise Unavailable("the watch ended without a word")

    def _take(self, event: Json) -> None:
        obj = event["object"]
        if event["type"] == "ERROR":  # errors of a watch arrive inside a 200
            raise Unavailable(str(obj.get("message")), status=int(obj.get("code") or 0))
        if event["type"] == DELETED:
            self._drop(key_of(obj), obj)
        elif event["type"] != "BOOKMARK":
            self._put(obj)
        self._version = obj["metadata"]["resourceVersion"]
        self._delay = FIRST_RETRY_SECONDS  # not before: a server may take a watch and drop it at once, for ever

    def _put(self, obj: Json) -> None:
        metadata = obj["metadata"]
        metadata.pop("managedFields", None)  # half the bytes, and nobody here reads them
        known = self._cache.get(key_of(obj))
        if known and known["metadata"]["uid"] != metadata["uid"]:
            self._drop(key_of(known), known)  # deleted and made again while the watch was away
            known = None
        if known and known["metadata"]["resourceVersion"] == metadata["resourceVersion"]:
            return
        self._cache[key_of(obj)] = obj
        self._tell(MODIFIED if known else ADDED, obj)

    def _drop(self, key: Key, obj: Json) -> None:
        if self._cache.pop(key, None) is not None:
            self._tell(DELETED, obj)

    def _keep_only(self, seen: set[Key]) -> None:
        for key in [key for key in self._cache if key not in seen]:
            self._drop(key, self._cache[key])
        self._synced.set()

    def _tell(self, change: str, obj: Json) -> None:
        if waiter := self._waiters.pop(key_of(obj), None):
            waiter.set()
        for listener in self._listeners:
            try:
                listener(change, obj)
            except Exception:
                log.exception("listener_failed", path=self.path, change=change, object=key_of(obj))

    def __iter__(self) -> Iterator[Json]:
        return iter(self._cache.values())
