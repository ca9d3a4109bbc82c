"""One append: positions, events, ledger entry and checkpoint in one transaction, in as few round trips as PostgreSQL allows.

Every writer takes the same advisory lock before it reads the ledger's head, and holds it until its commit. So positions have no gaps, and become
visible in order: a reader that has seen position p will never again find a new event at or below p. Two round trips for a small batch; COPY for
a large one, with the leaves hashed here while PostgreSQL takes the rows in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int4, Int8

from aetherius.event_store.errors import CheckpointConflictError
from aetherius.event_store.ledger import GENESIS, Entry, merkle_root, moment, preimage, seal
from aetherius.event_store.tables import APPEND_LOCK, Tables

COPY_THRESHOLD = 64
"""Events from which COPY's two extra round trips cost less than binary arrays."""

_CHUNK = 256
"""Events sent at once. A power of two, so that the Merkle tree of a chunk is a subtree of the batch's."""
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_COPY_START = Struct(">hiqi16siqi").pack  # 5 fields: position, id, version, and the length of the topic
_COPY_LENGTH = Struct(">i").pack


class Head(NamedTuple):
    """The end of the log, read under the lock."""

    position: int
    hash: bytes
    now: int
    """The database's clock in microseconds since the epoch, not before the last entry's."""


Row = tuple[int, bytes, int, bytes, bytes]
"""An event as the wire and the hash want it: position, stream id, version, topic, state."""
Versions = dict[UUID, int]
"""The last version of each stream; 0 for one that does not exist."""


class Appender:
    """Appends to the event tables of one schema, over connections in autocommit mode.

    A method leaves its connection in a failed transaction when it raises: the pool rolls back.
    """

    def __init__(self, tables: Tables, table_of: Callable[[str], str]) -> None:
        self._tables = tables
        self._table_of = table_of

    def begin(
        self,
        connection: Connection[Any],
        *,
        checkpoint: tuple[str, int] | None = None,
        streams: dict[str, list[UUID]] | None = None,
    ) -> tuple[Head, Versions]:
        """Open a transaction, take the lock, and read the head and the last versions of `streams` (by table). One round trip.

        Raises:
            CheckpointConflictError: the checkpoint is not below the position.
        """
        with connection.pipeline():
            connection.execute("BEGIN")
            moved = self._move_checkpoint(connection, checkpoint) if checkpoint else None
            reading = self.lock(connection, streams)
        if checkpoint and moved:
            confirm_checkpoint(moved, checkpoint)
        return reading()

    def lock(
        self, connection: Connection[Any], streams: dict[str, list[UUID]] | None = None
    ) -> Callable[[], tuple[Head, Versions]]:
        """Within a pipeline and a transaction: take the lock; the answer is there once the pipeline has ended."""
        self._run(connection, "lock", APPEND_LOCK)
        head = self._run(connection, "ledger_head")
        versions = [self._run(connection, "stream_versions", ids, events=t) for t, ids in (streams or {}).items()]
        return lambda: (_head(head), {row[0]: row[1] for cursor in versions for row in cursor.fetchall()})

    def store(self, connection: Connection[Any], head: Head, events: Sequence[StoredEvent]) -> Entry:
        """Write the events after `head` with their ledger entry, wake readers, commit."""
        topics = {topic: topic.encode() for topic in {event.topic for event in events}}
        tables = {self._table_of(topic) for topic in topics}
        if len(events) >= COPY_THRESHOLD and len(tables) == 1:
            return self._seal(connection, self._copy(connection, head, tables.pop(), events, topics), {})
        rows = _rows(head.position + 1, events, topics)
        leaves = _leaves(rows)
        entry = seal(head.hash, head.position + 1, head.now, leaves, merkle_root(leaves))
        groups: dict[str, list[Row]] = {}
        for event, row in zip(events, rows, strict=True):
            groups.setdefault(self._table_of(event.topic), []).append(row)
        return self._seal(connection, entry, groups)

    def known(self, connection: Connection[Any], events: Sequence[StoredEvent]) -> set[tuple[UUID, int]]:
        """Which of the events' keys the tables hold already; one round trip for each table concerned."""
        found: set[tuple[UUID, int]] = set()
        for table, group in self.by_table(events).items():
            ids = [event.originator_id for event in group]
            versions = [Int8(event.originator_version) for event in group]
            found.update(self._run(connection, "known_events", ids, versions, events=table).fetchall())
        return found

    def by_table(self, events: Iterable[StoredEvent]) -> dict[str, list[StoredEvent]]:
        """The events under the name of their table, each group in order."""
        groups: dict[str, list[StoredEvent]] = {}
        for event in events:
            groups.setdefault(self._table_of(event.topic), []).append(event)
        return groups

    def _copy(
        self,
        connection: Connection[Any],
        head: Head,
        table: str,
        events: Sequence[StoredEvent],
        topics: dict[str, bytes],
    ) -> Entry:
        """While PostgreSQL takes in one chunk of rows, its leaves and their subtree are hashed here, and the next is made."""
        first = head.position + 1
        leaves: list[bytes] = []
        subtrees: list[bytes] = []
        with connection.cursor() as cursor, cursor.copy(self._tables.statement("events_copy", table)) as copy:
            copy.write(_COPY_HEADER)
            for start in range(0, len(events), _CHUNK):
                rows = _rows(first + start, events[start : start + _CHUNK], topics)
                copy.write(b"".join([_copy_row(*row) for row in rows]))
                hashed = _leaves(rows)
                leaves += hashed
                subtrees.append(merkle_root(hashed))
            copy.write(_COPY_TRAILER)
        return seal(head.hash, first, head.now, leaves, merkle_root(subtrees))

    def _seal(self, connection: Connection[Any], entry: Entry, inserts: dict[str, list[Row]]) -> Entry:
        with connection.pipeline():
            for table, rows in inserts.items():
                self._insert(connection, table, rows)
            self._run(
                connection,
                "ledger_insert",
                Int8(entry.first),
                Int8(entry.last),
                Int4(entry.n),
                moment(entry.recorded_at),
                entry.root,
                entry.prev_hash,
                entry.hash,
                entry.leaves,
            )
            self._run(connection, "notify")
            connection.execute("COMMIT")
        return entry

    def _insert(self, connection: Connection[Any], table: str, rows: list[Row]) -> None:
        positions, ids, versions, topics, states = zip(*rows, strict=True)
        self._run(
            connection,
            "events_insert",
            [Int8(position) for position in positions],
            [UUID(bytes=stream_id) for stream_id in ids],
            [Int8(version) for version in versions],
            [topic.decode() for topic in topics],
            list(states),
            events=table,
        )

    def _move_checkpoint(self, connection: Connection[Any], checkpoint: tuple[str, int]) -> Cursor[Any]:
        return self._run(connection, "checkpoint_move", *checkpoint)

    def move_checkpoint(
        self, connection: Connection[Any], checkpoint: tuple[str, int], after: int | None = None
    ) -> None:
        """Within a transaction: move a checkpoint up (from exactly `after`, if given), or raise ``CheckpointConflictError``."""
        if after is None:
            moved = self._move_checkpoint(connection, checkpoint)
        else:
            moved = self._run(connection, "checkpoint_move_from", *checkpoint, after)
        confirm_checkpoint(moved, checkpoint)

    def _run(self, connection: Connection[Any], name: str, *values: object, events: str = "") -> Cursor[Any]:
        statement = self._tables.statement(name, events) if events else self._tables.statement(name)
        return connection.cursor(row_factory=tuple_row).execute(statement, values or None)


def confirm_checkpoint(moved: Cursor[Any], checkpoint: tuple[str, int]) -> None:
    """Raise ``CheckpointConflictError`` if the move changed nothing."""
    if moved.fetchone() is None:
        raise CheckpointConflictError(*checkpoint)


def _head(cursor: Cursor[Any]) -> Head:
    position, last_hash, now = cursor.fetchall()[0]
    return Head(position, GENESIS if last_hash is None else last_hash, now)


def _copy_row(position: int, stream_id: bytes, version: int, topic: bytes, state: bytes) -> bytes:
    start = _COPY_START(5, 8, position, 16, stream_id, 8, version, len(topic))
    return start + topic + _COPY_LENGTH(len(state)) + state


def _rows(first: int, events: Sequence[StoredEvent], topics: dict[str, bytes]) -> list[Row]:
    return [
        (position, event.originator_id.bytes, event.originator_version, topics[event.topic], event.state)  # type: ignore[union-attr]  # ids are UUIDs here
        for position, event in enumerate(events, first)
    ]


def _leaves(rows: list[Row]) -> list[bytes]:
    return [sha256(preimage(*row)).digest() for row in rows]
