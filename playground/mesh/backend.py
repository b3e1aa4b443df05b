"""Where a request may go."""

from typing import NamedTuple

from k8s.client import Json


class Backend(NamedTuple):
    """A port of a Service; a backend without a port takes the request's."""

    namespace: str
    service: str
    port: int

    def __str__(self) -> str:
        return f"{self.service}.{self.namespace}:{self.port}"


def backend_of(ref: Json, home: Backend) -> Backend:
    """A backendRef; `home` is the route's namespace and the request's port, which it may leave out."""
    return Backend(ref.get("namespace", home.namespace), ref["name"], int(ref.get("port", home.port)))
