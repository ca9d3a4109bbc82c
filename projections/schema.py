"""The read models' tables: made here, once, by whoever starts first."""

from __future__ import annotations

import psycopg

from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import MODELS
from aetherius.projections.tables import MIGRATION_LOCK, creation, general


def create(dsn: str) -> None:
    """Make the schema, tables and indexes where they are missing. Safe to repeat, and to run from replicas that start together.

    Raises:
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            connection.execute(general("schema"))
            connection.execute(general("readers"))
            for model in MODELS:
                for statement in creation(model):
                    connection.execute(statement)
    except psycopg.OperationalError as exc:
        raise ReadModelUnavailableError(f"cannot make the read models' tables: {exc}") from exc
