"""What can go wrong between Serinus and the API server, named once.

    ClusterError            anything below
    ├── NotFound            404 of the API server: the object, or its whole kind, is not there
    ├── Conflict            409: somebody else was faster, or the object exists already
    ├── Refused             the server will not take this request, however often it is sent
    └── Unavailable         the server is away, busy or does not know us right now; the same request may pass later

The client library's own errors, and those of its transport, stop here. `activities.faults` says what Temporal
makes of each.
"""

import json
import re


class ClusterError(Exception):
    """A request to the API server failed; `status` is the HTTP code, 0 when none arrived."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFound(ClusterError):
    """404: the object, its namespace or its kind does not exist."""


class Conflict(ClusterError):
    """409: the object changed meanwhile, or exists already."""


class Refused(ClusterError):
    """The server judged the request and will judge it the same again (400, 403, 405, 415, 422 and schema faults)."""


class Unavailable(ClusterError):
    """The server did not answer, or answered that it cannot now (401, 408, 410, 429, 5xx, network, a proxy's 404)."""


REFUSALS = frozenset({400, 403, 405, 406, 413, 415, 422})
BODY_LIMIT = 500
UNKNOWN_PATH = "404 page not found"
"""What the API server writes, as plain text, about a kind that it does not serve."""
KIND_IN_PATH = re.compile(r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)/(namespaces/[^/]+/)?(?P<plural>[^/]+)")
"""As `Resource.path` makes them."""


def message_of(body: str) -> str:
    """The `message` of a Status object, or the first characters of whatever was sent instead."""
    try:
        status = json.loads(body)
    except ValueError:
        return body.strip()[:BODY_LIMIT]
    return str(status.get("message", body) if isinstance(status, dict) else status)[:BODY_LIMIT]


def is_api_servers(body: str) -> bool:
    """Whether the API server itself wrote the answer: a proxy in front of it does not know which objects exist."""
    try:
        status = json.loads(body)
    except ValueError:
        return body.strip() == UNKNOWN_PATH
    return isinstance(status, dict) and status.get("kind") == "Status"


def from_answer(status: int, body: str, path: str = "") -> ClusterError:
    """The error that an HTTP answer outside 2xx stands for; `path` is what was asked for."""
    message = message_of(body) or f"HTTP {status}"
    if message == UNKNOWN_PATH and (kind := KIND_IN_PATH.match(path)):
        message = "this cluster has no {plural}.{group} in version {version}; install their definition (CRD)".format(
            **kind.groupdict()
        )
    if status == 404 and is_api_servers(body):
        return NotFound(message, status=status)
    if status == 409:
        return Conflict(message, status=status)
    # Applying a field that the schema lacks answers 500 (kubernetes/kubernetes#122480): it looks passing, it is not.
    if status in REFUSALS or "field not declared in schema" in message:
        return Refused(message, status=status)
    return Unavailable(message, status=status)
