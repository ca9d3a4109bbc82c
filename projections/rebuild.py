"""Building read models again from the first event, beside the tables that serve; these are replaced in one transaction when the new ones have caught up.

Whoever asks meanwhile gets the old rows, and then the new ones, never a mixture. Cut off at any moment (also in the swap) a rebuild goes on where it was when
it is started again. docs/decisions/0013-rebuild-beside.md says why so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection, errors
from psycopg.sql import SQL, Identifier

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.projections.build import Build, Progress, reported
from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import model_named
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import NEXT, general, statement, tables_of
from aetherius.readers.tables import MIGRATION_LOCK, SCHEMA

logger = logging.getLogger(__name__)

_NEAR = 20_000
"""Events that may still be missing when the swap begins: the live reader waits while they are folded in."""
_SWAP_PATIENCE = 120.0
"""Seconds of attempts to swap: each waits for the questions under way, 2 seconds at most, and keeps new ones waiting as long."""


def rebuild(dsn: str, *names: str, log: Log | None = None, progress: Progress | None = None) -> dict[str, int]:
    """Fold the whole log into read models again, in one pass for all of them; the positions they came to. Blocks until they serve.

    Args:
        log: to read with; one of its own if not given.
        progress: told where it is and where it has to come to, both positions.

    Raises:
        LookupError: no read model of this name.
        RebuildRunsError: another process builds one of them.
        ReadModelParkedError: an event could not be taken; the old rows go on serving.
        ReadModelUnavailableError: PostgreSQL does not answer, or is too busy to swap; repeat it, it goes on where it was.
    """
    models = [model_named(name) for name in names]
    if log:
        return _rebuilt(dsn, log, models, progress)
    with Log(dsn, pool_size=2) as own:
        return _rebuilt(dsn, own, models, progress)


def _rebuilt(dsn: str, log: Log, models: Sequence[ReadModel[Any]], progress: Progress | None) -> dict[str, int]:
    names = ", ".join(model.name for model in models)
    try:
        with reported(names, "rebuild"), Build(dsn, log, models, NEXT) as build:
            build.begin(resume=True)
            _catch_up(build, log, progress)
            build.index()
            return {model.name: _swapped(build, dsn, log, model, progress) for model in models}
    except LogUnavailableError as exc:
        raise ReadModelUnavailableError(f"cannot rebuild {names}: {exc}") from exc


def _catch_up(build: Build, log: Log, progress: Progress | None, only: str | None = None) -> None:
    while True:
        head = log.head()
        build.load(head, progress, only)
        if log.head() - head < _NEAR:
            return


def _swapped(build: Build, dsn: str, log: Log, model: ReadModel[Any], progress: Progress | None) -> int:
    """Swap, and try again while questions are in the way."""
    until = time.monotonic() + _SWAP_PATIENCE
    while True:
        _catch_up(build, log, progress, model.name)
        try:
            with psycopg.connect(dsn, connect_timeout=10) as connection:
                _swap(connection, build, log, model)
            return build.position(model.name)
        except (errors.LockNotAvailable, errors.DeadlockDetected) as exc:
            if time.monotonic() > until:
                raise ReadModelUnavailableError(
                    f"{model.name} is built, and too busy to be swapped: repeat it"
                ) from exc
            logger.info("%s cannot be swapped now, trying again", model.name)
            time.sleep(0.2)


def _swap(connection: Connection[Any], build: Build, log: Log, model: ReadModel[Any]) -> None:
    """In one transaction: keep the live reader waiting, come as far as it is, take its tables' place and its checkpoint."""
    connection.execute("SET LOCAL lock_timeout = '2s'; SET LOCAL client_min_messages = warning")
    connection.execute(general("checkpoint_begin"), (model.name,))
    live = _one(connection, "checkpoint_hold", model.name)
    build.load(min(live, log.head()), None, model.name)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    for each in tables_of(model):
        connection.execute(statement("drop", model, each))
        _rename(connection, model.name + NEXT + each, model.name + each)
    connection.execute(general("checkpoint_set"), (build.position(model.name), model.name))
    connection.execute(general("compaction_forget"), (model.name,))
    connection.execute(general("build_end"), (model.name + NEXT,))
    connection.execute(general("reader_resume"), (model.name,))


def _rename(connection: Connection[Any], name: str, to: str) -> None:
    names = connection.execute(general("index_names"), (SCHEMA, name)).fetchall()
    connection.execute(SQL("ALTER TABLE {} RENAME TO {}").format(Identifier(SCHEMA, name), Identifier(to)))
    for (index,) in names:
        renamed = SQL("ALTER INDEX {} RENAME TO {}")
        connection.execute(renamed.format(Identifier(SCHEMA, index), Identifier(index.replace(NEXT, "", 1))))


def _one(connection: Connection[Any], name: str, *values: object) -> int:
    row = connection.execute(general(name), values).fetchone()
    assert row is not None
    return int(row[0])
