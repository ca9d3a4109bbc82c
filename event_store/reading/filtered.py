"""Pages of events that match rarely: the near end is scanned, what lies farther away is found by what occurs where (`contents.py`).

A follower near the log's end pays one round trip and a scan of what came since it last looked. One that begins far back scans only stretches in which its
topics or clusters occur.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import merge
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from aetherius.domain.event import Recorded
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.reading import ArchiveView
from aetherius.event_store.pending import Page
from aetherius.event_store.reading import contents
from aetherius.event_store.reading.clusters import NO_CLUSTER, Clusters
from aetherius.event_store.reading.contents import Stretch, cluster_key, topic_key
from aetherius.event_store.tables import DECIDED, EVENT_TABLES, OBSERVED, Tables, table_of

NEAR: Final = 8192
"""Positions that are scanned without asking what occurs where: a few milliseconds."""
_CHUNKS: Final = 64
_STRETCHES: Final = 128
"""Looked through with one statement at most: each is a few descents of an index in each partition."""
_SEALED: Final = b'"data":"'
"""In the state of an event that is sealed as a whole: which cluster it names shows when it is opened."""

Rows = list[Any]


class Wanted(msgspec.Struct, frozen=True):
    """Which events: of one of the topics and of one of the clusters; an empty tuple asks nothing. Both sorted and without doubles, so that equal filters are equal."""

    topics: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    @property
    def tables(self) -> Sequence[str]:
        """The event tables that hold them."""
        return sorted({table_of(topic) for topic in self.topics}) if self.topics else EVENT_TABLES


def wanted(topics: Sequence[str] = (), clusters: Sequence[str] = ()) -> Wanted:
    """The filter of these topics and clusters."""
    return Wanted(tuple(sorted(set(topics))), tuple(sorted(set(clusters))))


class FilteredReader:
    """Reads over connections that the caller lends."""

    def __init__(self, tables: Tables, recorded: Callable[[Any], Recorded], archive: ArchiveView) -> None:
        self._tables = tables
        self._recorded = recorded
        self._archive = archive
        self._clusters = Clusters()

    def page(self, connection: Connection[TupleRow], after: int, limit: int, filter: Wanted, end: int) -> Page:
        """Up to `limit` matching events after a position and up to `end`."""
        near, known_archive = min(end, after + NEAR), self._archive.known
        with connection.pipeline():  # the head first, as always: nothing at or below it can come later
            head, indexed = self._run(connection, "head"), self._run(connection, "checkpoint_read", contents.CHECKPOINT)
            cursors = self._select(connection, [(after + 1, near)], (after + 1, near), limit, filter)
            asked = self._archive.ask(connection, after + 1, near)
        seen = min(_scalar(head), end)
        rows = _upto(_merged(cursors, limit), min(seen, near))
        partitions = self._archive.missing(asked, known_archive)
        rows = self._with_archived(partitions, rows, [(after + 1, min(seen, near))], limit, filter)
        at = rows[-1][0] if len(rows) == limit else max(after, min(seen, near))
        found = self._matching(connection, rows, filter)
        known = min(_scalar(indexed), seen)
        while len(found) < limit and at < seen:
            stretches, covered = self._far(connection, filter, at, seen, known)
            left = limit - len(found)
            rows = self._both(connection, stretches, (at + 1, covered), left, filter)
            at = rows[-1][0] if len(rows) == left else covered
            found += self._matching(connection, rows, filter)
        return Page(found, at)

    def _both(
        self, connection: Connection[TupleRow], stretches: list[Stretch], span: Stretch, limit: int, filter: Wanted
    ) -> Rows:
        known = self._archive.known
        rows = _merged(self._select(connection, stretches, span, limit, filter), limit)
        partitions = self._archive.missing(self._archive.ask(connection, *span), known)
        return self._with_archived(partitions, rows, stretches, limit, filter)

    def _with_archived(
        self, partitions: list[ArchivedPartition], rows: Rows, stretches: list[Stretch], limit: int, filter: Wanted
    ) -> Rows:
        """With the archived ones, which are all of `observed`."""
        if not partitions or OBSERVED not in filter.tables:
            return rows
        return self._archive.within(partitions, rows, stretches, limit, _keeps(filter))

    def _far(
        self, connection: Connection[TupleRow], filter: Wanted, at: int, seen: int, known: int
    ) -> tuple[list[Stretch], int]:
        """Where to look next, and the position up to which that is all."""
        if at >= known:
            near = min(seen, at + NEAR)
            return [(at + 1, near)], near
        chunks = contents.chunk_of(at + 1), contents.chunk_of(known)
        rows: Rows = self._run(connection, "contents_of", _keys(filter), *chunks, _CHUNKS).fetchall()
        covered = min(known, contents.end_of_chunk(rows[-1][0])) if len(rows) == _CHUNKS else known
        stretches = contents.stretches_of(rows, at, covered)
        if len(stretches) > _STRETCHES:
            stretches = stretches[:_STRETCHES]
            covered = stretches[-1][1]
        return stretches, covered

    def _select(
        self,
        connection: Connection[TupleRow],
        stretches: Sequence[Stretch],
        span: Stretch,
        limit: int,
        filter: Wanted,
    ) -> list[Cursor[TupleRow]]:
        """What matches in the stretches; of what has an index of its own, in all of the span that they lie in."""
        return [
            self._by_topic(connection, span, limit, filter)
            if table == DECIDED and not filter.clusters
            else self._by_stretch(connection, table, stretches, limit, filter)
            for table in filter.tables
        ]

    def _by_topic(
        self, connection: Connection[TupleRow], span: Stretch, limit: int, filter: Wanted
    ) -> Cursor[TupleRow]:
        own = [topic for topic in filter.topics if table_of(topic) == DECIDED]
        return self._run(connection, "page_by_topic_index", own, span[0] - 1, span[1], limit, limit, events=DECIDED)

    def _by_stretch(
        self, connection: Connection[TupleRow], table: str, stretches: Sequence[Stretch], limit: int, filter: Wanted
    ) -> Cursor[TupleRow]:
        values = {
            "firsts": [first for first, _ in stretches],
            "lasts": [last for _, last in stretches],
            "topics": [topic for topic in filter.topics if table_of(topic) == table] or None,
            "said": [*map(_said, filter.clusters), _SEALED] if table == OBSERVED and filter.clusters else None,
            "limit": limit,
        }
        statement = self._tables.statement("page_of_stretches", table)
        return connection.cursor(binary=True).execute(statement, values)

    def _matching(self, connection: Connection[TupleRow], rows: Rows, filter: Wanted) -> list[Recorded]:
        events = [self._recorded(row) for row in rows]
        if not filter.clusters:
            return events
        passing = {*filter.clusters, NO_CLUSTER}
        clusters = self.clusters(connection, events)
        return [event for event, cluster in zip(events, clusters, strict=True) if cluster in passing]

    def clusters(self, connection: Connection[TupleRow], events: Sequence[Recorded]) -> list[str]:
        """The cluster of each event; "" for one that concerns all of them."""

        def first_events(ids: list[UUID]) -> list[Recorded]:
            return [self._recorded(row) for row in self._run(connection, "first_events", ids).fetchall()]

        return self._clusters.of(events, first_events)

    def _run(
        self, connection: Connection[TupleRow], name: str, *values: object, events: str = DECIDED
    ) -> Cursor[TupleRow]:
        return connection.cursor(binary=True).execute(self._tables.statement(name, events), values or None)


def _keeps(filter: Wanted) -> Callable[[Any], bool]:
    """What `page_of_stretches.sql` keeps of `observed`."""
    topics, said = set(filter.topics), [*map(_said, filter.clusters), _SEALED] if filter.clusters else []

    def keeps(row: Any) -> bool:
        return (not topics or row[3] in topics) and (not said or any(text in row[4] for text in said))

    return keeps


def _keys(filter: Wanted) -> list[str]:
    if filter.clusters:
        return [cluster_key(cluster) for cluster in (*filter.clusters, NO_CLUSTER)]
    return [topic_key(topic) for topic in filter.topics if table_of(topic) == OBSERVED]


def _said(cluster: str) -> bytes:
    return b'"cluster_id":' + msgspec.json.encode(cluster)


def _merged(cursors: Sequence[Cursor[TupleRow]], limit: int) -> Rows:
    groups = [rows for cursor in cursors if (rows := cursor.fetchall())]
    return groups[0] if len(groups) == 1 else list(merge(*groups))[:limit]


def _upto(rows: Rows, position: int) -> Rows:
    """Without what was committed after the head was read: of one table it is here, of the other perhaps not."""
    return rows[: bisect_right(rows, position, key=_position)] if rows and rows[-1][0] > position else rows


def _position(row: Any) -> int:
    position: int = row[0]
    return position


def _scalar(cursor: Cursor[TupleRow]) -> int:
    rows = cursor.fetchall()
    value: int = rows[0][0] if rows else 0
    return value
