"""What an agent needs to reach the platform and to trust its commands: one JSON file, mode 600, made by the platform for one cluster."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec

from aetherius.runtime.data_folder import write_private
from aetherius.runtime.errors import CredentialsError
from aetherius.runtime.signing_key import PublicKey


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster's way in. The password is not in `repr`."""

    nats_url: str
    """`nats://host:port`, without user or password."""
    user: str
    password: str
    inbox_prefix: str
    """Replies to this agent go below it; nobody else may listen there."""
    cluster_id: str
    command_key: str
    """The platform's public key, base64: commands it did not sign are refused."""
    command_key_id: str
    repairs: bool = False
    """The cluster may be changed from its first registration on; otherwise repairs are only tried until somebody allows them."""

    def __repr__(self) -> str:
        return f"Credentials(cluster_id={self.cluster_id!r}, user={self.user!r}, nats_url={self.nats_url!r})"

    __str__ = __repr__

    def public_key(self) -> PublicKey:
        """The key that verifies commands."""
        return PublicKey.from_base64(self.command_key)

    def save(self, path: Path) -> None:
        """Write the file, readable by its owner alone."""
        write_private(path, msgspec.json.format(msgspec.json.encode(self)).decode() + "\n")

    @classmethod
    def load(cls, path: Path) -> Credentials:
        """Read the file.

        Raises:
            CredentialsError: it is missing, malformed, readable by others, or its key id is not its key's.
        """
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise CredentialsError(path, "others may read it: it must have mode 600")
            loaded = msgspec.json.decode(path.read_bytes(), type=cls)
            if loaded.public_key().key_id != loaded.command_key_id:
                raise CredentialsError(path, "command_key_id is not the id of command_key")
        except OSError as exc:
            raise CredentialsError(path, exc.strerror or "cannot be read") from exc
        except ValueError as exc:  # msgspec's errors and base64's: they name the field, never its value
            raise CredentialsError(path, str(exc)) from None
        return loaded
