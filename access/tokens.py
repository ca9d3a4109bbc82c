"""Who may ask: bearer tokens, of which only hashes are kept. A token is long and random, so a plain SHA-256 is enough."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from aetherius.access.errors import TokensFileError
from aetherius.access.user import User

_BEARER = re.compile(r"[Bb]earer +([\x21-\x7e]{1,512})")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Tokens:
    """The tokens that are accepted."""

    def __init__(self, users: Mapping[str, User]) -> None:
        """`users`: by the token's SHA-256 in hex."""
        self._users = dict(users)

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Read the file of tokens.

        Raises:
            TokensFileError: it cannot be read, or does not have the form.
        """
        try:
            users = msgspec.json.decode(path.read_bytes(), type=dict[str, User])
        except OSError as exc:
            raise TokensFileError(path, f"cannot be read ({exc.strerror})") from exc
        except msgspec.DecodeError as exc:
            raise TokensFileError(path, str(exc)) from exc
        if any(_DIGEST.fullmatch(digest) is None for digest in users):
            raise TokensFileError(path, "keys must be SHA-256 digests in lower-case hex")
        return cls(users)

    def user(self, authorization: str | None) -> User | None:
        """The user of an Authorization header (`Bearer <token>`), None if there is none. Takes as long for a near miss as for a far one."""
        match = _BEARER.fullmatch(authorization.strip()) if authorization else None
        if match is None:
            return None
        digest = digest_of(match[1])
        found = None
        for known, user in self._users.items():
            if hmac.compare_digest(known, digest):
                found = user
        return found


def digest_of(token: str) -> str:
    """What the file holds of a token."""
    return sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A fresh token of 256 random bits."""
    return secrets.token_urlsafe(32)


def write_tokens(path: Path, users: Mapping[str, User]) -> None:
    """Write a file of tokens (given in clear, stored as hashes), readable by its owner only."""
    path.touch(mode=0o600)
    path.write_bytes(
        msgspec.json.format(msgspec.json.encode({digest_of(token): user for token, user in users.items()}))
    )
