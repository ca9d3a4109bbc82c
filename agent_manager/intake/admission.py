"""What an event message must be to get into the log: pure rules, no I/O.

An agent is trusted with its own cluster and with nothing else. What gets through here, every later part can store and show: times lie in
the window, numbers fit their columns, texts have no NUL (PostgreSQL's `text` takes none).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from aetherius.agent_manager.intake.packed import MAX_COUNT, MAX_SEQUENCE, packed
from aetherius.domain.cluster_event import Reported
from aetherius.domain.errors import InvalidMessageError
from aetherius.domain.report_state import envelope_of, state_of
from aetherius.domain.wire import headers
from aetherius.domain.wire.event import EventMessage, decode_event, split_lines
from aetherius.domain.wire.identity import milliseconds, milliseconds_of
from aetherius.domain.wire.subjects import cluster_of

_BATCH: Final = re.compile(r"[0-9]{1,6}")
_cluster_of = lru_cache(4096)(cluster_of)
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Window(msgspec.Struct, frozen=True):
    """The times that are believed: from `oldest` to `latest`, both included, and nothing before the archive's edge."""

    oldest: datetime
    latest: datetime
    archive_edge: datetime | None = None
    """What is older is archived: nothing is added there any more."""

    @classmethod
    def around(cls, now: datetime, age: float, ahead: float, archive_edge: datetime | None = None) -> Window:
        """From `age` seconds before now to `ahead` seconds after."""
        return cls(now - timedelta(seconds=age), now + timedelta(seconds=ahead), archive_edge)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first time that is accepted, and the last."""
        return max(self.oldest, self.archive_edge or self.oldest), self.latest

    def check(self, timestamp: datetime) -> None:
        """Raises ``InvalidMessageError`` for a time that is not in the window."""
        if not self.oldest <= timestamp <= self.latest:
            raise InvalidMessageError(
                "event", f"timestamp {timestamp.isoformat()} is not from {self.oldest} to {self.latest}"
            )
        if self.archive_edge and timestamp < self.archive_edge:
            raise InvalidMessageError(
                "event", f"timestamp {timestamp.isoformat()} is before the archive's edge, {self.archive_edge}"
            )


class RefusedLine(msgspec.Struct, frozen=True):
    """A line of a batch that breaks a rule; `number` counts from 1."""

    number: int
    line: bytes
    reason: str


class Admitted(msgspec.Struct):
    """What a message holds: events for the log, and lines for the dead letters."""

    stored: list[StoredEvent]
    refused: list[RefusedLine]


def admit(subject: str, given: Mapping[str, str], payload: bytes, window: Window) -> Admitted:
    """Sort the events of a message.

    Raises:
        InvalidMessageError: the message as a whole is malformed, so that none of its lines can be told.
    """
    cluster_id = _cluster_of(subject)
    envelope = envelope_of(cluster_id, traceparent(given))
    lines = split_lines(payload, batch_size(given))
    if len(lines) > 1 and (stored := packed(payload, lines, cluster_id, *window.bounds, envelope)) is not None:
        return Admitted(stored, [])
    admitted = Admitted([], [])
    for number, line in enumerate(lines, start=1):
        try:
            admitted.stored.append(_stored(decode_event(line), cluster_id, window, envelope, line))
        except InvalidMessageError as exc:
            admitted.refused.append(RefusedLine(number, line, str(exc)))
    return admitted


def batch_size(given: Mapping[str, str]) -> int | None:
    """The number in the batch header; None without one.

    Raises:
        InvalidMessageError: it is no number.
    """
    text = given.get(headers.BATCH)
    if text is None:
        return None
    if not _BATCH.fullmatch(text):
        raise InvalidMessageError(headers.BATCH, "not a number")
    return int(text)


def traceparent(given: Mapping[str, str]) -> str | None:
    """The trace of a message; None without one, or for one that is malformed: a trace is a help, never a reason to refuse."""
    text = given.get(headers.TRACEPARENT)
    return text if text and _TRACEPARENT.fullmatch(text) else None


def _stored(message: EventMessage, cluster_id: str, window: Window, envelope: bytes, line: bytes) -> StoredEvent:
    if message.cluster_id != cluster_id:
        raise InvalidMessageError("event", f"cluster_id {message.cluster_id!r} is not the subject's, {cluster_id!r}")
    window.check(message.timestamp)
    _check_numbers(message)
    if b"\\u0000" in line and _has_nul(message):
        raise InvalidMessageError("event", "a text holds U+0000")
    return StoredEvent(_stream_id(message), 1, Reported.topic, state_of(message, envelope))


def _stream_id(message: EventMessage) -> UUID:
    try:
        id = UUID(message.id)
    except ValueError:
        raise InvalidMessageError("event", f"id {message.id!r} is not a UUID") from None
    if milliseconds_of(id) != milliseconds(
        message.timestamp
    ):  # by it the log chooses the partition, and finds the event again
        raise InvalidMessageError(
            "event",
            f"id {message.id}: its first 48 bits are not the milliseconds of timestamp {message.timestamp.isoformat()}",
        )
    return id


def _check_numbers(message: EventMessage) -> None:
    raw = message.raw_data
    if message.sequence > MAX_SEQUENCE:
        raise InvalidMessageError("event", f"sequence is over {MAX_SEQUENCE}")
    for name, number in (
        ("epoch", message.epoch),
        ("raw_data.count", raw.count),
        ("raw_data.exit_code", raw.exit_code or 0),
        ("raw_data.restart_count", raw.restart_count or 0),
    ):
        if not -MAX_COUNT <= number <= MAX_COUNT:
            raise InvalidMessageError("event", f"{name} is not within ±{MAX_COUNT}")


def _has_nul(value: object) -> bool:
    """Whether a text in here has U+0000. Asked only when the bytes look like it: an escaped backslash before `u0000` looks so too."""
    match msgspec.to_builtins(value):
        case str(text):
            return "\0" in text
        case dict(fields):
            return any(_has_nul(each) for each in fields.values())
        case list(items):
            return any(_has_nul(each) for each in items)
        case _:
            return False
