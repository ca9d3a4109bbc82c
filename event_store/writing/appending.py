"""One append: positions, events, ledger entry and checkpoint in one transaction, in as few round trips as PostgreSQL allows.

Every writer takes the same advisory lock before it reads the ledger's head, and holds it until its commit. So positions have no gaps, and become
visible in order: a reader that has seen position p will never again find a new event at or below p. One round trip for a small batch of one
table; COPY for a large one, with the leaves hashed here while PostgreSQL takes the rows in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import sha256
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import ClientCursor, Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composable
from psycopg.types.numeric import Int4, Int8

from aetherius.event_store.errors import CheckpointConflictError
from aetherius.event_store.ledger import GENESIS, Entry, leaf_start, merkle_root, moment, preimage, seal
from aetherius.event_store.tables import APPEND_LOCK, BULK_LOCK, DECIDED, Tables
from aetherius.event_store.writing.small_append import SMALL, store_small

COPY_THRESHOLD = 64
"""Events from which COPY's two extra round trips cost less than binary arrays."""

_CHUNK = 1024
"""Events sent at once. A power of two, so that the Merkle tree of a chunk is a subtree of the batch's."""
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"


class Head(NamedTuple):
    """The end of the log, read under the lock."""

    position: int
    hash: bytes
    now: int
    """The database's clock in microseconds since the epoch, not before the last entry's."""


Row = tuple[int, bytes, int, bytes, bytes]
"""An event as the wire and the hash want it: position, stream id, version, topic, state."""
Question = tuple[Composable, Sequence[object]]
"""A statement and its values."""
Streams = dict[str, list[UUID]]
"""Stream ids by table."""
Versions = dict[UUID, int]
"""The last version of each stream; 0 for one that does not exist."""


class Appender:
    """Appends to the event tables of one schema, over connections in autocommit mode.

    A method leaves its connection in a failed transaction when it raises: the pool rolls back.
    """

    def __init__(self, tables: Tables, table_of: Callable[[str], str]) -> None:
        self._tables = tables
        self._table_of = table_of
        self._guess = 0
        """The last position that this appender knows of."""

    def store_at_once(
        self,
        connection: Connection[Any],
        events: Sequence[StoredEvent],
        streams: Versions,
        *,
        checkpoint: tuple[str, int] | None = None,
    ) -> int | None:
        """Store a small batch of one table, if it is that, in one round trip; its last position. None: it must be stored by `begin` and `store`.

        `streams` says with which versions the streams must end so far.

        Raises:
            CheckpointConflictError: the checkpoint is not below the position; nothing was written.
            UniqueViolation: a stream ends otherwise; nothing was written.
        """
        tables = {self._table_of(topic) for topic in {event.topic for event in events}}
        if len(events) > SMALL or len(tables) != 1:
            return None
        last = store_small(
            connection,
            self._tables,
            tables.pop(),
            events,
            guess=self._guess,
            streams={id: version for id, version in streams.items() if version},  # of a new one the primary key tells
            checkpoint=checkpoint,
        )
        if last < 0 and checkpoint:
            raise CheckpointConflictError(*checkpoint)
        self._guess = last
        return last

    def begin(
        self,
        connection: Connection[Any],
        *,
        checkpoint: tuple[str, int] | None = None,
        streams: Streams | None = None,
        bulk: bool = False,
    ) -> tuple[Head, Versions]:
        """Open a transaction, move the checkpoint, take the lock, and read the head and the last versions of `streams`. One round trip.

        A `bulk` append stands in line for the log only while no other one does.

        Raises:
            CheckpointConflictError: the checkpoint is not below the position.
        """
        opening: list[Question] = [(SQL("BEGIN"), ())]
        if checkpoint:
            opening.append(self._question("checkpoint_move", *checkpoint))
        if bulk:
            opening.append(self._question("lock", BULK_LOCK))
        answers = _ask(connection, [*opening, *self._locking(streams)])
        _confirm(answers, checkpoint)
        return _locked(answers[len(opening) :])

    def begin_at(self, connection: Connection[Any], name: str, position: int, after: int | None) -> None:
        """Open a transaction and move a checkpoint up (from exactly `after`, if given), without the lock.

        Raises:
            CheckpointConflictError: it is not below `position`, or not at `after`.
        """
        if after is None:
            move = self._question("checkpoint_move", name, position)
        elif after == 0:
            move = self._question("checkpoint_start", name, position)
        else:  # a checkpoint that was reset meanwhile must not come back
            move = self._question("checkpoint_move_from", position, name, after, position)
        _confirm(_ask(connection, [(SQL("BEGIN"), ()), move]), (name, position))

    def lock(self, connection: Connection[Any], streams: Streams) -> tuple[Head, Versions]:
        """Within a transaction: take the lock, read the head and the last versions of `streams`. One round trip."""
        return _locked(_ask(connection, self._locking(streams)))

    def _locking(self, streams: Streams | None) -> list[Question]:
        return [
            self._question("lock", APPEND_LOCK),
            self._question("notify"),
            self._question("ledger_head"),
            *(self._question("stream_versions", ids, events=table) for table, ids in (streams or {}).items()),
        ]

    def _question(self, name: str, *values: object, events: str = DECIDED) -> Question:
        return self._tables.statement(name, events), values

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
                rows, preimages = _encoded(first + start, events[start : start + _CHUNK], topics)
                copy.write(rows)
                hashed = [sha256(image).digest() for image in preimages]
                leaves += hashed
                subtrees.append(merkle_root(hashed))
            copy.write(_COPY_TRAILER)
        return seal(head.hash, first, head.now, leaves, merkle_root(subtrees))

    def _seal(self, connection: Connection[Any], entry: Entry, inserts: dict[str, list[Row]]) -> Entry:
        with connection.pipeline():  # one round trip; what fails raises here
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
            connection.execute("COMMIT")
        self._guess = entry.last
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

    def _run(self, connection: Connection[Any], name: str, *values: object, events: str = DECIDED) -> Cursor[Any]:
        return connection.cursor(row_factory=tuple_row).execute(self._tables.statement(name, events), values or None)


def _ask(connection: Connection[Any], questions: Sequence[Question]) -> list[list[Any]]:
    """The rows that each statement answers; all go in one message, values bound here: less work than a pipeline, and one round trip."""
    text = SQL("; ").join(statement for statement, _ in questions)
    values = [value for _, own in questions for value in own]
    cursor = ClientCursor(connection, row_factory=tuple_row).execute(text, values)
    answers = [_fetched(cursor)]
    while cursor.nextset():
        answers.append(_fetched(cursor))
    return answers


def _fetched(cursor: Cursor[Any]) -> list[Any]:
    return cursor.fetchall() if cursor.description else []


def _confirm(answers: list[list[Any]], checkpoint: tuple[str, int] | None) -> None:
    if checkpoint and not answers[1]:
        raise CheckpointConflictError(*checkpoint)


def _locked(answers: list[list[Any]]) -> tuple[Head, Versions]:
    _, _, [(position, last_hash, now)], *versions = answers
    head = Head(position, GENESIS if last_hash is None else last_hash, now)
    return head, {stream_id: version for rows in versions for stream_id, version in rows}


def _encoded(first: int, events: Sequence[StoredEvent], topics: dict[str, bytes]) -> tuple[bytes, list[bytes]]:
    """The events as rows for COPY, and the preimages of their leaves: one loop, as each event costs a tenth of what PostgreSQL needs for it."""
    packers = {topic: (t, len(t), _copy_start(len(t)), leaf_start(len(t))) for topic, t in topics.items()}
    rows: list[bytes] = []
    preimages: list[bytes] = []
    for position, event in enumerate(events, first):
        topic, size, copy_start, start = packers[event.topic]
        stream_id, version, state = event.originator_id.bytes, event.originator_version, event.state  # type: ignore[union-attr]  # a UUID
        rows += copy_start(5, 8, position, 16, stream_id, 8, version, size, topic, len(state)), state
        preimages.append(start(0, position, stream_id, version, size, topic) + state)
    return b"".join(rows), preimages


@cache
def _copy_start(topic_size: int) -> Callable[..., bytes]:
    return Struct(f">hiqi16siqi{topic_size}si").pack  # 5 fields, each after its length: all of a row but the state


def _rows(first: int, events: Sequence[StoredEvent], topics: dict[str, bytes]) -> list[Row]:
    return [
        (position, event.originator_id.bytes, event.originator_version, topics[event.topic], event.state)  # type: ignore[union-attr]  # ids are UUIDs here
        for position, event in enumerate(events, first)
    ]


def _leaves(rows: list[Row]) -> list[bytes]:
    return [sha256(preimage(*row)).digest() for row in rows]
