"""What a database has of the migrations, and what it lacks: the table `aetherius.migrations`. Reading it makes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from aetherius.runtime.errors import DatabaseUnavailableError, MigrationChangedError, TablesMissingError
from aetherius.runtime.migrations.room import Half, Migration, Room
from aetherius.runtime.sql_files import sql_file


class Missing(msgspec.Struct, frozen=True):
    """Something that a database lacks."""

    room: str
    half: Half
    what: str
    """A migration's number and name, or what a declaration asks for."""

    def __str__(self) -> str:
        return f"{self.room}: {self.what} ({self.half})"


def require(dsn: str, *rooms: Room) -> None:
    """See that a database has what these rooms' services need, which are their first halves. Migrations that we do not know were made by a newer version,
    whose first halves leave ours working.

    Raises:
        TablesMissingError: something is missing: `aetherius migrate` makes it.
        MigrationChangedError: a migration was applied with another text.
        DatabaseUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    with connected(dsn) as connection:
        lacking = [str(each) for each in missing(connection, rooms) if each.half is Half.PRE]
    if lacking:
        raise TablesMissingError(lacking)


def missing(connection: Connection[Any], rooms: Sequence[Room]) -> list[Missing]:
    """What a database lacks, in the order in which it would be made.

    Raises:
        MigrationChangedError: a migration was applied with another text.
    """
    applied = checksums(connection)
    checked(rooms, applied)
    lacking = []
    for room in rooms:
        lacking += [_missing(each) for each in _not_in(applied, room, Half.PRE)]
        if room.declared:
            lacking += [Missing(room.name, Half.PRE, what) for what in room.declared.missing(connection)]
    return lacking + [_missing(each) for room in rooms for each in _not_in(applied, room, Half.POST)]


Key = tuple[str, int, str]
"""Room, number, half."""


def key(migration: Migration) -> Key:
    """By what a migration is known."""
    return migration.room, migration.number, migration.half.value


def checksums(connection: Connection[Any]) -> dict[Key, str]:
    """Of each applied migration; none if there is no table of them."""
    cursor = connection.cursor(row_factory=tuple_row)
    row = cursor.execute(_sql("migrations_table")).fetchone()
    if row is None or row[0] is None:
        return {}
    return {(room, number, half): told for room, number, half, told in cursor.execute(_sql("migrations_applied"))}


def checked(rooms: Sequence[Room], applied: dict[Key, str]) -> None:
    """Raises ``MigrationChangedError`` if one of the applied migrations has another text now."""
    changed = [
        str(each)
        for room in rooms
        for each in room.migrations
        if key(each) in applied and applied[key(each)] != each.checksum
    ]
    if changed:
        raise MigrationChangedError(changed)


@contextmanager
def connected(dsn: str) -> Iterator[Connection[Any]]:
    """A connection of its own, each statement its own transaction. Raises ``DatabaseUnavailableError``, also for what breaks off inside the block."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
            yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise DatabaseUnavailableError(f"the database does not answer: {exc}") from exc


def _not_in(applied: dict[Key, str], room: Room, half: Half) -> list[Migration]:
    return [each for each in room.half(half) if key(each) not in applied]


def _missing(migration: Migration) -> Missing:
    return Missing(migration.room, migration.half, f"{migration.number:04} {migration.name}")


def _sql(name: str) -> Any:
    return sql_file("aetherius.runtime", name)
