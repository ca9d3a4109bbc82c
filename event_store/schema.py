"""The log's tables: made here, once, by whoever starts first."""

from __future__ import annotations

import psycopg

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.tables import DECIDED, EVENT_TABLES, LOG, MIGRATION_LOCK, creation


def create(dsn: str) -> None:
    """Make the log's schema and tables where they are missing. Safe to repeat, and to run from replicas that start together.

    Raises:
        LogUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            for events in EVENT_TABLES:
                for statement in creation(LOG, events, by_topic=events == DECIDED):
                    connection.execute(statement)
    except psycopg.OperationalError as exc:
        raise LogUnavailableError(f"cannot make the log's tables: {exc}") from exc
