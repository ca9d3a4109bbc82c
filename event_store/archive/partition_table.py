"""The table of one partition, on its way out of `observed`: sealed, detached, dropped. Each step looks first at what is done already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any, Final

import msgspec
import psycopg
from psycopg import Connection, errors
from psycopg.rows import tuple_row

from aetherius.event_store.archive.errors import ArchiveBusyError
from aetherius.event_store.connections import CONNECT
from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.tables import LOG, OBSERVED
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.partitions import END, Partition
from aetherius.runtime.lingering_lock import taken_within

ARCHIVE_LOCK: Final = 0x6165746865726172
"""Advisory lock of whoever changes the archive: one at a time, over all replicas."""
SEAL: Final = "archived"
"""Name of the constraint that lets nothing in."""
_SETTINGS: Final = "SET TimeZone = 'UTC'; SET lock_timeout = '20s'; SET client_min_messages = warning"
_BRIEFLY: Final = "SET LOCAL lock_timeout = '200ms'"
"""Appends and readers queue behind a lock that is waited for: no longer than this."""
_TRIES: Final = 20
_PAUSE: Final = 0.5
"""Seconds between two tries, in which what had to queue goes on."""
_OBSERVED: Final = f"{LOG.schema}.{OBSERVED}"


class TableState(msgspec.Struct, frozen=True):
    """A partition's table as it is now."""

    attached: bool
    detaching: bool
    """A detach was begun and not finished."""
    sealed: bool


def table_state(connection: Connection[Any], partition: Partition) -> TableState | None:
    """Of a partition's table; None if there is none."""
    names = (SEAL, _OBSERVED, f"{LOG.schema}.{partition.name}")
    row = connection.cursor(row_factory=tuple_row).execute(LOG.statement("partition_state"), names).fetchone()
    return TableState(*row) if row else None


def seal(connection: Connection[Any], partition: Partition) -> None:
    """Let nothing in any more. What is under way there commits first: it holds the table until then, and so do those who read it.

    Raises:
        ArchiveBusyError: one of them takes too long; try again later.
    """
    state = table_state(connection, partition)
    if state is None or state.sealed:
        return
    for last in (False,) * (_TRIES - 1) + (True,):
        if _sealed_now(connection, partition):
            return
        if not last:
            sleep(_PAUSE)
    raise ArchiveBusyError(f"{partition.name} is being read or written: it is sealed in the next round")


def _sealed_now(connection: Connection[Any], partition: Partition) -> bool:
    try:
        with connection.transaction():
            connection.execute(_BRIEFLY)
            connection.execute(partitions.named("partition_seal", partition))
    except errors.LockNotAvailable:
        return False
    return True


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


def finish_detaching(connection: Connection[Any]) -> None:
    """End every detach that was begun: while one is pending, no other can begin. Raises ``ArchiveBusyError``."""
    for name in _names(connection, "partitions_detaching", _OBSERVED):
        detach(connection, Partition(0, END, name))


def drop_empty(connection: Connection[Any]) -> None:
    """Remove what was an empty partition: sealed and detached, but not dropped."""
    for name in _names(connection, "partitions_detached", LOG.schema, f"^{OBSERVED}_", SEAL):
        if connection.execute(LOG.statement("partition_filled", name)).fetchone() == (False,):
            drop(connection, Partition(0, END, name))


def _names(connection: Connection[Any], statement: str, *values: str) -> list[str]:
    rows = connection.cursor(row_factory=tuple_row).execute(LOG.statement(statement), values).fetchall()
    return [name for (name,) in rows]


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
            is_ours = taken_within(lambda: _locked(connection))
        except BaseException:
            connection.close()
            raise
    if not is_ours:
        connection.close()
        raise ArchiveBusyError("another process is changing the archive")
    return connection


def _locked(connection: Connection[Any]) -> bool:
    return connection.execute("SELECT pg_try_advisory_lock(%s)", (ARCHIVE_LOCK,)).fetchone() == (True,)


@contextmanager
def explained() -> Iterator[None]:
    """Raises ``LogUnavailableError`` for what PostgreSQL could not do now."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise LogUnavailableError(f"the log does not answer, or is busy: {exc}") from exc
