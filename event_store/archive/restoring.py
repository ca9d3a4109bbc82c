"""Archived partitions as tables again, for reading: when an old time is asked about a lot, or its objects are to be moved. Nothing can be added to them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from psycopg import Connection

from aetherius.event_store.archive import catalogue
from aetherius.event_store.archive.catalogue import ArchivedPartition
from aetherius.event_store.archive.parquet import EventsObject, Row
from aetherius.event_store.archive.partition_table import detach, drop, exclusive, explained, table_state
from aetherius.event_store.archive.verification import ArchivedObjects, check, check_table
from aetherius.event_store.tables import LOG
from aetherius.event_store.upkeep import partitions

_AT_ONCE = 1000


def restore(dsn: str, name: str) -> ArchivedPartition:
    """Load a partition from its object, checked against the ledger, and attach it, in one transaction. Safe to repeat.

    A table that was not removed yet is kept; one that was already detached is not: it is removed first.

    Raises:
        NotArchivedError: no such partition is.
        ArchiveUnavailableError, ArchiveDamagedError, LogDamagedError, LogUnavailableError: nothing was changed.
    """
    with explained(), exclusive(dsn) as connection, TemporaryDirectory(prefix="aetherius-archive-") as folder:
        archived = catalogue.one(connection, name)
        state = table_state(connection, archived.partition)
        if state and state.attached and not state.detaching:  # restored already, or never taken away
            if not archived.restored:
                check_table(connection, archived)
            catalogue.mark_restored(connection, name, True)
            return catalogue.one(connection, name)
        objects = ArchivedObjects.fetched(archived, Path(folder))
        check(connection, archived, objects)
        catalogue.mark_restored(connection, name, False)  # whatever was said: its table is not there
        detach(connection, archived.partition)
        drop(connection, archived.partition)
        _attach(connection, archived, EventsObject(objects.events, archived.url, archived.events_object).rows())
        return catalogue.one(connection, name)


def release(dsn: str, name: str) -> ArchivedPartition:
    """Read a restored partition from its object again, and remove its table. Safe to repeat.

    Raises:
        NotArchivedError, LogUnavailableError: see `restore`.
    """
    with explained(), exclusive(dsn) as connection:
        archived = catalogue.one(connection, name)
        catalogue.mark_restored(connection, name, False)
        detach(connection, archived.partition)
        drop(connection, archived.partition)
        return catalogue.one(connection, name)


def _attach(connection: Connection[Any], archived: ArchivedPartition, rows: Iterator[Row]) -> None:
    partition = archived.partition
    with connection.transaction():
        connection.execute(partitions.named("partition_table", partition))
        _load(connection, partition.name, rows)
        for statement in ("partition_position_index", "partition_seal"):
            connection.execute(partitions.named(statement, partition))
        partitions.settle(connection)
        partitions.attach(connection, partition)
        catalogue.mark_restored(connection, partition.name, True)


def _load(connection: Connection[Any], table: str, rows: Iterator[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(LOG.statement("events_copy", table)) as copy:
        copy.set_types(["int8", "uuid", "int8", "text", "bytea"])
        while some := list(islice(rows, _AT_ONCE)):
            for row in some:
                copy.write_row(row)
