"""What those who use the log need of it, each no more than it takes: so that another log (`memory.py`) can stand in for PostgreSQL's.

`log.py` says in full what each of these promises; `tests/contracts/event_log/` holds every log to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Recorded
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.sealing import Sealing

A = TypeVar("A", bound=Aggregate)
Write = Callable[[Cursor[TupleRow]], object]
"""Writes state rows inside the transaction that moves a checkpoint. Must not commit."""


class Streams(Protocol):
    """Reads aggregates."""

    def load(self, cls: type[A], id: UUID, /) -> A:
        """The aggregate as it is. Raises ``StreamNotFoundError``."""

    def stream(self, id: UUID, /) -> list[Recorded]:
        """The events of a stream, empty if there are none."""


class Saves(Streams, Protocol):
    """Reads aggregates, and stores what they decide."""

    def save(self, aggregate: Aggregate, cause: Cause) -> int:
        """Store it; the last position. Raises ``VersionConflictError``: another writer was first."""


class Evidence(Streams, Protocol):
    """Reads aggregates, and opens what they keep sealed."""

    @property
    def sealing(self) -> Sealing:
        """How secrets are sealed."""


class Pages(Protocol):
    """Reads the log in order."""

    @property
    def incarnation(self) -> int:
        """Rises when another server answers than before. Compare after a read, before using it."""

    def head(self) -> int:
        """The last position; 0 if the log is empty."""

    def read_page(
        self,
        after: int,
        limit: int,
        topics: Sequence[str] = (),
        upto: int | None = None,
        *,
        clusters: Sequence[str] = (),
    ) -> Page:
        """Up to `limit` events after a position, of some topics and clusters, and the position to go on after."""

    def position_at(self, recorded_at: datetime) -> int:
        """The last position that was recorded at or before a moment (aware); 0 if none was."""

    def check(self, position: int, timeline: UUID | None = None) -> UUID:
        """The present timeline's id, if the log still holds what was read up to a position. Raises ``PositionAheadError``, ``AnotherTimelineError``."""


class Checkpoints(Protocol):
    """Keeps how far each reader came, in one transaction with what it made of what it read."""

    def checkpoint(self, name: str) -> int:
        """The last position that `name` has done; 0 if it never did one."""

    def transact(
        self,
        name: str,
        position: int,
        pending: Sequence[Pending] = (),
        rows: Callable[[Cursor[TupleRow]], None] | None = None,
        *,
        after: int | None = None,
    ) -> int | None:
        """Move a checkpoint, write rows and append events, or none of these. Raises ``CheckpointConflictError``, ``VersionConflictError``."""


class EventLog(Pages, Checkpoints, Saves, Evidence, Protocol):
    """All that rooms use of the log, but its upkeep."""

    def append(self, batch: Sequence[Pending]) -> int:
        """Store the events together, each at the version it claims; the last position. Raises ``VersionConflictError``, ``UnplaceableEventError``."""

    def ingest(self, stored: Sequence[StoredEvent]) -> int:
        """Append those of the events whose (stream, version) is not known, in order; how many were new. Raises ``UnplaceableEventError``."""

    def reset_checkpoint(self, name: str) -> None:
        """Forget a checkpoint."""

    def load(self, cls: type[A], id: UUID, /, *, version: int | None = None, position: int | None = None) -> A:
        """The aggregate as it is, or as it was at a version or at a position. Raises ``StreamNotFoundError``."""

    def stream(self, id: UUID, /, from_version: int = 1, to_version: int | None = None) -> list[Recorded]:
        """The events of a stream between two versions, both included."""

    def read(self, after: int, limit: int, topics: Sequence[str] = (), upto: int | None = None) -> list[Recorded]:
        """The events of `read_page`."""

    def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in order; those that the log does not have are left out."""

    def clusters_of(self, events: Sequence[Recorded]) -> list[str]:
        """The cluster that each event is about; "" for those that concern every cluster."""

    def recorded_at(self, position: int) -> datetime:
        """When the log recorded a position. Raises ``UnknownPositionError``."""
