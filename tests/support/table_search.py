"""A search through every table of a database: where a text stands, plain or as bytes."""

from __future__ import annotations

import psycopg
from psycopg import sql

_TABLES = """SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY 1, 2"""


def tables_with(dsn: str, text: str) -> set[str]:
    """The tables that have a row which holds a text."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        names = connection.execute(_TABLES).fetchall()
        return {f"{schema}.{name}" for schema, name in names if _holds(connection, sql.Identifier(schema, name), text)}


def _holds(connection: psycopg.Connection[tuple[object, ...]], table: sql.Identifier, text: str) -> bool:
    """A row as text shows `bytea` in hex."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {} AS t WHERE t::text LIKE ANY (%s))").format(table)
    row = connection.execute(query, ([f"%{text}%", f"%{text.encode().hex()}%"],)).fetchone()
    assert row is not None
    return bool(row[0])
