"""The read models' tables: what `aetherius migrate` makes of them, from the models' declarations. Those of another shape are left alone: `outdated` names them, a
rebuild replaces them."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Literal

from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import MODELS
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import creation, general, shape, table
from aetherius.readers.schema import ROOM as READERS
from aetherius.readers.tables import SCHEMA
from aetherius.runtime.migrations.migrate import migrate
from aetherius.runtime.migrations.room import Room


class _Declared:
    """The read models' tables and indexes."""

    def missing(self, connection: Connection[Any]) -> list[str]:
        """Each by its name."""
        return [f"table {model.name}" for model in MODELS if not _found(connection, model)[1]]

    def make(self, connection: Connection[Any]) -> None:
        """Those that are missing."""
        for model in MODELS:
            if not _found(connection, model)[1]:
                create_tables(connection, model)


ROOM: Final = Room.of("projections", declared=_Declared())


def create(dsn: str) -> None:
    """Migrate the read models and the readers' tables alone: for tools and tests that need no others. Raises what `migrate` does."""
    migrate(dsn, [READERS, ROOM])


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
