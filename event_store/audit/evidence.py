"""Evidence from the log: the proof of one event, and the lines of a bundle, read in one snapshot.

What is handed out was checked: an event that is not what the ledger recorded is refused by name, as evidence that fails its own check helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import merge
from typing import IO, Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.event_store import ledger
from aetherius.event_store.archive.catalogue import archived_at_time, archived_between
from aetherius.event_store.archive.reading import ARCHIVED
from aetherius.event_store.audit.bundle_file import (
    BundleWriter,
    HeadOf,
    IncidentStory,
    Manifest,
    PositionRange,
    Selection,
    TimeRange,
)
from aetherius.event_store.audit.incident_story import positions_of
from aetherius.event_store.audit.proof import Header, Proof, ProvedEvent, event_of
from aetherius.event_store.errors import LogDamagedError, UnknownPositionError
from aetherius.event_store.ledger import Entry, moment
from aetherius.event_store.reading.snapshot import snapshot
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import DECIDED, EVENT_TABLES, LOG
from aetherius.runtime.signing_key import SigningKey

Row = tuple[int, UUID, int, str, bytes]
"""position, stream id, version, topic, state"""
_AT_ONCE = 500


def prove(connection: Connection[Any], position: int) -> Proof:
    """The proof of the event at a position. `connection` must not be in a transaction.

    Raises:
        UnknownPositionError: the log has no such position.
        LogDamagedError: what is stored there is not what was recorded.
        ArchiveUnavailableError, ArchiveDamagedError: it is archived, and cannot be read.
    """
    with snapshot(connection):
        evidence = _Evidence(connection)
        entry = evidence.entry(position) if position > 0 else None
        if entry is None:
            raise UnknownPositionError(position)
        rows = list(evidence.rows_at([position]))
        if len(rows) != 1:
            raise _damaged(position)
        return Proof(event=_Tree(entry).prove(rows[0]), entry=Header.of(entry))


def export(
    connection: Connection[Any],
    file: IO[bytes],
    selection: Selection,
    key: SigningKey,
    made_at: datetime,
    sealing: Sealing = PLAIN,
) -> Manifest:
    """Write the bundle of a selection to a file, and return its manifest. `connection` must not be in a transaction.

    What is sealed is exported sealed: the proofs are of the bytes as they are stored. `sealing`: to find an incident's events, if all that they say is sealed.

    Memory: a part of the bundle and a batch of the log; for an incident also 8 bytes for each of its events.

    Raises:
        UnknownPositionError: the log is empty, or ends before the range does.
        StreamNotFoundError: there is no such incident.
        LogDamagedError: an event is not what was recorded; the file is not finished.
        ArchiveUnavailableError, ArchiveDamagedError: some of it is archived, and cannot be read; the same.
    """
    with snapshot(connection):
        evidence = _Evidence(connection, sealing)
        head = evidence.head()
        if head is None:
            raise UnknownPositionError(1)
        start, rows = evidence.select(selection, head)
        writer = BundleWriter(file, selection, key, made_at)
        end = HeadOf(position=head.last, hash=head.hash.hex(), recorded_at=moment(head.recorded_at))
        return writer.write(evidence.lines(start, rows), end)


def last_entry(connection: Connection[Any]) -> Entry | None:
    """The head of the log, without its leaves; None while it is empty."""
    return _Evidence(connection).head()


def holds(connection: Connection[Any], position: int, hash: str) -> bool:
    """Whether the ledger has an entry that ends at a position and has this hash (hex)."""
    return [(position, bytes.fromhex(hash))] == _Evidence(connection).hashes(position)


class _Evidence:
    """Reads within one snapshot."""

    def __init__(self, connection: Connection[Any], sealing: Sealing = PLAIN) -> None:
        self._connection = connection
        self._sealing = sealing

    def head(self) -> Entry | None:
        """The last entry, without its leaves."""
        return _entry(self._fetch("evidence_head"))

    def hashes(self, position: int) -> list[tuple[int, bytes]]:
        """The hash of the entry that ends at a position, if there is one."""
        return self._fetch("audit_anchors", [position])

    def entry(self, position: int) -> Entry | None:
        """The entry that holds a position."""
        found = _entry(self._fetch("evidence_entry", position))
        return found if found and found.first <= position <= found.last else None

    def select(self, selection: Selection, head: Entry) -> tuple[int, Iterator[Row]]:
        """The position whose entry comes first, and the rows in order."""
        match selection:
            case PositionRange(first, last):
                if last > head.last or last < first:
                    raise UnknownPositionError(last)
                return first, self._between(first, last)
            case TimeRange(since, until):
                first, last = self._before(since) + 1, self._before(until)
                return max(1, first - 1), self._between(first, last)
            case IncidentStory(incident):
                positions = positions_of(self._fetch, self._stream, self._archived_of, incident, self._sealing)
                return positions[0], self._at(positions)

    def lines(self, start: int, rows: Iterator[Row]) -> Iterator[Header | ProvedEvent]:
        """Every entry from the one that holds `start` to the head, each followed by those of the rows that it holds."""
        row = next(rows, None)
        for header in self._stream("evidence_headers", DECIDED, start):
            entry = _entry([header])
            assert entry is not None
            yield Header.of(entry)
            tree = _Tree(self.entry(row[0]), entry) if row and row[0] <= entry.last else None
            while row and tree and row[0] <= entry.last:
                yield tree.prove(row)
                row = next(rows, None)
        if row:
            raise _damaged(row[0])

    def rows_at(self, positions: list[int]) -> list[Row]:
        """The rows at some positions, in order."""
        live = list(merge(*(self._fetch("evidence_at", positions, events=table) for table in EVENT_TABLES)))
        missing = sorted({*positions} - {row[0] for row in live})
        if not missing:
            return live
        partitions = archived_between(self._connection, missing[0], missing[-1])
        return list(_with_archived(live, ARCHIVED.at(partitions, missing)))

    def _archived_of(self, ids: list[UUID]) -> list[Row]:
        """What the archive holds of some observations."""
        return ARCHIVED.of_streams(archived_at_time(self._connection, ids), ids)

    def _at(self, positions: list[int]) -> Iterator[Row]:
        for start in range(0, len(positions), _AT_ONCE):
            yield from self.rows_at(positions[start : start + _AT_ONCE])

    def _between(self, first: int, last: int) -> Iterator[Row]:
        due = first
        live = merge(*(self._stream("evidence_between", table, first, last) for table in EVENT_TABLES))
        partitions = [each for each in archived_between(self._connection, first, last) if not each.restored]
        for row in _with_archived(live, ARCHIVED.between(partitions, first, last)):
            if row[0] != due:
                raise _damaged(min(due, row[0]))
            due += 1
            yield row
        if due <= last:
            raise _damaged(due)

    def _before(self, time: datetime) -> int:
        position: int = self._fetch("evidence_before", time)[0][0]
        return position

    def _fetch(self, statement: str, *values: object, events: str = DECIDED) -> list[Any]:
        cursor = self._connection.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(LOG.statement(statement, events), values or None).fetchall()

    def _stream(self, statement: str, events: str, *values: object) -> Iterator[Any]:
        with psycopg.ServerCursor(self._connection, f"{statement}_{events}", row_factory=tuple_row) as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(LOG.statement(statement, events), values, binary=True)
            yield from cursor


class _Tree:
    """The Merkle tree of one entry, built once for all its events."""

    def __init__(self, entry: Entry | None, header: Entry | None = None) -> None:
        if entry is None or (header and header.last != entry.last):
            raise LogDamagedError("a batch's entry is not where the ledger says: run the audit")
        self._header = Header.of(entry)
        self._sound = not self._header.fault()
        self._levels = ledger.levels(list(ledger.split_leaves(entry.leaves)))

    def prove(self, row: Row) -> ProvedEvent:
        """The row with its path. Raises ``LogDamagedError``."""
        index = row[0] - self._header.first
        if not 0 <= index < len(self._levels[0]):
            raise _damaged(row[0])
        event = event_of(row, ledger.path(self._levels, index))
        if row[2] < 0 or not self._sound or event.fault(self._header):
            raise _damaged(row[0])
        return event


def _with_archived(live: Iterable[Row], archived: Iterable[Row]) -> Iterator[Row]:
    """Both in order of position; what stands in a table is not taken from the archive as well."""
    last = 0
    for row, is_copy in merge(((row, False) for row in live), ((row, True) for row in archived), key=_position):
        if not (is_copy and row[0] == last):
            yield row
        last = row[0]


def _position(marked: tuple[Row, bool]) -> int:
    return marked[0][0]


def _entry(rows: Iterable[Any]) -> Entry | None:
    for row in rows:
        return Entry(**dict(zip(Entry.__struct_fields__, row, strict=True)))
    return None


def _damaged(position: int) -> LogDamagedError:
    return LogDamagedError(f"what is stored at position {position} is not what was recorded there: run the audit")
