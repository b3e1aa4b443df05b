"""What the worker would do with the objects of some files, found out by its own code; nothing leaves the process."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import httpx

from activities.bench import Bench, Defaults
from k8s import resources
from k8s.client import Cluster, Json, Query
from k8s.errors import NotFound
from k8s.informer_factory import InformerFactory
from k8s.resources import Resource

KNOWN = {(each.api_version, each.kind): each for each in vars(resources).values() if isinstance(each, Resource)}


class Rehearsal(Cluster):
    """A cluster that holds nothing but these objects; `created` is what was asked for beyond them, in order."""

    def __init__(self, objects: Iterable[Json]) -> None:
        self._objects = {path: obj for obj in objects if (path := _path(obj))}
        self.created: list[Json] = []

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Query = (), content_type: str | None = None
    ) -> Json:
        del query, content_type
        if method == "GET":
            if path not in self._objects:
                raise NotFound(f"{path} is in none of the files", status=404)
            return self._objects[path]
        self.created.append(body)
        self._objects[_path(body)] = body
        return dict(body)


def rehearsing(defaults: Defaults, objects: Iterable[Json] = ()) -> tuple[Bench, Rehearsal]:
    """A bench for the worker's own code, and the cluster that it works on."""
    cluster = Rehearsal(deepcopy(list(objects)))
    nowhere = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    return Bench(cluster, InformerFactory(cluster, None), nowhere, defaults), cluster


def _path(obj: Json) -> str:
    """Where it lives; empty for a kind that Serinus never asks for."""
    resource = KNOWN.get((str(obj.get("apiVersion")), str(obj.get("kind"))))
    metadata = obj.get("metadata")
    if resource is None or not isinstance(metadata, dict):
        return ""
    return resource.path(str(metadata.get("namespace") or "default"), str(metadata.get("name")))
