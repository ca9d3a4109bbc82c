"""The log as a list in memory: what every read of the real one must say, for tests that compare the two.

It knows nothing of tables, locks, ledgers or files: a write is judged against the whole list, and a read is a pass over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from aetherius.domain.event import Recorded
from aetherius.event_store.errors import CheckpointConflictError, UnplaceableEventError, VersionConflictError
from aetherius.event_store.pending import Pending
from aetherius.event_store.tables import OBSERVED, table_of

Key = tuple[UUID, int]


@dataclass
class LogModel:
    """Events in order of position, the moments at which they were recorded, and checkpoints. Writes raise what the log must raise, and then change nothing."""

    events: list[Recorded] = field(default_factory=list)
    recorded: list[tuple[int, datetime]] = field(default_factory=list)
    """Of each batch: its last position, and when it was recorded. Only the log knows that: see `note`."""
    checkpoints: dict[str, int] = field(default_factory=dict)
    archive_edge: datetime | None = None

    @property
    def head(self) -> int:
        return len(self.events)

    # Writes

    def append(self, batch: Sequence[Pending]) -> int:
        """Each at the version it claims, or none."""
        claimed: dict[UUID, int] = {}
        for pending in batch:
            last = claimed.get(pending.stream_id, self.last_version(pending.stream_id))
            if pending.version != last + 1:
                raise VersionConflictError(pending.stream_id, pending.version)
            claimed[pending.stream_id] = pending.version
        self._place(batch)
        self._store(batch)
        return self.head

    def ingest(self, batch: Sequence[Pending]) -> int:
        """Those whose key is new; how many."""
        self._place(batch)
        known: set[Key] = {(event.stream_id, event.version) for event in self.events}
        fresh = {
            key: pending for pending in reversed(batch) if (key := (pending.stream_id, pending.version)) not in known
        }
        self._store([pending for pending in batch if fresh.pop((pending.stream_id, pending.version), None)])
        return self.head - len(known)

    def transact(self, name: str, position: int, pending: Sequence[Pending], after: int | None) -> int | None:
        """The checkpoint and the events, or neither."""
        at = self.checkpoints.get(name, 0)
        if at >= position or (after is not None and at != after):
            raise CheckpointConflictError(name, position)
        last = self.append(pending) if pending else None
        self.checkpoints[name] = position
        return last

    def note(self, last: int, at: datetime) -> None:
        """When the batch that ends at a position was recorded."""
        self.recorded.append((last, at))

    def cut(self, position: int) -> None:
        """Lose what lies behind a position, as a restore does. Readers that were ahead stand at the end now."""
        del self.events[position:]
        self.recorded = [(last, at) for last, at in self.recorded if last <= position]
        self.checkpoints = {name: min(at, position) for name, at in self.checkpoints.items()}

    def _place(self, batch: Sequence[Pending]) -> None:
        for pending in batch:
            if is_observed(pending) and self.archive_edge and pending.occurred_at < self.archive_edge:
                raise UnplaceableEventError(pending.stream_id, "archived")

    def _store(self, batch: Sequence[Pending]) -> None:
        for pending in batch:
            self.events.append(
                Recorded(
                    position=self.head + 1,
                    stream_id=pending.stream_id,
                    version=pending.version,
                    event=pending.event,
                    occurred_at=pending.occurred_at,
                    cause=pending.cause,
                )
            )

    # Reads

    def last_version(self, stream_id: UUID) -> int:
        return max((event.version for event in self.events if event.stream_id == stream_id), default=0)

    def page(self, after: int, limit: int, topics: Sequence[str], upto: int | None) -> list[Recorded]:
        return self.matching(after, self.head if upto is None else upto, topics)[:limit]

    def matching(self, after: int, upto: int, topics: Sequence[str] = ()) -> list[Recorded]:
        """What lies behind `after`, up to `upto`, and is of one of the topics (any, if none are given)."""
        return [event for event in self.events[after:upto] if not topics or event.event.topic in topics]

    def stream(self, id: UUID, first: int = 1, last: int | None = None, position: int | None = None) -> list[Recorded]:
        upto = self.head if position is None else position
        found = [event for event in self.events[:upto] if event.stream_id == id and event.version >= first]
        return [event for event in found if last is None or event.version <= last]

    def position_at(self, at: datetime) -> int:
        return max((last for last, recorded_at in self.recorded if recorded_at <= at), default=0)

    def recorded_at(self, position: int) -> datetime:
        return next(at for last, at in self.recorded if last >= position)


def is_observed(pending: Pending) -> bool:
    return table_of(pending.event.topic) == OBSERVED
