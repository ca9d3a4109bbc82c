"""Where the log stands, in one question: for metrics, and for whoever watches over a restore."""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.event_store.tables import LOG


class LogStanding(msgspec.Struct, frozen=True):
    """The log at a moment."""

    head: int
    clock_ahead: float
    """Seconds that the last entry's time lies ahead of the database's clock: above 0 the clock was set back, and new entries repeat that time."""
    timeline: int
    confirmed: bool
    """PostgreSQL is the cluster, and on the timeline of its own, that the log's timeline was begun or confirmed on. False after a restore or a promotion,
    until `timeline.restored` was told which it was."""


def standing(connection: Connection[Any]) -> LogStanding:
    """Ask."""
    row = connection.cursor(row_factory=tuple_row).execute(LOG.statement("standing")).fetchone()
    if row is None:
        return LogStanding(0, 0.0, 0, True)
    head, clock_ahead, number, confirmed, server = row
    return LogStanding(head, clock_ahead, number, confirmed == server)
