"""Keys that seal secrets: the first one seals, all of them open, so a new key is put in front and the old ones stay.

A sealed text is `sealed:v1:<key id>:<base64>`. Inside is what the eventsourcing library's AES-GCM cipher makes of the stream's id (16 bytes) and the text: the
cipher finds every change, and the id keeps a sealed text from passing for that of another stream. Which fields are sealed: `domain/secrets.py`.
Key values never leave this object: not in `repr`, errors or logs.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from eventsourcing.cryptography import AESCipher
from eventsourcing.utils import Environment

from aetherius.domain.errors import InvalidKeyError, NoKeyError, SecretUnavailableError

PREFIX: Final = "sealed:v1:"
KEY_BYTES: Final = 32
KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SEALED: Final = re.compile(r"sealed:v1:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/]+={0,2})")
_PLACE: Final = 16


class Keyring:
    """Seals and opens. Thread-safe."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys`: in base64, by id; the first seals.

        Raises:
            InvalidKeyError: an id or a key is malformed.
        """
        self._ciphers = {id: _cipher(id, key) for id, key in keys.items()}
        self.ids = tuple(keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.ids)})"

    def seal(self, text: str, place: UUID) -> str:
        """The sealed text; what is empty, or sealed for this place already, stays as it is.

        Args:
            place: the stream that the text is stored in.

        Raises:
            NoKeyError: there is no key.
        """
        if not text or (text.startswith(PREFIX) and self._opens(text, place)):
            return text
        if not self.ids:
            raise NoKeyError
        id = self.ids[0]
        return f"{PREFIX}{id}:{b64encode(self._ciphers[id].encrypt(place.bytes + text.encode())).decode()}"

    def open(self, text: str, place: UUID) -> str:
        """The plain text; what is not sealed comes back as it is (it may be from before there were keys).

        Raises:
            SecretUnavailableError: its key is not here, it was changed, or it is of another stream.
        """
        if not text.startswith(PREFIX):
            return text
        match = _SEALED.fullmatch(text)
        if match is None:
            raise SecretUnavailableError("damaged: it does not have the form of a sealed text")
        cipher = self._ciphers.get(match[1])
        if cipher is None:
            raise SecretUnavailableError(f"sealed with key {match[1]}, which is not in the keyring")
        try:
            plain = cipher.decrypt(b64decode(match[2], validate=True))
        except ValueError as exc:
            raise SecretUnavailableError(f"sealed with key {match[1]}, and changed since, or that key was") from exc
        if plain[:_PLACE] != place.bytes:
            raise SecretUnavailableError(f"sealed with key {match[1]} for another stream")
        return plain[_PLACE:].decode()

    def show(self, text: str, place: UUID) -> str:
        """The plain text, or, in its stead, why it cannot be had. Never raises."""
        try:
            return self.open(text, place)
        except SecretUnavailableError as exc:
            return f"[{exc}]"

    def _opens(self, text: str, place: UUID) -> bool:
        try:
            self.open(text, place)
        except SecretUnavailableError:
            return False
        return True


NO_KEYS: Final = Keyring({})
"""Opens nothing, and refuses to seal."""


def new_key() -> str:
    """A fresh key in base64."""
    return AESCipher.create_key(KEY_BYTES)


def is_sealed(text: str) -> bool:
    """Whether it has the form of a sealed text."""
    return _SEALED.fullmatch(text) is not None


def _cipher(id: str, key: str) -> AESCipher:
    if KEY_ID.fullmatch(id) is None:
        raise InvalidKeyError("an id", "is not of 1 to 64 letters, digits, points, hyphens and underscores")
    try:
        size = len(b64decode(key, validate=True))
    except ValueError:
        raise InvalidKeyError(id, "is not base64") from None
    if size != KEY_BYTES:
        raise InvalidKeyError(id, f"is not of {KEY_BYTES} bytes")
    return AESCipher(Environment(env={AESCipher.CIPHER_KEY: key}))
