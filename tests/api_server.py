"""A small API server on loopback: objects with versions, lists, watches, merge patches and conflicts.

Enough of the protocol to ask the client, the informers and the activities for their behaviour when things go wrong,
which a real API server will not do on request. What a healthy one does is asked of the real one, in `integration`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

Json = dict[str, Any]
Intercept = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
clusters: [{{name: test, cluster: {{server: "{server}"}}}}]
users: [{{name: test, user: {{token: t0ken}}}}]
"""


class Where(NamedTuple):
    """What a URL path names; an empty namespace or name is none."""

    root: str
    namespace: str
    plural: str
    name: str = ""
    subresource: str = ""

    @classmethod
    def of(cls, path: str) -> "Where":
        """Read a path such as /apis/apps/v1/namespaces/test/deployments/podinfo/status."""
        parts = path.strip("/").split("/")
        count = 2 if parts[0] == "api" else 3
        root, rest = "/".join(parts[:count]), parts[count:]
        namespace = ""
        if rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        return cls(root, namespace, *rest)

    def holds(self, other: "Where") -> bool:
        """Whether `other` belongs to this collection."""
        return (self.root, self.plural) == (other.root, other.plural) and self.namespace in ("", other.namespace)


class ApiServer:
    """Objects by path; `intercepts` may answer a request before it does."""

    def __init__(self) -> None:
        self.objects: dict[Where, Json] = {}
        self.events: list[tuple[int, str, Where, Json]] = []
        self.requests: list[tuple[str, str]] = []
        self.watches: list[str] = []
        """The resourceVersion that each watch began with."""
        self._watching: list[asyncio.Transport] = []
        self.intercepts: list[Intercept] = []
        self.version, self.oldest = 100, 0
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._applied: dict[Where, Json] = {}
        """What server-side apply was last given: what is not given again goes."""
        self.server = TestServer(app)

    # -- for tests ------------------------------------------------------------------------------------------------

    def kubeconfig(self, folder: Path) -> Path:
        """A file that leads here."""
        file = folder / "kubeconfig"
        file.write_text(KUBECONFIG.format(server=str(self.server.make_url("")).rstrip("/")))
        return file

    async def put(self, path: str, obj: Json) -> Json:
        """Create or replace, as somebody else would."""
        where, known = Where.of(path), self.objects.get(Where.of(path))
        stored = deepcopy(obj)
        metadata = stored.setdefault("metadata", {})
        metadata |= {"name": where.name, "namespace": where.namespace}
        metadata.setdefault("uid", known["metadata"]["uid"] if known else f"uid-{self.version + 1}")
        moved = known is None or known.get("spec") != stored.get("spec")
        metadata["generation"] = (known["metadata"]["generation"] if known else 0) + moved
        return await self._store(where, stored, "MODIFIED" if known else "ADDED")

    async def remove(self, path: str) -> None:
        """Delete."""
        where = Where.of(path)
        await self._record("DELETED", where, self.objects.pop(where))

    def read(self, path: str) -> Json | None:
        """The object as it is now."""
        return self.objects.get(Where.of(path))

    async def bookmark(self, collection: str) -> str:
        """Tell the watches of a collection how far they are; returns the version."""
        where = Where.of(collection)
        self.version += 1
        bookmark = {"metadata": {"resourceVersion": str(self.version)}}
        await self._tell(self.version, "BOOKMARK", where._replace(name="*"), bookmark)
        return str(self.version)

    def compact(self) -> None:
        """Forget the events: watches from before are too old."""
        self.oldest = self.version

    async def cut(self) -> None:
        """Reset the connections of all watches, once there is one."""
        await self._until(lambda: bool(self._watching))
        self.end()

    def end(self) -> None:
        """Reset the connections of all watches."""
        while self._watching:
            self._watching.pop().abort()

    async def begun(self, watches: int) -> None:
        """Return once that many watches began."""
        await self._until(lambda: len(self.watches) >= watches)

    def asked(self, method: str) -> list[str]:
        """Paths that were asked with that method."""
        return [path for asked, path in self.requests if asked == method]

    # -- the protocol ---------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        for intercept in self.intercepts:
            if answer := await intercept(request):
                return answer
        where = Where.of(request.path)
        if request.method == "POST":
            return await self._create(where, await request.json())
        if not where.name:
            return await (self._watch(request, where) if request.query.get("watch") else self._list(request, where))
        return await self._object(request, where)

    async def _create(self, where: Where, obj: Json) -> web.Response:
        named = where._replace(name=obj["metadata"]["name"])
        if named in self.objects:
            return status(409, f'{where.plural} "{named.name}" already exists')
        obj["metadata"] |= {"uid": f"uid-{self.version + 1}", "generation": 1}
        return web.json_response(await self._store(named, obj, "ADDED"), status=201)

    async def _object(self, request: web.Request, where: Where) -> web.Response:
        plain = where._replace(subresource="")
        known = self.objects.get(plain)
        if request.method == "PATCH" and "apply" in request.content_type and known is None:
            self._applied[plain] = await request.json()
            return await self._create(plain._replace(name=""), deepcopy(self._applied[plain]))
        if known is None:
            return status(404, f'{where.plural} "{where.name}" not found')
        if request.method == "GET":
            return web.json_response(known)
        if request.method == "DELETE":
            await self._record("DELETED", plain, self.objects.pop(plain))
            return web.json_response({"kind": "Status", "status": "Success"})
        return await self._change(request, where, known)

    async def _change(self, request: web.Request, where: Where, known: Json) -> web.Response:
        sent = await request.json()
        version = sent.get("metadata", {}).get("resourceVersion")
        if version not in (None, known["metadata"]["resourceVersion"]):
            return status(409, "the object has been modified; please apply your changes to the latest version")
        if "apply" in request.content_type:
            before, self._applied[where] = self._applied.get(where, {}), sent
            changed = merged(without(known, before, sent), sent)
            if changed == known:
                return web.json_response(known)
        else:
            changed = merged(known, sent) if request.method == "PATCH" else sent
        if where.subresource:
            changed = {**known, "status": changed.get("status")}
        elif "status" in known:
            changed = {**changed, "status": known["status"]}
        changed["metadata"] = {**changed["metadata"], "generation": known["metadata"]["generation"]}
        if changed.get("spec") != known.get("spec"):
            changed["metadata"]["generation"] += 1
        return web.json_response(await self._store(where._replace(subresource=""), changed, "MODIFIED"))

    async def _list(self, request: web.Request, where: Where) -> web.Response:
        slim = "PartialObjectMetadata" in request.headers["Accept"]
        found = [shown(obj, slim=slim) for key, obj in self.objects.items() if where.holds(key)]
        start, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 500))
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        items = found[start : start + limit] or (None if slim else [])
        return web.json_response({"metadata": {"resourceVersion": str(self.version), **more}, "items": items})

    async def _watch(self, request: web.Request, where: Where) -> web.StreamResponse:
        self.watches.append(request.query["resourceVersion"])
        slim = "PartialObjectMetadata" in request.headers["Accept"]
        seen, answer = int(request.query["resourceVersion"]), web.StreamResponse()
        await answer.prepare(request)
        if request.transport:
            self._watching.append(request.transport)
        async with self._changed:
            self._changed.notify_all()
        while seen >= self.oldest:
            for version, kind, key, obj in [event for event in self.events if event[0] > seen]:
                if where.holds(key):
                    event = {"type": kind, "object": shown(obj, slim=slim)}
                    await answer.write(json.dumps(event).encode() + b"\n")
                seen = version
            await self._until(partial(self._is_behind, seen))
        gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
        await answer.write(json.dumps(gone).encode() + b"\n")
        return answer

    def _is_behind(self, seen: int) -> bool:
        return self.version > seen or seen < self.oldest

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed, asyncio.timeout(20):
            await self._changed.wait_for(holds)

    async def _store(self, where: Where, obj: Json, change: str) -> Json:
        self.objects[where] = obj
        return await self._record(change, where, obj)

    async def _record(self, change: str, where: Where, obj: Json) -> Json:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        await self._tell(self.version, change, where, obj)
        return obj

    async def _tell(self, version: int, change: str, where: Where, obj: Json) -> None:
        self.events.append((version, change, where, deepcopy(obj)))
        async with self._changed:
            self._changed.notify_all()


def status(code: int, message: str) -> web.Response:
    """A refusal as the API server writes it."""
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def without(obj: Any, before: Any, now: Any) -> Any:
    """The object without the fields that were applied before and are not now."""
    if not all(isinstance(each, dict) for each in (obj, before, now)):
        return obj
    return {
        key: without(value, before.get(key), now.get(key))
        for key, value in obj.items()
        if key not in before or key in now
    }


def shown(obj: Json, *, slim: bool) -> Json:
    """The object, or its metadata alone."""
    return {"kind": "PartialObjectMetadata", "metadata": obj["metadata"]} if slim else obj
