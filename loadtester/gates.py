"""Which gates are open. Closed is where each begins; what was opened outlives a restart, if a file is named for it."""

import json
import os
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

OPEN_GATES = TypeAdapter(frozenset[str])

log = structlog.get_logger(__name__)


class GatesLost(Exception):
    """The file of the open gates cannot be read or written; the text says which, why, and what to do."""


class Gates:
    """The open ones, by name (`gate/podinfo.test`); one process owns them."""

    def __init__(self, file: Path | None) -> None:
        """Go on from what the file holds; without a file, a restart closes them all.

        Raises:
            GatesLost: the file is there and cannot be read, so that nobody knows which gates are open.
        """
        self._file = file
        self._open = _read(file) if file and file.exists() else frozenset()

    def is_open(self, gate: str) -> bool:
        """Whether it was opened, and not closed since."""
        return gate in self._open

    def open(self, gate: str) -> None:
        """Until it is closed; raises GatesLost, and then it stays as it was."""
        self._set(self._open | {gate})
        log.info("gate_opened", gate=gate)

    def close(self, gate: str) -> None:
        """Until it is opened; raises GatesLost, and then it stays as it was."""
        self._set(self._open - {gate})
        log.info("gate_closed", gate=gate)

    def _set(self, gates: frozenset[str]) -> None:
        if self._file and gates != self._open:
            _write(self._file, gates)
        self._open = gates


def _read(file: Path) -> frozenset[str]:
    try:
        return OPEN_GATES.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise GatesLost(
            f"{file} does not say which gates are open: {_reason(error)}; remove it to begin with all of them closed"
        ) from error


def _write(file: Path, gates: frozenset[str]) -> None:
    """Whoever reads it, after a crash at any moment, finds the gates of before or those of now."""
    partial = file.with_name(f".{file.name}.new")
    try:
        with partial.open("w", encoding="utf-8") as writing:
            json.dump(sorted(gates), writing)
            writing.flush()
            os.fsync(writing.fileno())
        partial.replace(file)
    except OSError as error:
        raise GatesLost(f"the gate stays as it was, since {file} cannot be written: {_reason(error)}") from error


def _reason(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return error.errors(include_url=False, include_input=False)[0]["msg"]
