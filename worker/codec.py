"""What Temporal stores, encrypted before it leaves the process: AES-256-GCM, under the first of several keys.

Search attributes stay readable, since Temporal itself searches them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
NONCE_BYTES = 12
"""As NIST SP 800-38D wants it for GCM."""


class CannotDecrypt(Exception):
    """The text names the key that is missing, or says that the data is not what was encrypted."""


class EncryptionCodec(PayloadCodec):
    """Encrypts whole payloads, and leaves alone on the way back what was never encrypted: histories from before.

    Args:
        keys: of 32 bytes, by their names; the first encrypts, all decrypt.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self._current = next(iter(self._ciphers))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """One for one."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """One for one; raises CannotDecrypt."""
        return [
            self._decrypted(payload) if payload.metadata.get("encoding") == ENCODING else payload
            for payload in payloads
        ]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce, name = os.urandom(NONCE_BYTES), self._current.encode()
        data = nonce + self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), name)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: name}, data=data)

    def _decrypted(self, payload: Payload) -> Payload:
        name = payload.metadata.get(KEY_ID, b"")
        cipher = self._ciphers.get(name.decode(errors="replace"))
        if cipher is None:
            raise CannotDecrypt(f"no key {name.decode(errors='replace')!r} in SERINUS_ENCRYPTION_KEYS; add it there")
        nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, data, name))
        except (InvalidTag, ValueError) as error:
            raise CannotDecrypt(f"not what key {name.decode()!r} of SERINUS_ENCRYPTION_KEYS encrypted") from error


def converter_of(keys: Mapping[str, bytes]) -> DataConverter:
    """How our records become payloads: encrypted, failures and their stack traces too, when there are keys."""
    if not keys:
        return pydantic_data_converter
    return replace(
        pydantic_data_converter,
        payload_codec=EncryptionCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
