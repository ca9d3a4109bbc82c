"""Building a read model again from the first event, in place."""

from __future__ import annotations

import psycopg

from aetherius.event_store.errors import LogUnavailableError
from aetherius.event_store.log import Log
from aetherius.event_store.subscription import LogSignal
from aetherius.projections import schema
from aetherius.projections.errors import ReadModelParkedError, ReadModelUnavailableError
from aetherius.projections.models import model_named
from aetherius.projections.reader_state import ReaderStatus
from aetherius.projections.runner import Runner
from aetherius.projections.tables import statement
from aetherius.projections.versioned_rows import VersionedRows


def rebuild(dsn: str, name: str) -> int:
    """Empty read model `name` and fold the whole log into it again; the position it came to. Blocks until it has caught up.

    A running service notices and helps; each event is applied once all the same. Until it is done the model answers from what is there so far.

    Raises:
        LookupError: no read model of this name.
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
        ReadModelParkedError: an event could not be taken; the rows up to it stand.
    """
    rewind(dsn, name)
    with Log(dsn, pool_size=2) as log:
        try:
            return _catch_up(log, name, LogSignal(dsn))
        except LogUnavailableError as exc:
            raise ReadModelUnavailableError(f"cannot rebuild {name}: {exc}") from exc


def rewind(dsn: str, name: str) -> None:
    """Empty a read model and set its checkpoint to 0, in one transaction: whoever drives it starts again from the first event.

    Raises:
        LookupError: no read model of this name.
        ReadModelUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    model = model_named(name)
    schema.create(dsn)
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            # The checkpoint first, as every batch does: its row lock keeps the two apart. Set to 0, not deleted: a batch that waits for it must be refused.
            connection.execute(statement("rewind", model), (name,))
            connection.execute(statement("truncate", model))
    except psycopg.OperationalError as exc:
        raise ReadModelUnavailableError(f"cannot rewind {name}: {exc}") from exc


def _catch_up(log: Log, name: str, signal: LogSignal) -> int:
    runner = Runner(log, VersionedRows(model_named(name)), signal)
    while runner.step() is not None:
        pass
    if runner.state.status is ReaderStatus.PARKED:
        raise ReadModelParkedError(name, runner.state.error)
    return runner.state.position
