"""One append: positions, events, ledger entry and checkpoint in one transaction, in as few round trips as PostgreSQL allows.

Every writer takes the same advisory lock before it reads the ledger's head, and holds it until its commit. So positions have no gaps, and become
visible in order: a reader that has seen position p will never again find a new event at or below p. Two round trips for a small batch; COPY for
a large one, with the leaves hashed here while PostgreSQL takes the rows in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int4, Int8

from aetherius.event_store.errors import CheckpointConflictError
from aetherius.event_store.ledger import GENESIS, Entry, moment, preimage, seal
from aetherius.event_store.tables import APPEND_LOCK, Tables

COPY_THRESHOLD = 64
"""Events from which COPY's two extra round trips cost less than binary arrays."""

_CHUNK = 250
"""Events sent at once: PostgreSQL takes in one chunk while the leaves of the one before are hashed."""
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


class Placed(NamedTuple):
    """An event with the position it gets, ready for the wire."""

    position: int
    stream_id: bytes
    version: int
    topic: bytes
    state: bytes


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
        by_table = self._place(head.position, events)
        if len(events) < COPY_THRESHOLD:
            leaves = [sha256(preimage(*placed)).digest() for placed in _in_order(by_table)]
            return self._seal(connection, head, leaves, by_table)
        leaves = [b""] * len(events)
        for table, placed in by_table.items():
            self._copy(connection, table, placed, leaves, head.position + 1)
        return self._seal(connection, head, leaves, {})

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

    def _place(self, after: int, events: Sequence[StoredEvent]) -> dict[str, list[Placed]]:
        topics: dict[str, tuple[list[Placed], bytes]] = {}
        groups: dict[str, list[Placed]] = {}
        for position, event in enumerate(events, after + 1):
            topic = event.topic
            known = topics.get(topic)
            if known is None:
                known = topics[topic] = (groups.setdefault(self._table_of(topic), []), topic.encode())
            group, encoded = known
            stream_id = event.originator_id.bytes  # type: ignore[union-attr]  # ids are UUIDs here
            group.append(Placed(position, stream_id, event.originator_version, encoded, event.state))
        return groups

    def _copy(
        self, connection: Connection[Any], table: str, placed: list[Placed], leaves: list[bytes], first: int
    ) -> None:
        statement = self._tables.statement("events_copy", table)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_COPY_HEADER)
            for chunk in _chunks(placed):
                copy.write(b"".join([_copy_row(*row) for row in chunk]))
                for row in chunk:
                    leaves[row[0] - first] = sha256(preimage(*row)).digest()
            copy.write(_COPY_TRAILER)

    def _seal(
        self, connection: Connection[Any], head: Head, leaves: list[bytes], inserts: dict[str, list[Placed]]
    ) -> Entry:
        entry = seal(head.hash, head.position + 1, head.now, leaves)
        with connection.pipeline():
            for table, placed in inserts.items():
                self._insert(connection, table, placed)
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

    def _insert(self, connection: Connection[Any], table: str, placed: list[Placed]) -> None:
        positions, ids, versions, topics, states = zip(*placed, strict=True)
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

    def move_checkpoint(self, connection: Connection[Any], checkpoint: tuple[str, int]) -> None:
        """Within a transaction: move a checkpoint up, or raise ``CheckpointConflictError``."""
        confirm_checkpoint(self._move_checkpoint(connection, checkpoint), checkpoint)

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


def _chunks(placed: list[Placed]) -> Iterator[list[Placed]]:
    rows = iter(placed)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _in_order(by_table: dict[str, list[Placed]]) -> list[Placed]:
    groups = list(by_table.values())
    return groups[0] if len(groups) == 1 else sorted(placed for group in groups for placed in group)
