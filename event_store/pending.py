"""What a writer hands to the log, and what a reader gets back page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from aetherius.domain.event import Cause, Event, Recorded, encode


class Pending(msgspec.Struct, frozen=True):
    """A decided event that is not yet stored."""

    stream_id: UUID
    version: int
    """The place it claims in its stream, from 1."""
    event: Event
    occurred_at: datetime
    cause: Cause

    def stored(self) -> StoredEvent:
        """The row it becomes if nothing is sealed (`Sealing.stored` seals)."""
        return StoredEvent(
            self.stream_id, self.version, self.event.topic, encode(self.event, self.occurred_at, self.cause)
        )


class Page(msgspec.Struct, frozen=True):
    """Events in order of position, and where to read on."""

    events: list[Recorded]
    next_position: int
    """Everything up to here was looked at: the position to go on after. Never past what is committed."""

    @property
    def readable(self) -> list[Recorded]:
        """The events without those that this version cannot read (``domain.event.Unreadable``)."""
        return [recorded for recorded in self.events if recorded.is_readable]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)
