"""Brings a log of version 0.1, whose `observed` is one table, to partitions, in place: that table becomes the oldest of them. Nothing is copied."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from aetherius.domain.wire.identity import TIME_SHIFT, milliseconds, milliseconds_of
from aetherius.event_store.tables import APPEND_LOCK, LOG, OBSERVED, POSITION_INDEX, migrated, migration
from aetherius.event_store.upkeep.partitions import END, FARTHEST, Partition, attach, create, partitioning, slot_end

OLDEST = "observed_oldest"
UNTIMED = "observed_untimed"


def partition_observed(connection: Connection[Any]) -> None:
    """Make `observed` partitioned, within the caller's transaction. Appends wait meanwhile: for one pass over the table."""
    if not is_plain(connection):
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPEND_LOCK,))
    _rename(connection)
    for statement in migrated(LOG, migration("0003_observed.pre")):
        connection.execute(statement)
    how = partitioning(connection)
    farthest = milliseconds(how.now + FARTHEST)
    last = _time(connection, "last_timed", farthest)
    if (
        untimed := _time(connection, "first_untimed", farthest)
    ) is not None:  # version 0.1 took ids with no time in them: they go last
        create(connection, Partition(untimed, END, UNTIMED))
        connection.execute(LOG.statement("move_untimed", OBSERVED), (_id(untimed),))
    attach(connection, Partition(0, slot_end(max(milliseconds(how.now), last or 0), how.days), OLDEST))


def is_plain(connection: Connection[Any]) -> bool:
    """Whether `observed` is one table."""
    row = connection.execute(LOG.statement("table_kind"), (f"{LOG.schema}.{OBSERVED}",)).fetchone()
    return row is not None and row[0] == "r"


def _rename(connection: Connection[Any]) -> None:
    _rename_one(connection, "TABLE", OBSERVED, OLDEST)
    for end in ("_pkey", POSITION_INDEX):
        _rename_one(connection, "INDEX", OBSERVED + end, OLDEST + end)


def _rename_one(connection: Connection[Any], kind: LiteralString, name: str, to: str) -> None:
    connection.execute(SQL(f"ALTER {kind} {{}} RENAME TO {{}}").format(Identifier(LOG.schema, name), Identifier(to)))


def _time(connection: Connection[Any], statement: str, farthest: int) -> int | None:
    found = connection.execute(LOG.statement(statement, OLDEST), (_id(farthest),)).fetchone()
    return milliseconds_of(found[0]) if found else None


def _id(time: int) -> UUID:
    return UUID(int=time << TIME_SHIFT)
