"""Sealing on the way into the log, opening on the way out: secrets always, and on demand all that events say.

Secrets stay sealed in what is read (`domain/secrets.py`); who needs their text opens it with `keys`. With `everything` the whole `data` of an event is sealed
as well: that is opened here, as nothing can be done with such an event otherwise. Who, when and why (the envelope) stay readable: audits filter by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from aetherius.domain import secrets
from aetherius.domain.errors import InvalidKeyError, UnknownEventError
from aetherius.domain.event import Cause, Event, Recorded, decode, encode, open_data, seal_data, unreadable
from aetherius.domain.keyring import NO_KEYS, Keyring
from aetherius.event_store.pending import Pending
from aetherius.event_store.unreadable import note_unreadable
from aetherius.runtime.errors import SettingError
from aetherius.runtime.settings.settings import PREFIX, Settings
from aetherius.runtime.state_keys import read_keys


@dataclass(frozen=True, kw_only=True, repr=False)
class SealingSettings(Settings):
    """The part of a service's settings that says how it seals."""

    state_keys_file: Path | None = None
    """File of the keys that seal command output and other secrets in the log, `id:base64`, one a line, mode 600, the same for all; `aetherius keys` makes it."""
    state_keys: str = ""
    """The same keys as text, `id:base64,id:base64`, if they come by the environment; they go before the file's."""
    encrypt: str = "secrets"
    """What is sealed in the log: `secrets`, or `all`, everything that events say."""


_REFUSALS: Final = (UnknownEventError, msgspec.DecodeError, UnicodeDecodeError)
"""A state that is no event as this version knows it."""


class Sealing:
    """How one process seals and opens. Thread-safe."""

    def __init__(self, keys: Keyring = NO_KEYS, *, everything: bool = False) -> None:
        self.keys = keys
        self.everything = everything

    def stored(self, pending: Pending) -> StoredEvent:
        """The row that a decided event becomes.

        Raises:
            NoKeyError: it holds a secret, and there is no key.
        """
        event = secrets.sealed(pending.event, pending.stream_id, self.keys)
        state = encode(event, pending.occurred_at, pending.cause)
        if self.everything:
            state = self._sealed(pending.stream_id, state)
        return StoredEvent(pending.stream_id, pending.version, event.topic, state)

    def bulk(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """Rows that were made elsewhere, of events without secrets."""
        if not self.everything:
            return events
        return [
            StoredEvent(
                event.originator_id,
                event.originator_version,
                event.topic,
                self._sealed(event.originator_id, event.state),  # type: ignore[arg-type]  # ids are UUIDs here
            )
            for event in events
        ]

    def recorded(self, row: Any) -> Recorded:
        """The event in a row; one that this version cannot read is an ``Unreadable``.

        Raises:
            SecretUnavailableError: all of it is sealed, with a key that is not here.
        """
        position, stream_id, version, topic, state = row
        try:
            event, occurred_at, cause = decode(topic, state)
        except _REFUSALS as exc:  # apart, so that the usual row costs nothing more
            event, occurred_at, cause = self._read_otherwise(row, exc)
        return Recorded(
            position=position, stream_id=stream_id, version=version, event=event, occurred_at=occurred_at, cause=cause
        )

    def _read_otherwise(self, row: Any, refused: Exception) -> tuple[Event, datetime, Cause]:
        """An event that is sealed as a whole, opened; else one that cannot be read."""
        position, stream_id, _, topic, state = row
        try:
            if isinstance(refused, msgspec.ValidationError):
                return decode(topic, self._opened(stream_id, state, refused))
        except _REFUSALS as exc:
            refused = exc
        note_unreadable(position, topic, refused)
        return unreadable(topic, bytes(state), str(refused))

    def _opened(self, stream_id: UUID, state: bytes, refused: msgspec.ValidationError) -> bytes:
        try:
            return open_data(state, partial(self.keys.open, place=stream_id))
        except msgspec.ValidationError:
            raise refused from None  # not sealed: it is what it says

    def _sealed(self, stream_id: UUID, state: bytes) -> bytes:
        return seal_data(state, partial(self.keys.seal, place=stream_id))


PLAIN: Final = Sealing()
"""Without keys: refuses to store a secret, opens none."""
_SECRETS, _ALL = "secrets", "all"


def sealing_of(settings: SealingSettings) -> Sealing:
    """As the settings say.

    Raises:
        SettingError: they say something else than `secrets` or `all`, or a key is malformed.
        CredentialsError: the file cannot be read, or others may read it.
    """
    if settings.encrypt not in (_SECRETS, _ALL):
        raise SettingError(f"{PREFIX}ENCRYPT", f"is neither {_SECRETS} nor {_ALL}")
    try:
        keys = Keyring(read_keys(settings.state_keys_file, settings.state_keys))
    except InvalidKeyError as exc:
        raise SettingError(f"{PREFIX}STATE_KEYS_FILE, or {PREFIX}STATE_KEYS,", f"cannot be used: {exc}") from exc
    return Sealing(keys, everything=settings.encrypt == _ALL)


def require_keys(settings: SealingSettings) -> None:
    """Of a service that stores or shows secrets: it must have been given keys. Raises ``SettingError``."""
    if not settings.state_keys_file and not settings.state_keys:
        raise SettingError(
            f"{PREFIX}STATE_KEYS_FILE",
            f"is not set, nor is {PREFIX}STATE_KEYS: command output is stored sealed (`aetherius keys new` makes a key)",
        )
