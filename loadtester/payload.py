"""From the body of a call to what it asks for, or to a refusal that says why. Pure: nothing is run here."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


class Refusal(Exception):
    """The call is not carried out; the text goes to the caller."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Kind(StrEnum):
    """The task types, by the names they have in `metadata.type`."""

    CMD = "cmd"
    """In the background, through `sh -c`; the caller is answered at once."""
    BASH = "bash"
    """Through `bash -c`; the caller waits for the outcome, as with the rest."""
    HELM = "helm"
    """Arguments of `helm`, with blanks between them and no shell."""
    HELMV3 = "helmv3"
    """The same, by its older name."""
    KUBECTL = "kubectl"
    """Arguments of `kubectl`, likewise."""


WITH_CURL = frozenset({"concord", "ngrinder"})
"""Task types of Flagger's that are a few HTTP requests to another service."""


class Payload(BaseModel):
    """What a canary's webhook posts. Unknown keys are ignored."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(default="", description="Name of the Canary.")
    namespace: str = Field(default="", description="Namespace of the Canary.")
    phase: str = Field(default="", description="Phase of the Canary at the time of the call.")
    checksum: str = Field(default="", description="Stable for one revision with its config.")
    metadata: dict[str, str] | None = Field(default=None, description="The hook's own metadata, from the Canary.")


@dataclass(frozen=True)
class Command:
    """One thing to run for one canary."""

    kind: Kind
    canary: str
    """`{name}.{namespace}`."""
    line: str
    """As the shell reads it."""
    log_output: bool = False
    return_output: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The program and its arguments."""
        match self.kind:
            case Kind.CMD:
                return ("sh", "-c", self.line)
            case Kind.BASH:
                return ("bash", "-c", self.line)
            case Kind.HELM | Kind.HELMV3:
                return ("helm", *self.line.split())
            case Kind.KUBECTL:
                return ("kubectl", *self.line.split())


def read_command(body: bytes, namespaces: re.Pattern[str]) -> Command:
    """The command that a body asks for.

    Raises:
        Refusal: 400 if the body asks for nothing that can be run, 403 if its namespace is not served here.
    """
    payload = _read_served(body, namespaces)
    if not payload.metadata:
        raise Refusal(400, "metadata not found in payload")
    return Command(
        kind=_kind(payload.metadata),
        canary=f"{payload.name}.{payload.namespace}",
        line=_line(payload.metadata),
        log_output=payload.metadata.get("logCmdOutput") in TRUE,
        return_output=payload.metadata.get("returnCmdOutput") in TRUE,
    )


def read_canary(body: bytes, namespaces: re.Pattern[str]) -> str:
    """`{name}.{namespace}` of the canary that a body means.

    Raises:
        Refusal: 400 if it names none, 403 if its namespace is not served here.
    """
    payload = _read_served(body, namespaces)
    if not payload.name or not payload.namespace:
        raise Refusal(400, 'write whose gate is meant, such as {"name": "podinfo", "namespace": "test"}')
    return f"{payload.name}.{payload.namespace}"


def _read_served(body: bytes, namespaces: re.Pattern[str]) -> Payload:
    payload = _read_payload(body)
    if not namespaces.search(payload.namespace):
        raise Refusal(403, "Forbidden")
    return payload


def _read_payload(body: bytes) -> Payload:
    try:
        return Payload.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise Refusal(400, f"{where}: {first['msg']}") from error


def _kind(metadata: dict[str, str]) -> Kind:
    name = metadata.get("type", Kind.CMD)
    if name in WITH_CURL:
        raise Refusal(400, f"task type {name} is not supported; call the service with curl in a task of type bash")
    try:
        return Kind(name)
    except ValueError as error:
        raise Refusal(400, f"unknown task type {name}") from error


def _line(metadata: dict[str, str]) -> str:
    line = metadata.get("cmd", "")
    if not line.strip():
        raise Refusal(400, "cmd not found in metadata")
    if "\0" in line:
        raise Refusal(400, "metadata.cmd contains a NUL character, which no program can be given; remove it")
    return line
