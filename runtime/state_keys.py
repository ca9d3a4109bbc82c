"""The keys that seal what is secret in the log: a file of mode 600, or a setting; `id:base64` each. The first seals, all open.

What the keys do, and that they are well-formed, is the domain's business (`domain/keyring.py`); here they are only read and written.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aetherius.runtime.data_folder import write_private, write_private_once
from aetherius.runtime.errors import CredentialsError, SettingError

SETTING = "AETHERIUS_STATE_KEYS"
_HEAD = "# Keys of the log's secrets. The first seals, all open. Lost keys are lost secrets: keep a copy, apart from the database's.\n"


def read_keys(file: Path | None, text: str) -> dict[str, str]:
    """The keys by id, in order: those of the setting, then those of the file.

    Raises:
        CredentialsError: the file cannot be read, is malformed, or others may read it.
        SettingError: the setting is malformed. Neither tells a key.
    """
    keys = _parsed(text.replace(",", "\n"))
    if keys is None:
        raise SettingError(SETTING, "is not of the form id:base64,id:base64 with ids that differ")
    return keys if file is None else {**keys, **{id: key for id, key in _of_file(file).items() if id not in keys}}


def make_key_file(file: Path, key: str) -> None:
    """Write a file with one key, unless there is one: of several writers the first one counts."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private_once(file, _text({new_id(): key}))


def add_key(file: Path, key: str, *, seals: bool) -> str:
    """Add a key in front (it seals from the next start on) or at the end (it only opens); its id.

    Raises:
        CredentialsError: the file cannot be used; nothing was written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file.parent):
        keys, id = _of_file(file) if file.exists() else {}, new_id()
        write_private(file, _text({id: key, **keys} if seals else {**keys, id: key}))
    return id


def seal_with(file: Path, id: str) -> None:
    """Put a key in front.

    Raises:
        CredentialsError: the file cannot be used, or has no such key; nothing was written.
    """
    with _alone(file.parent):
        keys = _of_file(file)
        if id not in keys:
            raise CredentialsError(file, f"has no key {id}")
        write_private(file, _text({id: keys[id], **keys}))


def new_id() -> str:
    """A name for a new key."""
    return f"k{secrets.token_hex(4)}"


def _of_file(file: Path) -> dict[str, str]:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise CredentialsError(file, "others may read it: chmod 600 it, if it was not copied meanwhile")
        keys = _parsed(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CredentialsError(file, exc.strerror or "cannot be read") from exc
    except UnicodeDecodeError:
        keys = None
    if not keys:
        raise CredentialsError(file, "is not of lines id:base64 with ids that differ")
    return keys


def _parsed(text: str) -> dict[str, str] | None:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    keys = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and all(pair)}
    return keys if len(keys) == len(lines) else None


def _text(keys: Mapping[str, str]) -> str:
    return _HEAD + "".join(f"{id}:{key}\n" for id, key in keys.items())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: two that add a key at once both have it in the end."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
