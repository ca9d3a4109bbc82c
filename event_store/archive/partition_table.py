"""The table of one partition, on its way out of `observed`: sealed, detached, dropped. Each step looks first at what is done already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import psycopg
from psycopg import Connection, errors
from psycopg.rows import tuple_row

from aetherius.event_store import partitions
from aetherius.event_store.archive.errors import ArchiveBusyError
from aetherius.event_store.connections import CONNECT
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.partitions import Partition
from aetherius.event_store.tables import APPEND_LOCK, LOG, OBSERVED

ARCHIVE_LOCK: Final = 0x6165746865726172
"""Advisory lock of whoever changes the archive: one at a time, over all replicas."""
SEAL: Final = "archived"
"""Name of the constraint that lets nothing in."""
_SETTINGS: Final = "SET TimeZone = 'UTC'; SET lock_timeout = '20s'; SET client_min_messages = warning"
_BRIEFLY: Final = "SET LOCAL lock_timeout = '2s'"
"""Appends queue behind a lock that is waited for: no longer than this."""


class TableState(msgspec.Struct, frozen=True):
    """A partition's table as it is now."""

    attached: bool
    detaching: bool
    """A detach was begun and not finished."""
    sealed: bool


def table_state(connection: Connection[Any], partition: Partition) -> TableState | None:
    """Of a partition's table; None if there is none."""
    names = (SEAL, f"{LOG.schema}.{OBSERVED}", f"{LOG.schema}.{partition.name}")
    row = connection.cursor(row_factory=tuple_row).execute(LOG.statement("partition_state"), names).fetchone()
    return TableState(*row) if row else None


def seal(connection: Connection[Any], partition: Partition) -> None:
    """Let nothing in any more; what is under way commits first, as it holds the log's lock."""
    state = table_state(connection, partition)
    if state is None or state.sealed:
        return
    with connection.transaction():
        connection.execute(_BRIEFLY)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (APPEND_LOCK,))
        connection.execute(partitions.named("partition_seal", partition))


def detach(connection: Connection[Any], partition: Partition) -> None:
    """Take the table out of `observed`. Appends do not wait for it; it waits for readers that are under way.

    Raises:
        ArchiveBusyError: one of them takes too long; try again later.
    """
    state = table_state(connection, partition)
    if state is None or not state.attached:
        return
    statement = "partition_detach_finish" if state.detaching else "partition_detach"
    try:
        connection.execute(partitions.named(statement, partition))
    except errors.LockNotAvailable as exc:
        raise ArchiveBusyError(f"{partition.name} is being read: it is detached in the next round") from exc


def drop(connection: Connection[Any], partition: Partition) -> None:
    """Remove a table that is detached."""
    connection.execute(partitions.named("partition_drop", partition))


def exclusive(dsn: str) -> Connection[Any]:
    """A connection in autocommit mode that holds `ARCHIVE_LOCK` until it is closed.

    Raises:
        LogUnavailableError: PostgreSQL does not answer.
        ArchiveBusyError: somebody else holds it.
    """
    with explained():
        connection: Connection[Any] = psycopg.connect(dsn, autocommit=True, **CONNECT)
        try:
            connection.execute(_SETTINGS)
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (ARCHIVE_LOCK,)).fetchone()
        except BaseException:
            connection.close()
            raise
    if row != (True,):
        connection.close()
        raise ArchiveBusyError("another process is changing the archive")
    return connection


@contextmanager
def explained() -> Iterator[None]:
    """Raises ``LogUnavailableError`` for what PostgreSQL could not do now."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise LogUnavailableError(f"the log does not answer, or is busy: {exc}") from exc
