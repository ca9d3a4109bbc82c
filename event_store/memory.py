"""The log in memory: for tests of whatever follows the log or decides by it, without a server.

It keeps the promises of `log.py` that one process can notice, and passes the same contract suite: gapless positions over both kinds of streams, expected
versions, checkpoints that move once, transactions that happen whole or not at all. Events are kept as the bytes that PostgreSQL would get, so what cannot
be stored fails here too. There is no ledger, no archive and no other process; SQL it does not know: state rows are tables that it made (`table`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from threading import RLock
from typing import Any, NoReturn, Self, TypeVar, cast
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from psycopg import Cursor
from psycopg.rows import TupleRow

from aetherius.domain import vocabulary
from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Recorded
from aetherius.domain.wire.identity import milliseconds, milliseconds_of
from aetherius.event_store.errors import (
    CheckpointConflictError,
    StreamNotFoundError,
    UnknownPositionError,
    UnplaceableEventError,
)
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.reading.clusters import NO_CLUSTER, Clusters
from aetherius.event_store.reading.pages import LAST
from aetherius.event_store.reading.timeline import Timeline, check
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import OBSERVED, table_of
from aetherius.event_store.upkeep.partitions import FARTHEST
from aetherius.event_store.writing.claims import claim, distinct, stream_id_of
from aetherius.runtime.clock import utc_now

A = TypeVar("A", bound=Aggregate)
_TICK = timedelta(microseconds=1)

assert vocabulary.MODULES, "importing it makes every topic known"


class MemoryLog:
    """Stands in for `log.Log`. Thread-safe, as that is."""

    def __init__(self, *, sealing: Sealing = PLAIN, clock: Callable[[], datetime] = utc_now) -> None:
        """`clock`: says when an append is recorded; one that stands still is moved on by a microsecond."""
        self.sealing = sealing
        self.incarnation = 1
        self._clock = clock
        self._lock = RLock()
        self._rows: list[StoredEvent] = []
        self._streams: dict[UUID, list[int]] = {}
        self._recorded_at: list[datetime] = []
        self._checkpoints: dict[str, int] = {}
        self._tables: list[dict[Any, Any]] = []
        self._clusters = Clusters()
        self._timelines = [Timeline(1, uuid4(), 0, clock(), "memory")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""

    # Writes

    def append(self, batch: Sequence[Pending]) -> int:
        """Store the events together, each at the version it claims; the last position. Raises as ``Log.append`` does."""
        stored = [self.sealing.stored(pending) for pending in batch]
        with self._lock:
            self._claim(stored)
            return self._store(stored)

    def save(self, aggregate: Aggregate, cause: Cause) -> int:
        """Store what the aggregate decided; the last position. Raises as ``Log.save`` does."""
        pending = aggregate.collect()
        return self.append([Pending(aggregate.id, version, event, at, cause) for version, event, at in pending])

    def ingest(self, stored: Sequence[StoredEvent]) -> int:
        """Append those of the events whose (stream, version) is not known; how many were new."""
        with self._lock:
            known = {(row.originator_id, row.originator_version) for row in self._rows}
            fresh = [
                event for event in distinct(stored) if (event.originator_id, event.originator_version) not in known
            ]
            self._store(self.sealing.bulk(fresh))
        return len(fresh)

    def transact(
        self,
        name: str,
        position: int,
        pending: Sequence[Pending] = (),
        rows: Callable[[Cursor[TupleRow]], None] | None = None,
        *,
        after: int | None = None,
    ) -> int | None:
        """Move a checkpoint, write rows and append events, or none of these. Raises as ``Log.transact`` does.

        The cursor that `rows` is given knows no SQL: it changes tables of `table`.
        """
        events = [self.sealing.stored(item) for item in pending]
        with self._lock, self._whole():
            self._move(name, position, after)
            if rows:
                rows(cast("Cursor[TupleRow]", _NoSql()))
            self._claim(events)
            return self._store(events) if events else None

    def checkpoint(self, name: str) -> int:
        """The last position that `name` has done; 0 if it never did one."""
        with self._lock:
            return self._checkpoints.get(name, 0)

    def reset_checkpoint(self, name: str) -> None:
        """Forget a checkpoint, so that its owner starts again from the beginning."""
        with self._lock:
            self._checkpoints.pop(name, None)

    def table(self) -> dict[Any, Any]:
        """A table of state rows, by key: what is changed inside a transaction changes whole or not at all. Rows must be values: they are not copied."""
        made: dict[Any, Any] = {}
        with self._lock:
            self._tables.append(made)
        return made

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Nobody else changes the log or its tables meanwhile: for tables that are changed outside of transactions too."""
        with self._lock:
            yield

    def restore(self, position: int) -> None:
        """Lose what came after a position, as a restore from a backup does: another server answers from now on, on a timeline of its own."""
        with self._lock:
            for event in self._rows[position:]:
                self._streams[stream_id_of(event)].pop()
            del self._rows[position:], self._recorded_at[position:]
            self.incarnation += 1
            self._timelines.append(Timeline(self.incarnation, uuid4(), position, self._clock(), "memory"))

    # Reads

    def load(self, cls: type[A], id: UUID, *, version: int | None = None, position: int | None = None) -> A:
        """The aggregate as it is, or as it was at a version or at a position of the log. Raises ``StreamNotFoundError``."""
        upto = LAST if position is None else position
        history = [recorded for recorded in self.stream(id, 1, version) if recorded.position <= upto]
        if not history:
            raise StreamNotFoundError(cls.stream, id)
        return cls.replay(id, (recorded.event for recorded in history))

    def stream(self, id: UUID, from_version: int = 1, to_version: int | None = None) -> list[Recorded]:
        """The events of a stream between two versions, both included; empty if there are none."""
        last = LAST if to_version is None else to_version
        with self._lock:
            history = [self._recorded(position) for position in self._streams.get(id, ())]
        wanted = (recorded for recorded in history if from_version <= recorded.version <= last)
        return sorted(wanted, key=lambda recorded: recorded.version)

    def read(self, after: int, limit: int, topics: Sequence[str] = (), upto: int | None = None) -> list[Recorded]:
        """Up to `limit` events after a position, in order, of the given topics (all if none are given), at or before `upto`."""
        return self.read_page(after, limit, topics, upto).events

    def read_page(
        self,
        after: int,
        limit: int,
        topics: Sequence[str] = (),
        upto: int | None = None,
        *,
        clusters: Sequence[str] = (),
    ) -> Page:
        """As `read`, with the position to go on after; `clusters`: only events of these, and those that concern every cluster."""
        with self._lock:
            end = self.head() if upto is None else min(upto, self.head())
            events = list(islice(self._matching(after, end, topics, clusters), limit))
        return Page(events, events[-1].position if len(events) == limit else max(after, end))

    def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in order; those that the log does not have are left out."""
        with self._lock:
            return [self._recorded(position) for position in sorted(set(positions)) if 0 < position <= self.head()]

    def clusters_of(self, events: Sequence[Recorded]) -> list[str]:
        """The cluster that each event is about; "" for those that concern every cluster."""
        with self._lock:
            return self._clusters.of(events, lambda ids: [self._recorded(self._streams[id][0]) for id in ids])

    def head(self) -> int:
        """The last position of the log; 0 if it is empty."""
        with self._lock:
            return len(self._rows)

    def position_at(self, recorded_at: datetime) -> int:
        """The last position that was recorded at or before a moment (aware); 0 if none was."""
        with self._lock:
            return sum(at <= recorded_at for at in self._recorded_at)

    def recorded_at(self, position: int) -> datetime:
        """When the log recorded a position. Raises ``UnknownPositionError``."""
        with self._lock:
            if not 0 < position <= self.head():
                raise UnknownPositionError(position)
            return self._recorded_at[position - 1]

    def check(self, position: int, timeline: UUID | None = None) -> UUID:
        """The present timeline's id, if the log still holds what was read up to a position. Raises as ``Log.check`` does."""
        with self._lock:
            return check(self._timelines, self.head(), position, timeline)

    # The transaction

    @contextmanager
    def _whole(self) -> Generator[None, None, None]:
        """Take everything back if what happens inside raises."""
        checkpoints, tables = dict(self._checkpoints), [dict(table) for table in self._tables]
        try:
            yield
        except BaseException:
            self._checkpoints = checkpoints
            for table, before in zip(self._tables, tables, strict=True):
                table.clear()
                table.update(before)
            raise

    def _move(self, name: str, position: int, after: int | None) -> None:
        at = self._checkpoints.get(name, 0)
        if at >= position or (after is not None and at != after):
            raise CheckpointConflictError(name, position)
        self._checkpoints[name] = position

    def _claim(self, events: Sequence[StoredEvent]) -> None:
        ids = {stream_id_of(event) for event in events}
        claim(events, {id: self._last_version(id) for id in ids})

    def _last_version(self, id: UUID) -> int:
        return max((self._rows[position - 1].originator_version for position in self._streams.get(id, ())), default=0)

    def _store(self, events: Sequence[StoredEvent]) -> int:
        for event in events:
            self._place(event)
        now = max(self._clock(), self._recorded_at[-1] + _TICK) if self._recorded_at else self._clock()
        for event in events:
            self._rows.append(event)
            self._recorded_at.append(now)
            self._streams.setdefault(stream_id_of(event), []).append(len(self._rows))
        return len(self._rows)

    def _place(self, event: StoredEvent) -> None:
        id = stream_id_of(event)
        if table_of(event.topic) == OBSERVED and milliseconds_of(id) > milliseconds(self._clock() + FARTHEST):
            raise UnplaceableEventError(id, f"more than {FARTHEST.days} days ahead")

    def _recorded(self, position: int) -> Recorded:
        row = self._rows[position - 1]
        return self.sealing.recorded((position, row.originator_id, row.originator_version, row.topic, row.state))

    def _matching(self, after: int, end: int, topics: Sequence[str], clusters: Sequence[str]) -> Iterator[Recorded]:
        passing = {*clusters, NO_CLUSTER}
        for position in range(after + 1, end + 1):
            if not topics or self._rows[position - 1].topic in topics:
                recorded = self._recorded(position)
                if not clusters or self.clusters_of([recorded])[0] in passing:
                    yield recorded


class _NoSql:
    """In place of a cursor."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(f"a log in memory knows no SQL ({name}): keep state rows in tables of its own")
