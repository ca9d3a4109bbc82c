"""Timelines: which history of the log a position belongs to.

A log that was restored to an earlier point gives the positions after that point out again, to other events. Whoever keeps a position outside the
log's database (a client, a read model elsewhere) keeps the timeline's id with it: a position of another timeline is only good up to where the
two part. `restored` begins a new one; docs/decisions/0006-timelines.md says why nothing else can.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.event_store.errors import AnotherTimelineError, LogUnavailableError, PositionAheadError
from aetherius.event_store.tables import APPEND_LOCK, LOG


class Timeline(msgspec.Struct, frozen=True):
    """One history of the log, from where it parted from the one before."""

    number: int
    """From 1."""
    id: UUID
    """Never given twice, also not by two logs restored from one backup."""
    began_after: int
    """The last position that it shares with the timeline before."""
    began_at: datetime
    server: str
    """The PostgreSQL cluster and its own timeline when this one was last confirmed: both change by themselves at a restore or a promotion."""


class Restored(msgspec.Struct, frozen=True):
    """What `restored` did."""

    timeline: Timeline
    ahead: list[tuple[str, int]]
    """Readers whose checkpoint lay past the log's end, and where: now they stand at its end. Their rows and what they sent may be of the lost events."""


def begin(connection: Connection[Any]) -> None:
    """Begin the first timeline, if there is none; in the caller's transaction."""
    connection.execute(LOG.statement("timeline_first"), (server(connection),))


def timelines(connection: Connection[Any]) -> list[Timeline]:
    """All, the present one last."""
    rows = connection.cursor(row_factory=tuple_row).execute(LOG.statement("timelines")).fetchall()
    return [Timeline(*row) for row in rows]


def server(connection: Connection[Any]) -> str:
    """Which PostgreSQL cluster this is, and on which timeline of its own."""
    row = connection.cursor(row_factory=tuple_row).execute(LOG.statement("server")).fetchone()
    assert row is not None
    return str(row[0])


def check(known: Sequence[Timeline], head: int, position: int, timeline: UUID | None = None) -> UUID:
    """The present timeline's id, if the log holds up to `position` the same events as when that was given out; `timeline`: the id then, if it was kept.

    Raises:
        PositionAheadError: the log ends before it.
        AnotherTimelineError: the log was restored to an earlier point since, or is another log.
    """
    if timeline is not None and timeline != known[-1].id:
        shared = _shared(known, timeline)
        if position > shared:
            raise AnotherTimelineError(position, timeline, known[-1].id, max(shared, 0))
    if position > head:
        raise PositionAheadError(position, head)
    return known[-1].id


def _shared(known: Sequence[Timeline], timeline: UUID) -> int:
    """The last position that an earlier timeline has in common with the present one; -1 for one that this log never was on."""
    ids = [each.id for each in known]
    if timeline not in ids:
        return -1
    return min(each.began_after for each in known[ids.index(timeline) + 1 :])


def restored(dsn: str, *, nothing_lost: bool = False) -> Restored:
    """Note that the log was restored, or that another server took over: begin a new timeline at its end. Services are stopped meanwhile.

    Args:
        nothing_lost: it holds every event it ever had (a failover with synchronous replication): the timeline goes on.

    Raises:
        LogUnavailableError: PostgreSQL does not answer, or is still in recovery. Nothing was written.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute(LOG.statement("lock"), (APPEND_LOCK,))
            head = _scalar(connection, "head")
            ahead = connection.execute(LOG.statement("checkpoints_ahead"), (head,)).fetchall()
            if nothing_lost and not ahead:
                connection.execute(LOG.statement("timeline_same"), (server(connection),))
            else:
                connection.execute(LOG.statement("timeline_next"), (head, server(connection)))
                connection.execute(LOG.statement("checkpoints_to_head"), (head, [name for name, _ in ahead]))
            return Restored(timelines(connection)[-1], ahead)
    except psycopg.Error as exc:
        raise LogUnavailableError(f"cannot begin a timeline: {exc}") from exc


def _scalar(connection: Connection[Any], name: str) -> int:
    row = connection.execute(LOG.statement(name)).fetchone()
    return int(row[0]) if row else 0
