"""The only user of the Kubernetes client library: raw JSON in, raw JSON out, over one pool of connections.

Generated models drop fields they do not know, so a pod template that passed through them would not be the one that
was analysed. Hence plain dictionaries here, and slim models where a few fields are read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import kube_config

from k8s.errors import Unavailable, from_answer
from k8s.resources import Resource

Json = dict[str, Any]
Query = Sequence[tuple[str, Any]]

FIELD_MANAGER = "serinus"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
NETWORK_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
CONFIGURATION_ERRORS = (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError)
"""Of a kubeconfig that is missing, is none, or carries certificates that are none."""
IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
CALL_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)


class Cluster:
    """One API server. Every method raises the errors of `k8s.errors` and nothing else."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kubeconfig: Path | None = None, *, context: str | None = None, user_agent: str = FIELD_MANAGER
    ) -> AsyncIterator[Self]:
        """Connect with a kubeconfig file, or as the pod's ServiceAccount when there is one and no file is named.

        Args:
            kubeconfig: the file; None: the ServiceAccount's, or where KUBECONFIG points.
            context: of the kubeconfig; None: its current one.
            user_agent: who asks, as the API server's audit log tells it.

        Raises:
            Unavailable: no usable configuration was found; the message says where it was looked for.
        """
        api = await _client(kubeconfig, context)
        api.user_agent = user_agent
        try:
            yield cls(api)
        finally:
            await api.close()

    def once(self) -> "Cluster":
        """The same API server for one look: what was read in it is not asked for again."""
        return _Look(self._api)

    async def get(self, path: str, query: Query = ()) -> Json:
        """Read an object or a list."""
        return await self._call("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        """Create an object in a collection; `Conflict` when the name is taken."""
        return await self._call("POST", path, body, query=[("fieldManager", FIELD_MANAGER)])

    async def apply(self, resource: Resource, body: Json) -> Json:
        """Server-side apply an object that Serinus owns wholly: create it, or make the given fields so."""
        metadata = body["metadata"]
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        path = resource.path(metadata["namespace"], metadata["name"])
        return await self._call("PATCH", path, body, query=query, content_type=APPLY)

    async def merge(self, path: str, body: Json) -> Json:
        """Merge-patch (RFC 7396) the given fields; given `metadata.resourceVersion`, a stale read conflicts."""
        return await self._call("PATCH", path, body, query=[("fieldManager", FIELD_MANAGER)], content_type=MERGE)

    async def replace(self, path: str, body: Json) -> Json:
        """Put a whole object back; its resourceVersion makes a stale read conflict."""
        return await self._call("PUT", path, body, query=[("fieldManager", FIELD_MANAGER)])

    async def delete(self, path: str) -> Json:
        """Delete an object; dependents are collected in the background."""
        return await self._call("DELETE", path, {"propagationPolicy": "Background"})

    async def _call(
        self, method: str, path: str, body: Any = None, *, query: Query = (), content_type: str | None = None
    ) -> Json:
        try:
            answer = await self.request(method, path, body, query=query, content_type=content_type)
            text = (await answer.read()).decode(errors="replace")
        except NETWORK_ERRORS as error:
            raise Unavailable(f"{method} {path}: {error!r}") from error
        if not 200 <= answer.status < 300:
            raise from_answer(answer.status, text, path)
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise Unavailable(f"{method} {path}: the answer is not a JSON object: {text[:100]}") from error

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query = (),
        content_type: str | None = None,
        accept: str = "application/json",
        timeout: aiohttp.ClientTimeout = CALL_TIMEOUT,
    ) -> Any:
        """The library's own answer, unread and unjudged, for watches; `timeout` bounds the whole exchange."""
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content_type else {})
        try:
            request = await self._api.param_serialize(
                method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
            )
        except ValueError as error:  # a token file that is being rewritten (kubernetes.aio.config)
            raise Unavailable(f"{method} {path}: {error}") from error
        return await self._api.call_api(*request, _request_timeout=timeout)


class _Look(Cluster):
    """Short-lived: it never learns of a change."""

    def __init__(self, api: ApiClient) -> None:
        super().__init__(api)
        self._seen: dict[tuple[str, tuple[tuple[str, Any], ...]], Json] = {}

    async def get(self, path: str, query: Query = ()) -> Json:
        key = (path, tuple(query))
        if key not in self._seen:
            self._seen[key] = await super().get(path, query)
        return self._seen[key]


async def _client(kubeconfig: Path | None, context: str | None) -> ApiClient:
    """The library's client, configured from the file, or from the pod's ServiceAccount."""
    configuration = Configuration()
    try:
        if kubeconfig is None and IN_CLUSTER_TOKEN.exists():
            config.load_incluster_config(configuration)
        else:
            file = str(kubeconfig.expanduser()) if kubeconfig else None
            await config.load_kube_config(file, context=context, client_configuration=configuration)
        return ApiClient(configuration)
    except CONFIGURATION_ERRORS as error:
        where = kubeconfig or "$KUBECONFIG or ~/.kube/config"
        raise Unavailable(f"no cluster to talk to: {where}: {error}; set KUBECONFIG to a kubeconfig file") from error
    finally:
        # The certificates and the key that the file holds were read by now. The library would leave them on the disk
        # until the interpreter is torn down, which one that is killed, or `serinus` itself, never is.
        kube_config._cleanup_temp_files()  # noqa: SLF001 - there is no public way
