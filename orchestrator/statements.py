"""The SQL statements of the orchestrator's state tables, each in a file of its own."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import psycopg
from psycopg.sql import SQL

from aetherius.event_store.errors import LogUnavailableError

_MIGRATION_LOCK = 714_203_01
_TABLES = (
    "create_correlated_subjects",
    "extend_correlated_subjects",
    "create_workflow_wakeups",
    "create_raised_limits",
    "create_open_analyses",
    "create_approval_deadlines",
)


@cache
def statement(name: str) -> SQL:
    """The statement of file `sql/<name>.sql`."""
    return SQL(files("aetherius.orchestrator").joinpath("sql").joinpath(f"{name}.sql").read_text())


def create(dsn: str) -> None:
    """Make the state tables where they are missing. Safe to repeat, and to run from replicas that start together.

    Raises:
        LogUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            for name in _TABLES:
                connection.execute(statement(name))
    except psycopg.OperationalError as exc:
        raise LogUnavailableError(f"cannot make the orchestrator's tables: {exc}") from exc
