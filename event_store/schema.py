"""The log's tables: made here, once, by whoever starts first."""

from __future__ import annotations

import psycopg

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.reading import timeline
from aetherius.event_store.tables import DECIDED, LOG, MIGRATION_LOCK, OBSERVED, creation, creation_of
from aetherius.event_store.upkeep import partitions
from aetherius.event_store.upkeep.upgrade import partition_observed


def create(dsn: str) -> None:
    """Make the log's schema and tables where they are missing, bring older ones up to date, and make the partitions of the next weeks.

    Safe to repeat, and to run from replicas that start together.

    Raises:
        LogUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            for statement in (*creation(LOG), *creation_of(LOG, DECIDED), LOG.statement("create_topic_index")):
                connection.execute(statement)
            partition_observed(connection)
            connection.execute(LOG.statement("append_function", OBSERVED))
            partitions.make_ahead(connection)
            timeline.create(connection)
    except psycopg.OperationalError as exc:
        raise LogUnavailableError(f"cannot make the log's tables: {exc}") from exc
