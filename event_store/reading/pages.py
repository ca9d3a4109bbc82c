"""Reads of the log: both tables merged by position, streams, and the ledger's clock. Binary protocol, tuple rows.

A page is gap-free because appends commit in order of position: the head is read before the events, so nothing at or below it can come later. What lies
above it is left for the next page: the two tables are read one after the other, and an append to both may fall between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Sequence
from datetime import datetime
from heapq import merge
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from aetherius.domain import vocabulary
from aetherius.domain.event import Recorded
from aetherius.domain.wire.identity import milliseconds_of
from aetherius.event_store.archive.reading import ArchiveView, merged
from aetherius.event_store.errors import UnknownPositionError
from aetherius.event_store.pending import Page
from aetherius.event_store.reading.catch_up import StoredRow, stored_pages
from aetherius.event_store.reading.filtered import FilteredReader, wanted
from aetherius.event_store.reading.moment import Moment
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import DECIDED, EVENT_TABLES, OBSERVED, Tables, table_of

Row = tuple[int, UUID, int, str, bytes]
"""position, stream id, version, topic, state"""
LAST = 2**63 - 1

assert vocabulary.MODULES, "importing it makes every topic known"


class Reader:
    """Reads over connections that the caller lends."""

    def __init__(self, tables: Tables, sealing: Sealing = PLAIN) -> None:
        self._tables = tables
        self._recorded = sealing.recorded
        self.archive = ArchiveView()
        self.filtered = FilteredReader(tables, sealing.recorded, self.archive)

    def page(
        self,
        connection: Connection[TupleRow],
        after: int,
        limit: int,
        topics: Sequence[str],
        upto: int | None,
        clusters: Sequence[str] = (),
    ) -> Page:
        """Up to `limit` events after a position; one round trip, unless they are rare and far apart."""
        end = LAST if upto is None else upto
        if clusters or any(table_of(topic) == OBSERVED for topic in topics):
            return self.filtered.page(connection, after, limit, wanted(topics, clusters), end)
        known = self.archive.known
        with connection.pipeline():
            head = self._run(connection, "head")
            cursors = [self._select(connection, table, after, end, limit, topics) for table in _tables_of(topics)]
            asked = None if topics else self.archive.ask(connection, after + 1, end)
        rows = _merged([cursor.fetchall() for cursor in cursors], limit)
        seen = min(_scalar(head), end)
        if asked:
            rows = self.archive.within(self.archive.missing(asked, known), rows, [(after + 1, seen)], limit)
        if rows and rows[-1][0] > seen:  # committed meanwhile: of one table it is here, of the other perhaps not
            rows = rows[: bisect_right(rows, seen, key=_position)]
            return Page([self._recorded(row) for row in rows], max(after, seen))
        return Page([self._recorded(row) for row in rows], rows[-1][0] if len(rows) == limit else max(after, seen))

    def _select(
        self, connection: Connection[TupleRow], table: str, after: int, end: int, limit: int, topics: Sequence[str]
    ) -> Cursor[TupleRow]:
        if not topics:
            return self._run(connection, "page", after, end, limit, events=table)
        return self._run(connection, "page_by_topic_index", list(topics), after, end, limit, limit, events=table)

    def stream(
        self, connection: Connection[TupleRow], stream_id: UUID, first: int, last: int, upto: int
    ) -> list[Recorded]:
        """The events of a stream between two versions, at or before a position."""
        known = self.archive.known
        with connection.pipeline():
            cursors = [
                self._run(connection, "stream", stream_id, first, last, upto, events=table) for table in EVENT_TABLES
            ]
            asked = self.archive.ask_for(connection, milliseconds_of(stream_id))
        rows = [row for cursor in cursors for row in cursor.fetchall()]
        if partitions := self.archive.missing(asked, known):
            found = self.archive.of_stream(partitions, stream_id)
            rows = merged(rows, (row for row in found if first <= row[2] <= last and row[0] <= upto))
        return [self._recorded(row) for row in rows]

    def at(self, connection: Connection[TupleRow], positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in order."""
        wanted, known = list(positions), self.archive.known
        with connection.pipeline():
            cursors = [self._run(connection, "evidence_at", wanted, events=table) for table in EVENT_TABLES]
            asked = self.archive.ask(connection, min(wanted, default=0), max(wanted, default=0))
        rows = _merged([cursor.fetchall() for cursor in cursors], len(wanted))
        if partitions := self.archive.missing(asked, known):
            rows = merged(rows, self.archive.at(partitions, wanted))
        return [self._recorded(row) for row in rows]

    def stored(
        self, connection: Connection[TupleRow], after: int, end: int, size: int
    ) -> Generator[list[StoredRow], None, None]:
        """The events as they are stored, page by page: the fast way where nothing is archived, and as long as no position is missing."""
        while True:
            gap: list[StoredRow] = []
            page = self._archived_page(connection, after, end, size)
            if not page:
                for page in stored_pages(connection, self._tables, after, end, size):
                    if page[-1][0] - after != len(page):  # archived meanwhile, unless the log is damaged
                        gap = page
                        break
                    yield page
                    after = page[-1][0]
                page = self._archived_page(connection, after, end, size) or gap
            if not page:
                return
            yield page
            after = page[-1][0]

    def _archived_page(self, connection: Connection[TupleRow], after: int, end: int, limit: int) -> list[StoredRow]:
        """The next events as they are stored, if some of them may be archived; else none."""
        known = self.archive.known
        with connection.pipeline():
            head = self._run(connection, "head")
            cursors = [self._select(connection, table, after, end, limit, ()) for table in EVENT_TABLES]
            asked = self.archive.ask(connection, after + 1, end)
        rows = _merged([cursor.fetchall() for cursor in cursors], limit)
        seen, partitions = min(_scalar(head), end), self.archive.missing(asked, known)
        if not partitions:
            return []
        rows = self.archive.within(partitions, rows, [(after + 1, seen)], limit)
        return [
            (position, id.bytes, version, topic, state)
            for position, id, version, topic, state in rows
            if position <= seen
        ]

    def head(self, connection: Connection[TupleRow]) -> int:
        """The last position; 0 for an empty log."""
        return _scalar(self._run(connection, "head"))

    def position_at(self, connection: Connection[TupleRow], recorded_at: datetime) -> int:
        """The last position recorded at or before a moment; 0 if none was."""
        return _scalar(self._run(connection, "position_at", recorded_at))

    def moment(self, connection: Connection[TupleRow], at: datetime) -> Moment:
        """What a time is to the log."""
        row = self._run(connection, "moment", at, at).fetchone()
        assert row
        return Moment(*row)

    def recorded_at(self, connection: Connection[TupleRow], position: int) -> datetime:
        """When a position was recorded. Raises ``UnknownPositionError``."""
        row = self._run(connection, "recorded_at", position, position).fetchone()
        if row is None:
            raise UnknownPositionError(position)
        at: datetime = row[0]
        return at

    def checkpoint(self, connection: Connection[TupleRow], name: str) -> int:
        """The last position done; 0 if there is none."""
        row = self._run(connection, "checkpoint_read", name).fetchone()
        return row[0] if row else 0

    def _run(
        self, connection: Connection[TupleRow], name: str, *values: object, events: str = DECIDED
    ) -> Cursor[TupleRow]:
        return connection.cursor(binary=True).execute(self._tables.statement(name, events), values or None)


def _tables_of(topics: Sequence[str]) -> Sequence[str]:
    return sorted({table_of(topic) for topic in topics}) if topics else EVENT_TABLES


def _merged(groups: list[list[Any]], limit: int) -> list[Any]:
    groups = [group for group in groups if group]
    return groups[0] if len(groups) == 1 else list(merge(*groups))[:limit]


def _position(row: Any) -> int:
    position: int = row[0]
    return position


def _scalar(cursor: Cursor[TupleRow]) -> int:
    value: int = cursor.fetchall()[0][0]
    return value
