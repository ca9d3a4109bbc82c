"""State rows on PostgreSQL: a row's fields are the table's columns, the first is its primary key.

One table's statements differ from another's in names alone, so they are made here. Who keeps a table makes it, with a migration.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from psycopg import Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from aetherius.event_store.tables import LOG
from aetherius.readers.state_rows import StateRows
from aetherius.readers.unit import Unit

K = TypeVar("K")
R = TypeVar("R", bound=msgspec.Struct)


class PostgresTable(Generic[K, R]):
    """Rows of one kind in one table."""

    def __init__(self, name: str, row: type[R]) -> None:
        self._row = row
        self._columns = row.__struct_fields__
        names = {
            "table": Identifier(LOG.schema, name),
            "key": Identifier(self._columns[0]),
            "columns": SQL(", ").join(map(Identifier, self._columns)),
            "values": SQL(", ").join(SQL("%s") for _ in self._columns),
            "changes": SQL(", ").join(
                SQL("{0} = excluded.{0}").format(Identifier(column)) for column in self._columns[1:]
            ),
        }
        self._all = SQL("SELECT {columns} FROM {table}").format(**names)
        self._of = SQL("SELECT {columns} FROM {table} WHERE {key} = ANY(%s)").format(**names)
        self._put = SQL(
            "INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {changes}"
        ).format(**names)
        self._drop = SQL("DELETE FROM {table} WHERE {key} = %s").format(**names)

    def of(self, unit: Unit, keys: Iterable[K]) -> list[R]:
        """The rows of some keys, as they are before this batch."""
        wanted = list(dict.fromkeys(keys))
        return self._rows(unit.select(self._of, (wanted,))) if wanted else []

    def every(self, unit: Unit) -> list[R]:
        """Every row, as it is before this batch."""
        return self._rows(unit.select(self._all))

    def put(self, unit: Unit, *rows: R) -> None:
        """Keep rows as they are now."""
        values = [self._values(row) for row in rows]
        if values:
            unit.rows(lambda cursor: _each(cursor, self._put, values))

    def drop(self, unit: Unit, key: K) -> None:
        """Keep the row of a key no longer."""
        unit.rows(lambda cursor: cursor.execute(self._drop, (key,)))

    def all(self, rows: StateRows) -> list[R]:
        """Every row, for whoever makes up for what a lost queue held. Raises ``ReadersUnavailableError``."""
        return self._rows(rows.select(self._all))

    def _rows(self, found: Iterable[TupleRow]) -> list[R]:
        return [msgspec.convert(dict(zip(self._columns, row, strict=True)), self._row) for row in found]

    def _values(self, row: R) -> list[Any]:
        plain = msgspec.to_builtins(row, builtin_types=(datetime, UUID), order="sorted")
        return [plain[column] for column in self._columns]


def _each(cursor: Cursor[TupleRow], statement: Composed, values: list[list[Any]]) -> None:
    """In the order of the keys: who writes many waits for who writes the same many, and not the other way round as well."""
    ordered: list[list[Any]] = sorted(values, key=lambda row: str(row[0]))
    cursor.executemany(statement, ordered)
