"""Credentials as a Secret holds them. No text of an error holds a value."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.providers.errors import UnfitProvider, UnfitSecret
from activities.redaction import encoded


@dataclass(frozen=True)
class Secret:
    """The data of the Secret that `spec.provider.secretRef` names; without a name there is none."""

    name: str = ""
    data: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __contains__(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.data

    @property
    def values(self) -> tuple[str, ...]:
        """All of its values that are text, and as basic authentication sends them."""
        texts = {key: text for key in self.data if (text := self._decoded(key))}
        user = f"{texts.get('username', '')}:{texts.get('password', '')}"
        return (*texts.values(), encoded(user))

    def header(self, key: str) -> str:
        """A value that goes into a header as it is: ASCII on one line; a line's end at its end is taken off.

        Raises:
            UnfitSecret: it is missing, or not that.
            UnfitProvider: there is no Secret.
        """
        value = self.text(key)
        if not value.isascii() or not value.isprintable():
            raise UnfitSecret(f"{self._where} error: key {key} must be ASCII text on one line")
        return value

    def line(self, key: str) -> str:
        """UTF-8 text on one line; raises as `header` does."""
        value = self.text(key)
        if not value.isprintable():
            raise UnfitSecret(f"{self._where} error: key {key} must be UTF-8 text on one line")
        return value

    def text(self, key: str) -> str:
        """UTF-8 text, without white space around it; raises as `header` does."""
        if key not in self.data:
            raise self.lacks(key)
        if value := self._decoded(key):
            return value
        raise UnfitSecret(f"{self._where} error: key {key} must be UTF-8 text, and not empty")

    def lacks(self, keys: str, remedy: str = "") -> UnfitProvider | UnfitSecret:
        """The error of missing keys."""
        if not self.name:
            return UnfitProvider(f"spec.provider.secretRef: required; name a Secret with key {keys}")
        return UnfitSecret(f"{self._where} error: key {keys} not found; {remedy or f'add key {keys} to the Secret'}")

    def _decoded(self, key: str) -> str:
        """Empty when it is no text."""
        try:
            return base64.b64decode(self.data[key]).decode().strip()
        except ValueError:
            return ""

    @property
    def _where(self) -> str:
        return f"secret {self.name}"
