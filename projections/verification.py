"""Whether a read model says what the log says: the log is folded once more, up to one fixed position, into tables beside, and all versions are compared row for row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.projections.build import Build, Progress, reported
from aetherius.projections.errors import ReadModelUnavailableError
from aetherius.projections.models import model_named
from aetherius.projections.read_model import ReadModel
from aetherius.projections.tables import INTERVALS, SCRATCH, general, statement, table

SHOWN = 100
"""Differences that are named at most; all are counted."""


class Difference(msgspec.Struct, frozen=True):
    """A version of a row that is not as the log says. `how`: `missing`, `extra` or `different`."""

    id: UUID
    valid_from: int
    how: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a model, as of one position."""

    name: str
    position: int
    rows: int
    """Versions compared."""
    count: int
    """Versions that differ."""
    differences: list[Difference]


def verify(dsn: str, name: str, *, log: Log | None = None, progress: Progress | None = None) -> Verified:
    """Compare read model `name` with a replay of the log, as of the position that it stands at now. It goes on serving and following meanwhile.

    Raises:
        LookupError: no read model of this name.
        RebuildRunsError: another process builds or verifies it.
        ReadModelParkedError: an event could not be taken.
        ReadModelUnavailableError: PostgreSQL does not answer, or the tables are missing; safe to repeat.
    """
    model = model_named(name)
    if log:
        return _verified(dsn, log, model, progress)
    with Log(dsn, pool_size=2) as own:
        return _verified(dsn, own, model, progress)


def _verified(dsn: str, log: Log, model: ReadModel[Any], progress: Progress | None) -> Verified:
    try:
        with reported(model.name, "verify"), Build(dsn, log, [model], SCRATCH) as build:
            build.begin(resume=False)
            try:
                position = min(log.checkpoint(model.name), log.head())
                build.load(position, progress)
                return _compared(build.connection, model, position)
            finally:
                build.drop()
    except LogUnavailableError as exc:
        raise ReadModelUnavailableError(f"cannot verify {model.name}: {exc}") from exc


def _compared(connection: Connection[Any], model: ReadModel[Any], position: int) -> Verified:
    row = connection.execute(general("compaction_find"), (model.name,)).fetchone()
    values = {"position": position, "compacted": row[0] if row else 0, "limit": SHOWN}
    found = connection.execute(_differences(model, "", "doc::text"), values).fetchall()
    if model.subject:
        found += connection.execute(_differences(model, INTERVALS, _KNOWN), values).fetchall()[: SHOWN - len(found)]
    rows = connection.execute(statement("count_all", model), values).fetchone()
    return Verified(
        name=model.name,
        position=position,
        rows=rows[0] if rows else 0,
        count=max((each[3] for each in found), default=0),
        differences=[Difference(*each[:3]) for each in found],
    )


_KNOWN = """subject, occurred_from, CASE WHEN ended_by > {position} THEN NULL ELSE occurred_to END, CASE WHEN ended_by > {position} THEN NULL ELSE ended_by END,
    CASE WHEN ended_by > {position} THEN NULL ELSE level END, CASE WHEN ended_by > {position} THEN NULL ELSE known_level END"""


def _differences(model: ReadModel[Any], kind: str, also: str) -> Composed:
    known = SQL(also.replace("{position}", "%(position)s"))  # from above
    names = SQL(", ").join(map(Identifier, model.columns))
    ended = SQL("CASE WHEN valid_to <= %(position)s THEN valid_to END")
    values = SQL("md5(ROW(created, {}, {}, {})::text) AS hash").format(ended, names, known)
    return statement(
        "differences",
        model,
        kind,
        scratch=table(model, SCRATCH + kind),
        keys=SQL("id, valid_from"),
        live_values=values,
        built_values=values,
    )
