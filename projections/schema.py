"""The read models' tables: made here, once, by whoever starts first. Those of another shape are left alone: `outdated` names them, a rebuild replaces them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Literal

from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import MODELS
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import creation, general, shape, table
from aetherius.readers.tables import MIGRATION_LOCK, SCHEMA
from aetherius.readers.tables import statement as readers_statement

_SHARED = ("schema", "builds", "compactions", "kept_function", "search_parked", "search_generations")


def create(dsn: str) -> None:
    """Make the schema, tables and indexes where they are missing. Safe to repeat, and to run from replicas that start together.

    Raises:
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            create_shared(connection)
            for model in MODELS:
                _, exists = _found(connection, model)
                if not exists:
                    create_tables(connection, model)
    except psycopg.OperationalError as exc:
        raise ReadModelUnavailableError(f"cannot make the read models' tables: {exc}") from exc


def create_shared(connection: Connection[Any]) -> None:
    """What all models share, in the caller's transaction."""
    for name in _SHARED:
        connection.execute(general(name))
    connection.execute(readers_statement("readers"))


def create_tables(connection: Connection[Any], model: ReadModel[Any]) -> None:
    """A model's tables and indexes, in the caller's transaction."""
    for statement in creation(model):
        connection.execute(statement)
    sign(connection, model)


def sign(connection: Connection[Any], model: ReadModel[Any], suffix: str = "") -> None:
    """Note on a model's table what shape it has."""
    connection.execute(SQL("COMMENT ON TABLE {} IS {}").format(table(model, suffix), Literal(shape(model))))


def outdated(dsn: str) -> list[str]:
    """Names of the models whose tables were made by another version, or with other rows than the present one makes.

    Raises:
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            found = {model.name: (_found(connection, model), shape(model)) for model in MODELS}
    except psycopg.OperationalError as exc:
        raise ReadModelUnavailableError(f"the read models' tables cannot be looked at: {exc}") from exc
    return [name for name, ((has, exists), wanted) in found.items() if exists and has != wanted]


def _found(connection: Connection[Any], model: ReadModel[Any]) -> tuple[str | None, bool]:
    name = f"{SCHEMA}.{model.name}"
    row = connection.execute(general("shape"), (name, name)).fetchone()
    assert row is not None
    return row[0], row[1]
