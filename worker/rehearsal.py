"""What the worker would do with the objects of some files, found out by its own code; nothing leaves the process."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import httpx

from activities.bench import Bench, Defaults
from activities.http import Http
from k8s import resources
from k8s.client import APPLY, MERGE, Cluster, Json, Query
from k8s.errors import NotFound
from k8s.informer_factory import InformerFactory
from k8s.resources import Resource

KNOWN = {(each.api_version, each.kind): each for each in vars(resources).values() if isinstance(each, Resource)}


class Rehearsal(Cluster):
    """A cluster that holds nothing but these objects; `created` is what was made beyond them, in order."""

    def __init__(self, objects: Iterable[Json]) -> None:
        self._objects = {path: stored(obj) for obj in objects if (path := path_of(obj))}
        self.created: list[Json] = []

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Query = (), content_type: str | None = None
    ) -> Json:
        del query
        if method == "POST" or content_type == APPLY:
            self.created.append(body)
            self._objects[path_of(body)] = stored(body)
            return dict(body)
        if path not in self._objects:
            kind, name = path.rsplit("/", 2)[1:]
            raise NotFound(f"{kind}/{name} is in none of the files", status=404)
        if content_type == MERGE:
            self._objects[path] = merged(self._objects[path], body)
        return dict(self._objects[path])


def stored(obj: Json) -> Json:
    """As the API server would hand it out: with an identity and a version."""
    return {**obj, "metadata": {"uid": "", "resourceVersion": "1", **obj["metadata"]}}


def merged(value: Json, patch: Json) -> Json:
    """RFC 7396."""
    kept = {key: below for key, below in value.items() if key not in patch}
    return kept | {
        key: merged(value.get(key) or {}, below) if isinstance(below, dict) else below
        for key, below in patch.items()
        if below is not None
    }


def rehearsing(defaults: Defaults, objects: Iterable[Json] = ()) -> tuple[Bench, Rehearsal]:
    """A bench for the worker's own code, and the cluster that it works on."""
    cluster = Rehearsal(deepcopy(list(objects)))
    nowhere = Http(httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(503))))
    return Bench(cluster, InformerFactory(cluster, None), nowhere, defaults), cluster


def path_of(obj: Json) -> str:
    """Where it lives; empty for a kind that Serinus never asks for."""
    resource = KNOWN.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    metadata = obj.get("metadata")
    if resource is None or not isinstance(metadata, dict):
        return ""
    return resource.path(str(metadata.get("namespace") or "default"), str(metadata.get("name")))
