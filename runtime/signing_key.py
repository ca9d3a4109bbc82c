"""The platform's Ed25519 key: commands are signed with it, and an agent obeys no other.

The private half lies in the data folder (PEM, mode 600) and never leaves it. The key id names the public half: the first 16 hex digits of its SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from aetherius.runtime.data_folder import write_private_once
from aetherius.runtime.errors import CredentialsError


class SigningKey:
    """A key pair that signs."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.key_id})"

    @classmethod
    def load_or_create(cls, file: Path) -> Self:
        """The key in `file`; made on the first call, and one for all who call it at once.

        Raises:
            CredentialsError: the file is no Ed25519 key, or others may read it.
        """
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_private_once(file, _pem(Ed25519PrivateKey.generate()))
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise CredentialsError(file, "others may read it: chmod 600 it, if it was not copied meanwhile")
        try:
            private = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except ValueError as exc:
            raise CredentialsError(file, "not a PEM private key") from exc
        if not isinstance(private, Ed25519PrivateKey):
            raise CredentialsError(file, "not an Ed25519 key")
        return cls(private)

    def sign(self, message: bytes) -> bytes:
        """The signature (64 bytes) of exactly these bytes."""
        return self._private.sign(message)


class PublicKey:
    """The half that everyone may know."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.base64 = base64.b64encode(raw).decode()
        self.fingerprint = hashlib.sha256(raw).hexdigest()
        self.key_id = self.fingerprint[:16]

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """The key in its wire form, of which each key has one only. Raises ``ValueError`` if it is none."""
        key = cls(base64.b64decode(text, validate=True))
        if key.base64 != text:
            raise ValueError("not the base64 of a key: bits that carry nothing are set")
        return key

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the private half signed exactly these bytes."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def is_named(key: PublicKey, name: str) -> bool:
    """Whether a name is this key's: its id, or more of its fingerprint; fewer than 16 digits name no key."""
    return len(name) >= len(key.key_id) and key.fingerprint.startswith(name.lower())


def _pem(private: Ed25519PrivateKey) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
