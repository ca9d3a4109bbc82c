"""The catalogue: which partitions are archived, where their objects lie and what they are, in the database, so that every reader of the log finds them.

It names the place of each object itself: a reader needs no setting for it, only (for a bucket) the credentials that the provider's tools read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from aetherius.domain.wire.identity import milliseconds_of
from aetherius.event_store.archive.errors import NotArchivedError
from aetherius.event_store.tables import LOG
from aetherius.event_store.upkeep.partitions import Partition


class ArchivedPartition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of `observed` whose rows lie in an object of the archive."""

    name: str
    first: int
    """Its ids begin with this time: milliseconds since 1970."""
    end: int
    """And end before this one."""
    rows: int
    first_position: int
    last_position: int
    url: str
    """Of the folder or bucket that holds the objects."""
    events_object: str
    events_size: int
    """Bytes."""
    events_sha256: bytes
    footer_size: int
    """Bytes at its end that say where everything is: checked before they are read."""
    footer_sha256: bytes
    ledger_object: str
    """The proofs: every entry of the ledger that holds one of its positions."""
    ledger_size: int
    ledger_sha256: bytes
    archived_at: datetime
    restored: bool = False
    """Attached again, for reading: then the table is read and not the object."""
    restores: int = 0
    """How often it was; tells one restore from another."""

    @property
    def partition(self) -> Partition:
        """The partition that it was."""
        return Partition(self.first, self.end, self.name, self.rows)

    def may_hold(self, stream_id: UUID) -> bool:
        """Whether an observation of this id would be of its range of time."""
        return self.first <= milliseconds_of(stream_id) < self.end


def archived(connection: Connection[Any]) -> list[ArchivedPartition]:
    """All, in order of their first position."""
    return from_rows(_cursor(connection).execute(LOG.statement("archived")))


def archived_between(connection: Connection[Any], first: int, last: int) -> list[ArchivedPartition]:
    """Those that may hold a position of the range, both ends included."""
    return from_rows(_cursor(connection).execute(LOG.statement("archived_between"), (first, last)))


def archived_at_time(connection: Connection[Any], ids: Iterable[UUID]) -> list[ArchivedPartition]:
    """Those that may hold one of these observations."""
    wanted = list(ids)
    return [found for found in archived(connection) if any(found.may_hold(id) for id in wanted)]


def one(connection: Connection[Any], name: str) -> ArchivedPartition:
    """The one of a name. Raises ``NotArchivedError``."""
    for found in archived(connection):
        if found.name == name:
            return found
    raise NotArchivedError(name)


def add(connection: Connection[Any], new: ArchivedPartition) -> None:
    """Enter it, unless one of that name is there."""
    values = msgspec.structs.astuple(new)
    connection.execute(LOG.statement("archived_add"), values[:15])


def mark_restored(connection: Connection[Any], name: str, restored: bool) -> None:
    """Say where its rows are read from, from now on."""
    connection.execute(LOG.statement("archived_restored"), (restored, int(restored), name, restored))


def moved(connection: Connection[Any], url: str, to: str) -> list[str]:
    """Say that all objects of one place lie in another now; the names of the partitions concerned."""
    return [row[0] for row in _cursor(connection).execute(LOG.statement("archived_moved"), (to, url))]


def from_rows(rows: Iterable[Any]) -> list[ArchivedPartition]:
    """What rows of the table say."""
    return [ArchivedPartition(**dict(zip(ArchivedPartition.__struct_fields__, row, strict=True))) for row in rows]


def _cursor(connection: Connection[Any]) -> Cursor[Any]:
    return connection.cursor(binary=True, row_factory=tuple_row)
