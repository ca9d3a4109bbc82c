"""The SQL statements on the orchestrator's state tables, each in a file of its own."""

from __future__ import annotations

from psycopg.sql import SQL

from aetherius.runtime.sql_files import sql_file


def statement(name: str) -> SQL:
    """The statement of file `sql/<name>.sql`."""
    return sql_file("aetherius.orchestrator", name)
