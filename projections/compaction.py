"""Removing old versions of a read model's rows. What is removed is never answered for: a question as of an earlier position fails and says so, until a rebuild
has made the versions again from the log, which keeps everything."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection

from aetherius.projections.build import hold, reported
from aetherius.projections.errors import ReadModelBehindError
from aetherius.projections.models import model_named
from aetherius.projections.tables import general, statement, tables_of


def compact(dsn: str, name: str, before: int) -> int:
    """Remove the row versions of read model `name` that were superseded at or before a position; how many. Safe to repeat; services go on.

    From then on the model can be asked as of that position and later ones.

    Raises:
        LookupError: no read model of this name.
        RebuildRunsError: another process builds, verifies or compacts it.
        ReadModelBehindError: the model has not come as far; nothing was removed.
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    model = model_named(name)
    with reported(name, "compact"), psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
        hold(connection, name)
        at = _checkpoint(connection, name)
        if at < before:
            raise ReadModelBehindError(name, before, at)
        # First the mark, in a transaction of its own: whoever does not see the rows any more sees the mark.
        connection.execute(general("compaction_mark"), (name, before))
        return sum(
            connection.execute(statement("compact", model, each), {"before": before}).rowcount
            for each in tables_of(model)
        )


def _checkpoint(connection: Connection[Any], name: str) -> int:
    row = connection.execute(general("position"), {"model": name}).fetchone()
    return row[0] if row else 0
