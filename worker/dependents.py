"""Which canaries hang on an object, to mark them when it changes."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from k8s.informers import Key

Part = TypeVar("Part", bound=Hashable)


class Dependents(Generic[Part]):
    """From a part of canaries, such as a target, to those that have it; a part that nobody has takes no memory."""

    def __init__(self) -> None:
        self._keys: dict[Part, set[Key]] = {}

    def __len__(self) -> int:
        """Number of parts."""
        return len(self._keys)

    def add(self, part: Part, canary: Key) -> None:
        """The canary has it from now on."""
        self._keys.setdefault(part, set()).add(canary)

    def of(self, part: Part) -> list[Key]:
        """The canaries that have it."""
        return list(self._keys.get(part, ()))

    def forget(self, canary: Key) -> None:
        """The canary is gone, and so is what only it had."""
        for part, keys in list(self._keys.items()):
            keys.discard(canary)
            if not keys:
                del self._keys[part]
