"""The log: the only truth, an ordered sequence of domain events on PostgreSQL that nothing but an append changes.

This class is what other rooms use. It is synchronous and thread-safe: async code calls it through `anyio.to_thread`. What it promises: positions have no
gaps and become visible in order; an append is stored whole or not at all; `transact` applies once. How: docs/event-log.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from functools import partial
from typing import Self, TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Cursor, errors
from psycopg.rows import TupleRow

from aetherius.domain.aggregate import Aggregate
from aetherius.domain.event import Cause, Recorded
from aetherius.event_store.connections import LOCK_TIMEOUT, STUCK_AFTER, Connections
from aetherius.event_store.errors import StreamNotFoundError, UnplaceableEventError, VersionConflictError
from aetherius.event_store.metrics import APPEND_SECONDS
from aetherius.event_store.pending import Page, Pending
from aetherius.event_store.reading.catch_up import StoredRow
from aetherius.event_store.reading.moment import Moment
from aetherius.event_store.reading.pages import LAST, Reader
from aetherius.event_store.reading.timeline import Timeline, check, timelines
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import LOG, OBSERVED, table_of
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.log_standing import LogStanding, standing
from aetherius.event_store.upkeep.partitions import Partition
from aetherius.event_store.writing.appending import COPY_THRESHOLD, Appender
from aetherius.event_store.writing.claims import claim, distinct, ends, expected, stream_id_of
from aetherius.event_store.writing.group_commit import Batch, GroupCommit, Outcome

A = TypeVar("A", bound=Aggregate)
R = TypeVar("R")

BULK = 4000
"""Events that `ingest` stores in one transaction at most: bounds how long it holds the log's lock."""


class Log:
    """Appends to and reads from the log. Every method may raise ``LogUnavailableError``, which says what may be repeated."""

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 8,
        timeout: float = 10.0,
        lock_timeout: float = LOCK_TIMEOUT,
        stuck_after: float = STUCK_AFTER,
        sealing: Sealing = PLAIN,
    ) -> None:
        """Connect in the background.

        Args:
            dsn: libpq connection string; the tables are there already (`aetherius migrate`).
            pool_size: connections at most; one is enough for all appends, each read and transaction at a time takes one.
            timeout: seconds that a caller waits for a free connection.
            lock_timeout: seconds that an append waits for another one.
            stuck_after: seconds without a word from that other one, after which its session is ended then.
            sealing: how secrets are sealed; without keys none is stored.
        """
        self._connections = Connections(
            dsn, size=pool_size, timeout=timeout, lock_timeout=lock_timeout, stuck_after=stuck_after
        )
        self._appender = Appender(LOG, table_of)
        self._reader = Reader(LOG, sealing)
        self.sealing = sealing
        self._group_commit = GroupCommit(self._commit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish the appends that were taken, then let every connection go."""
        self._group_commit.close()
        self._connections.close()

    # Writes

    def append(self, batch: Sequence[Pending]) -> int:
        """Store the events together, each at the version it claims; the last position.

        Raises:
            VersionConflictError: a claimed version does not follow what is stored; nothing was written.
            UnplaceableEventError: an observation is of a time that is archived, or too far ahead; nothing was written.
        """
        if not batch:
            return self.head()
        return self._group_commit.append([self.sealing.stored(pending) for pending in batch])

    def save(self, aggregate: Aggregate, cause: Cause) -> int:
        """Store what the aggregate decided; the last position. After an error throw the aggregate away and load it again.

        Raises:
            VersionConflictError: another writer was first; nothing was written.
        """
        pending = aggregate.collect()
        return self.append([Pending(aggregate.id, version, event, at, cause) for version, event, at in pending])

    def ingest(self, stored: Sequence[StoredEvent]) -> int:
        """Append those of the events whose (stream, version) is not known, in order; how many were new. Safe to repeat.

        The primary key is the only de-duplication; no version is checked against its stream. More than `BULK` events are stored in several transactions.

        Raises:
            UnplaceableEventError: an observation is of a time that is archived, or too far ahead; of the transaction with it nothing was written.
        """
        fresh = self.sealing.bulk(distinct(stored))
        parts = (fresh[start : start + BULK] for start in range(0, len(fresh), BULK))
        return sum(self._in_place(part, partial(self._ingest, part)) for part in parts)

    @APPEND_SECONDS.labels("ingest").time()
    def _ingest(self, fresh: Sequence[StoredEvent]) -> int:
        try:
            with self._connections.connection() as connection:
                if self._appender.store_at_once(connection, fresh, {}) is None:
                    head, _ = self._appender.begin(connection, bulk=True)
                    self._appender.store(connection, head, fresh)
            return len(fresh)
        except errors.UniqueViolation:
            return self._ingest_unknown(fresh)

    def _ingest_unknown(self, stored: Sequence[StoredEvent]) -> int:
        with self._connections.connection() as connection:
            head, _ = self._appender.begin(connection, bulk=True)
            known = self._appender.known(connection, stored)
            fresh = [event for event in stored if (event.originator_id, event.originator_version) not in known]
            if fresh:
                self._appender.store(connection, head, fresh)
            else:
                connection.execute("ROLLBACK")
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
        """In one transaction: move checkpoint `name` up to `position`, write rows, append events; their last position.

        Two replicas that do the same work apply it once: the second waits for the first, then is refused. Without events the log's lock is not taken.

        Args:
            name: of the checkpoint; made when missing.
            position: last position whose events this transaction has taken in.
            pending: each under its claimed version.
            rows: called with a cursor inside the transaction, after the checkpoint moved. Must not commit. Called again, in a new transaction, if a
                partition had to be made first.
            after: the checkpoint that the caller read its events after (0: none yet). Without it a replica with a longer batch overtakes one with a
                shorter, and what both read is applied twice.

        Raises:
            CheckpointConflictError: the checkpoint is at `position` or past it, or no longer at `after`; nothing was written.
            VersionConflictError: nothing was written.
            UnplaceableEventError: nothing was written.
        """
        events = [self.sealing.stored(item) for item in pending]
        return self._in_place(events, lambda: self._transact(name, position, events, rows, after))

    @APPEND_SECONDS.labels("transact").time()
    def _transact(
        self,
        name: str,
        position: int,
        events: list[StoredEvent],
        rows: Callable[[Cursor[TupleRow]], None] | None,
        after: int | None,
    ) -> int | None:
        with self._connections.connection() as connection:
            self._appender.begin_at(connection, name, position, after)
            if rows:
                with connection.cursor() as cursor:
                    rows(cursor)
            if not events:
                connection.execute("COMMIT")
                return None
            head, versions = self._appender.lock(connection, self._streams([events]))
            claim(events, versions)
            return self._appender.store(connection, head, events).last

    def checkpoint(self, name: str) -> int:
        """The last position that `name` has done; 0 if it never did one."""
        with self._connections.connection() as connection:
            return self._reader.checkpoint(connection, name)

    def reset_checkpoint(self, name: str) -> None:
        """Forget a checkpoint, so that its owner starts again from the beginning."""
        with self._connections.connection() as connection:
            connection.execute(LOG.statement("checkpoint_reset"), (name,))

    # Reads

    def load(self, cls: type[A], id: UUID, *, version: int | None = None, position: int | None = None) -> A:
        """The aggregate as it is, or as it was at a version or at a position of the log.

        Raises:
            StreamNotFoundError: the stream has no event up to there.
        """
        with self._connections.connection() as connection:
            history = self._reader.stream(
                connection, id, 1, LAST if version is None else version, LAST if position is None else position
            )
        if not history:
            raise StreamNotFoundError(cls.stream, id)
        return cls.replay(id, (recorded.event for recorded in history))

    def stream(self, id: UUID, from_version: int = 1, to_version: int | None = None) -> list[Recorded]:
        """The events of a stream between two versions, both included; empty if there are none."""
        with self._connections.connection() as connection:
            return self._reader.stream(connection, id, from_version, LAST if to_version is None else to_version, LAST)

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
        """As `read`, with the position to go on after: it moves past events that the filter leaves out, never past one not yet committed.

        `clusters`: only events of these, and those that concern every cluster; of all if none are given.
        """
        with self._connections.connection() as connection:
            return self._reader.page(connection, after, limit, topics, upto, clusters)

    def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in order; those that the log does not have are left out."""
        with self._connections.connection() as connection:
            return self._reader.at(connection, positions)

    def clusters_of(self, events: Sequence[Recorded]) -> list[str]:
        """The cluster that each event is about, named by itself or by the first event of its stream; "" for those that concern every cluster."""
        with self._connections.connection() as connection:
            return self._reader.filtered.clusters(connection, events)

    def stored(
        self, after: int, upto: int | None = None, *, size: int = 2000
    ) -> Generator[list[StoredRow], None, None]:
        """What is stored after a position, at or before `upto` (by default all that there is), not decoded, page by page: the fast way to read a lot.

        Has a connection of its own until it is used up or closed.
        """
        with self._connections.connection() as connection:
            yield from self._reader.stored(connection, after, LAST if upto is None else upto, size)

    def head(self) -> int:
        """The last position of the log; 0 if it is empty."""
        with self._connections.connection() as connection:
            return self._reader.head(connection)

    def position_at(self, recorded_at: datetime) -> int:
        """The last position that was recorded at or before a moment (aware); 0 if none was."""
        with self._connections.connection() as connection:
            return self._reader.position_at(connection, recorded_at)

    def moment(self, at: datetime) -> Moment:
        """What a time (aware) is to the log, and whether it is past by the database's clock."""
        with self._connections.connection() as connection:
            return self._reader.moment(connection, at)

    def recorded_at(self, position: int) -> datetime:
        """When the log recorded a position.

        Raises:
            UnknownPositionError: the log has no such position.
        """
        with self._connections.connection() as connection:
            return self._reader.recorded_at(connection, position)

    # Restores

    @property
    def incarnation(self) -> int:
        """Rises when another PostgreSQL server answers than before. A reader that was ahead of its checkpoint goes back to it then: the log may have been
        restored to an earlier point. Compare after a read, before using it."""
        return self._connections.incarnation

    def timelines(self) -> list[Timeline]:
        """The log's histories, the present one last."""
        with self._connections.connection() as connection:
            return timelines(connection)

    def standing(self) -> LogStanding:
        """Where the log stands: its end, its clock, its timeline."""
        with self._connections.connection() as connection:
            return standing(connection)

    def check(self, position: int, timeline: UUID | None = None) -> UUID:
        """The present timeline's id, if the log still holds what was read up to a position; `timeline`: the id that was kept with it.

        Raises:
            PositionAheadError: the log ends before it.
            AnotherTimelineError: the log was restored to an earlier point since, or is another log.
        """
        with self._connections.connection() as connection:
            return check(timelines(connection), self._reader.head(connection), position, timeline)

    def archive_edge(self) -> datetime | None:
        """The moment before which observations are archived, so that no more are taken; None while nothing is."""
        with self._connections.connection() as connection:
            return partitions.archive_edge(connection)

    # Partitions

    def make_partitions(self, days: int | None = None) -> list[Partition]:
        """Make the partitions of the next weeks where they are missing; those made. `days`: the width of new ones from now on."""
        with self._connections.connection() as connection:
            return partitions.make_ahead(connection, days=days)

    def _in_place(self, events: Sequence[StoredEvent], write: Callable[[], R]) -> R:
        """Write; if an observation finds no partition, make it and write again. Each connection may miss it once, though another has it."""
        for _ in range(self._connections.size):
            try:
                return write()
            except errors.CheckViolation:
                self._make_room(events)
        return write()

    def _make_room(self, events: Sequence[StoredEvent]) -> None:
        ids = [stream_id_of(event) for event in events if table_of(event.topic) == OBSERVED]
        with self._connections.connection() as connection:
            partitions.make_room(connection, ids)

    # Group commit

    @APPEND_SECONDS.labels("group").time()
    def _commit(self, batches: Sequence[Batch]) -> Sequence[Outcome]:
        try:
            return self._commit_at_once(batches) or self._commit_each(batches)
        except errors.CheckViolation:
            return self._commit_in_place(batches)

    def _commit_at_once(self, batches: Sequence[Batch]) -> Sequence[Outcome] | None:
        """Store all in one round trip, if they are few and nothing speaks against any; else None."""
        events = [event for batch in batches for event in batch]
        streams = expected(events)
        if streams is None:
            return None
        try:
            with self._connections.connection() as connection:
                last = self._appender.store_at_once(connection, events, streams)
        except errors.UniqueViolation:
            return None
        return None if last is None else ends(last - len(events), batches)

    def _commit_in_place(self, batches: Sequence[Batch]) -> Sequence[Outcome]:
        refused: dict[int, Outcome] = {}
        for number, batch in enumerate(batches):
            try:
                self._make_room(batch)
            except UnplaceableEventError as exc:
                refused[number] = exc
        placed = [batch for number, batch in enumerate(batches) if number not in refused]
        events = [event for batch in placed for event in batch]
        stored = iter(self._in_place(events, partial(self._commit_each, placed)) if placed else ())
        return [refused[number] if number in refused else next(stored) for number in range(len(batches))]

    def _commit_each(self, batches: Sequence[Batch]) -> Sequence[Outcome]:
        """Judge each batch by the versions as the ones before it leave them, and store those that hold."""
        with self._connections.connection() as connection:
            bulk = sum(map(len, batches)) >= COPY_THRESHOLD
            head, versions = self._appender.begin(connection, streams=self._streams(batches), bulk=bulk)
            accepted: list[StoredEvent] = []
            outcomes: list[Outcome] = []
            for batch in batches:
                try:
                    claim(batch, versions)
                except VersionConflictError as exc:
                    outcomes.append(exc)
                else:
                    accepted += batch
                    outcomes.append(head.position + len(accepted))
            if accepted:
                self._appender.store(connection, head, accepted)
            else:
                connection.execute("ROLLBACK")
        return outcomes

    def _streams(self, batches: Sequence[Batch]) -> dict[str, list[UUID]]:
        groups = self._appender.by_table(event for batch in batches for event in batch)
        return {table: list({stream_id_of(event) for event in events}) for table, events in groups.items()}
