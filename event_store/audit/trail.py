"""The trail: the log as an auditor pages through it, newest first, by who, what, where and when it was recorded.

Most of what is asked for has no index, and gets none: each would cost every append. So a page looks at a bounded stretch of the log, and may come back short,
or empty, with the place to go on from; who follows the places sees everything, and no single question holds the database up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from msgspec.json import encode
from psycopg import Connection
from psycopg.rows import TupleRow, tuple_row

from aetherius.domain.errors import DomainError
from aetherius.domain.event import Recorded
from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.reading import ARCHIVED, Row
from aetherius.event_store.audit import ledger_audit as audit
from aetherius.event_store.audit.anchor import Anchor
from aetherius.event_store.audit.ledger_audit import AuditReport
from aetherius.event_store.connections import Connections
from aetherius.event_store.reading.snapshot import snapshot
from aetherius.event_store.sealing import PLAIN, Sealing
from aetherius.event_store.tables import EVENT_TABLES, LOG, OBSERVED, table_of

STRETCH = 100_000
"""Positions that a page looks at when it has no index to go by: some tenths of a second."""
AUDIT_LOCK = 0x6165746865726C61
"""Advisory lock of an audit over the API: one at a time, over all replicas."""
_AT_ONCE = 8192
"""Positions that are looked at at once in the archive: about a group of its events."""
_TICK = timedelta(microseconds=1)


class AuditRunningError(DomainError):
    """An audit is under way already, here or at another replica; it sees all that a second one would. Try again when it is done."""

    def __init__(self) -> None:
        super().__init__("an audit is under way already")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to show; None does not filter."""

    actor: str | None = None
    topics: tuple[str, ...] | None = None
    stream: UUID | None = None
    correlation: UUID | None = None
    since: datetime | None = None
    """Recorded then or after."""
    until: datetime | None = None
    """Recorded before."""

    def may_admit(self, row: Row) -> bool:
        """Whether a row is worth decoding: as the database judges those in its tables."""
        mentions = (_mention("by", self.actor), _mention("corr", self.correlation))
        return (self.topics is None or row[3] in self.topics) and all(m is None or m in row[4] for m in mentions)

    def admits(self, event: Recorded) -> bool:
        """Whether an event is what is wanted: the database only looked for the bytes."""
        cause = event.cause
        return (self.actor is None or cause.actor == self.actor) and (
            self.correlation is None or cause.correlation_id == self.correlation
        )


class Repeatable(msgspec.Struct, frozen=True):
    """What names a request that may come twice: its answer is kept for a day."""

    actor: str
    key: str
    """The client's own name for it."""


class TrailEntry(msgspec.Struct, frozen=True):
    """An event, and when the log took it."""

    recorded: Recorded
    recorded_at: datetime


class TrailPage(msgspec.Struct, frozen=True):
    """Entries from the newest, and where to go on."""

    entries: list[TrailEntry]
    before: int
    """Everything from here up was looked at; 1 or less: there is nothing more."""


class Trail:
    """Reads over connections of its own: an audit may hold one for minutes. Every method may raise ``LogUnavailableError``; all may be repeated."""

    def __init__(self, dsn: str, *, pool_size: int = 3, sealing: Sealing = PLAIN) -> None:
        """Connect in the background."""
        self._recorded = sealing.recorded
        self._connections = Connections(dsn, size=pool_size, timeout=10.0)

    def close(self) -> None:
        """Let every connection go."""
        self._connections.close()

    def page(self, wanted: Wanted, *, before: int | None, as_of: int | None, limit: int) -> TrailPage:
        """Up to `limit` events below `before` (None: from the end), at or below `as_of`; those of the archive too.

        Raises:
            ArchiveUnavailableError, ArchiveDamagedError: some of it is archived, and cannot be read.
        """
        with self._connections.connection() as connection:
            bottom, top = self._bounds(connection, wanted, before, as_of)
            stretch = bottom if wanted.stream else max(bottom, top - STRETCH)
            with snapshot(connection):
                rows = self._rows(connection, wanted, stretch, top, limit)
                partitions = self._partitions(connection, wanted, stretch, top)
            if partitions:  # objects do not change: the snapshot need not wait for them
                rows = _with_archived(rows, partitions, wanted, stretch, top, limit)
            looked_to = rows[-1][0] if len(rows) == limit else stretch + 1
            events = [event for row in rows if wanted.admits(event := self._recorded(row))]
            times = self._times(connection, [event.position for event in events])
        entries = [TrailEntry(event, times[event.position]) for event in events]
        return TrailPage(entries, 1 if looked_to <= bottom + 1 else looked_to)

    def _bounds(
        self, connection: Connection[TupleRow], wanted: Wanted, before: int | None, as_of: int | None
    ) -> tuple[int, int]:
        """Positions: above the first, up to the second."""
        top: int = self._fetch(connection, "head", None)[0][0]
        top = min(top, *(end for end in (before and before - 1, as_of) if end is not None), top)
        if wanted.until is not None:
            top = min(top, self._position_at(connection, wanted.until - _TICK))
        bottom = 0 if wanted.since is None else self._position_at(connection, wanted.since - _TICK)
        return bottom, top

    def _rows(self, connection: Connection[TupleRow], wanted: Wanted, after: int, upto: int, limit: int) -> list[Any]:
        values = {
            "after": after,
            "upto": upto,
            "limit": limit,
            "stream": wanted.stream,
            "topics": None if wanted.topics is None else list(wanted.topics),
            "actor": _mention("by", wanted.actor),
            "correlation": _mention("corr", wanted.correlation),
        }
        found = (self._fetch(connection, "trail_page", values, table) for table in EVENT_TABLES)
        return list(islice(merge(*found, key=lambda row: -row[0]), limit))

    def _partitions(
        self, connection: Connection[TupleRow], wanted: Wanted, after: int, upto: int
    ) -> list[ArchivedPartition]:
        """What is to be looked at besides the tables."""
        if wanted.topics is not None and all(table_of(topic) != OBSERVED for topic in wanted.topics):
            return []
        found = catalogue.archived_between(connection, after + 1, upto)
        return [each for each in found if not each.restored]

    def _times(self, connection: Connection[TupleRow], positions: list[int]) -> dict[int, datetime]:
        return dict(self._fetch(connection, "trail_times", (positions,)))

    def _position_at(self, connection: Connection[TupleRow], time: datetime) -> int:
        position: int = self._fetch(connection, "position_at", (time,))[0][0]
        return position

    def _fetch(
        self, connection: Connection[TupleRow], name: str, values: Any, events: str = EVENT_TABLES[0]
    ) -> list[Any]:
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        return cursor.execute(LOG.statement(name, events), values, prepare=False).fetchall()

    def verify(
        self, anchors: Iterable[Anchor], stopped: Callable[[], bool], request: Repeatable | None = None
    ) -> tuple[AuditReport, bool]:
        """Audit the whole log, if nobody else does; minutes for a large one. A request that is named, and was answered already, gets the same report: then
        the second is true.

        Raises:
            AuditRunningError: another one is under way.
            AuditStoppedError: `stopped` said yes.
            AnchorUnavailableError: the anchors cannot be read.
        """
        with self._connections.connection() as connection:
            if request and (report := self._kept(connection, request)):
                return report, True
            if not connection.execute("SELECT pg_try_advisory_lock(%s)", (AUDIT_LOCK,)).fetchall()[0][0]:
                raise AuditRunningError
            try:
                if request and (report := self._kept(connection, request)):  # another replica finished it just now
                    return report, True
                report = audit.verify(connection, anchors=anchors, stopped=stopped)
                if request:
                    connection.execute(
                        LOG.statement("audit_report_keep"),
                        {"actor": request.actor, "key": request.key, "report": encode(report)},
                    )
                return report, False
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (AUDIT_LOCK,))

    def _kept(self, connection: Connection[TupleRow], request: Repeatable) -> AuditReport | None:
        rows = self._fetch(connection, "audit_report_kept", (request.actor, request.key))
        return msgspec.json.decode(rows[0][0], type=AuditReport) if rows else None


def _with_archived(
    live: list[Any], partitions: list[ArchivedPartition], wanted: Wanted, after: int, upto: int, limit: int
) -> list[Any]:
    """The newest `limit` rows of both, those of the tables given; the same position once."""
    if len(live) == limit:
        after = live[-1][0]
    archived = _archived(partitions, wanted, after, upto, limit)
    rows = {row[0]: row for row in (*archived, *live)}
    return [rows[position] for position in sorted(rows, reverse=True)][:limit]


def _archived(partitions: list[ArchivedPartition], wanted: Wanted, after: int, upto: int, limit: int) -> list[Row]:
    """What is wanted above one position and up to another, newest first."""
    if wanted.stream:
        rows = ARCHIVED.of_streams(partitions, [wanted.stream])
        return [row for row in reversed(rows) if after < row[0] <= upto and wanted.may_admit(row)][:limit]
    found: list[Row] = []
    while after < upto and len(found) < limit:
        start = max(after, upto - _AT_ONCE)
        rows = [row for row in ARCHIVED.between(partitions, start + 1, upto) if wanted.may_admit(row)]
        found += reversed(rows)
        upto = start
    return found[:limit]


def _mention(field: str, value: object) -> bytes | None:
    """How an envelope would say it."""
    if value is None:
        return None
    return f'"{field}":'.encode() + msgspec.json.encode(value if isinstance(value, str) else str(value))
