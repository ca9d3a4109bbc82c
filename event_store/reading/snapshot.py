"""One state of the log for several reads: the tables and the catalogue of the archive, as they are at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from aetherius.event_store.tables import LOG, Tables


@contextmanager
def snapshot(connection: Connection[Any], tables: Tables = LOG) -> Iterator[None]:
    """A read-only transaction that sees one state of the log. `connection` must not be in a transaction.

    `observed` is locked first, against nothing but the detaching of its partitions: else a partition could be missing in the table, and its entry in the
    catalogue be too young for the snapshot.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(tables.statement("snapshot_lock"))
        yield
