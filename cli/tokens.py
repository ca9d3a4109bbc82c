"""API tokens of a local installation: the local user gets one, kept in a file of their own; the service only ever sees its hash."""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from aetherius.cli.folder import DataFolder
from aetherius.runtime.data_folder import write_private


def local_token(folder: DataFolder, user: str) -> str:
    """The local user's token, made on the first call, with the role of an operator."""
    if not (folder.token.exists() and folder.tokens.exists()):
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        holders = {digest: {"name": user, "role": "operator"}}
        write_private(folder.tokens, msgspec.json.encode(holders).decode())
        write_private(folder.token, token + "\n")
    return folder.token.read_text().strip()
