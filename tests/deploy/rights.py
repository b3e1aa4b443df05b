"""Rights one by one: what rules grant, and what the API server's audit log says was asked for."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from k8s.client import Json

TERMINATING = "because it is being terminated"
"""What is refused for everybody in a namespace that goes."""


class Right(NamedTuple):
    """One verb on one kind of object; a subresource is part of the kind."""

    verb: str
    group: str
    resource: str

    def covers(self, asked: "Right") -> bool:
        """Whether a request for that is granted by this."""
        return asked in (self, self._replace(resource=asked.resource) if self.resource == "*" else self)


def granted(rules: Iterable[Json]) -> list[Right]:
    """By the rules of a Role or ClusterRole."""
    return [
        Right(verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def asked(log: Path, account: str) -> set[Right]:
    """What somebody asked for, whatever the answer was."""
    return {right for request in _requests(log, account) for right in _rights(request)}


def refused(log: Path, account: str) -> list[str]:
    """The requests of somebody that were refused, with the reason."""
    answers = [(request, request.get("responseStatus") or {}) for request in _requests(log, account)]
    return [
        f"{request['verb']} {request['requestURI']}: {answer.get('message')}"
        for request, answer in answers
        if answer.get("code") == 403 and TERMINATING not in answer.get("message", "")
    ]


def _requests(log: Path, account: str) -> Iterator[Json]:
    for line in log.read_text().splitlines():
        request = json.loads(line)
        if request["user"]["username"] == account:
            yield request


def _rights(request: Json) -> Iterator[Right]:
    """A server-side apply that makes an object needs the right to create it, too."""
    ref = request.get("objectRef") or {}
    if "resource" not in ref:
        return
    resource = "/".join(part for part in (ref["resource"], ref.get("subresource")) if part)
    yield Right(request["verb"], ref.get("apiGroup", ""), resource)
    if request["verb"] == "patch" and (request.get("responseStatus") or {}).get("code") == 201:
        yield Right("create", ref.get("apiGroup", ""), resource)
