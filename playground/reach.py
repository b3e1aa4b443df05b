"""Reaches the Services of a cluster from outside: a forward proxy over the API server's own service proxy.

`http://podinfo.test:9898/x` becomes `/api/v1/namespaces/test/services/podinfo:9898/proxy/x` (Kubernetes API: proxy
subresource of Services), asked through a `kubectl proxy`, which brings the credentials. What a client-side proxy of a
mesh would do is not done: requests go to the pods of the Service that is named.
"""

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from playground.mesh.forwarding import Forwarder
from playground.mesh.proxy import destination_of, inner_scope

SUFFIXES = (".cluster.local", ".svc")


class Reach:
    """An ASGI application for absolute-form requests.

    Args:
        client: sends the requests; must use no proxy itself.
        api: the URL of the `kubectl proxy`.
    """

    def __init__(self, client: httpx.AsyncClient, api: str) -> None:
        self._client, self._api = client, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request to a Service, or say what a name must look like."""
        destination = destination_of(scope)
        path = service_path(destination.host, destination.port) if destination else ""
        if destination is None or not path:
            text = f"{scope['path']}: write http://SERVICE.NAMESPACE:PORT/, or name the host in NO_PROXY\n"
            await PlainTextResponse(text, 502)(scope, receive, send)
            return
        await Forwarder(self._client, self._api + path)(inner_scope(scope, destination), receive, send)


def service_path(host: str, port: int) -> str:
    """Of the proxy subresource; empty for what is not `{service}.{namespace}`."""
    name = host.lower().rstrip(".")
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    service, _, namespace = name.partition(".")
    if not service or not namespace or "." in namespace:
        return ""
    return f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"
