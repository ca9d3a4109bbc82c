"""Where every reader stands, asked from outside: read models, process managers, and whoever else keeps a checkpoint; and the orders to pause and resume one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg import Connection, errors

from aetherius.event_store.tables import LOG
from aetherius.readers.errors import ReadersUnavailableError, UnknownReaderError
from aetherius.readers.state import ReaderStatus
from aetherius.readers.tables import statement


class ReaderStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One reader, as it last told."""

    name: str
    status: str
    """Of `ReaderStatus`; `unknown` if no process has told of it for 15 seconds."""
    position: int
    lag: int
    """Positions of the log after its own."""
    lag_seconds: float
    """Age of the first event after its position: how old what it shows is at most."""
    paused: bool = False
    error: str = ""
    poison_position: int | None = None
    """Of the event that it is parked at."""
    poison_topic: str = ""
    since: datetime | None = None
    """When it came to this status."""
    seen_at: datetime | None = None
    """When a process last told of it."""


def standing(dsn: str) -> list[ReaderStanding]:
    """Every reader that has a checkpoint or was ever driven, by name.

    Raises:
        ReadersUnavailableError: PostgreSQL does not answer, or there is no log; safe to repeat.
    """
    with _connected(dsn) as connection:
        rows = connection.execute(statement("readers_standing")).fetchall()
        head = _one(connection, LOG.statement("head"))
        return [_standing(connection, head, row) for row in rows]


def pause(dsn: str, name: str) -> None:
    """Tell a reader to stand still until it is resumed, also over restarts; it obeys within a second, after the batch under way.

    Raises:
        UnknownReaderError: nobody by this name reads the log.
        ReadersUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    _tell(dsn, name, "readers_pause")


def resume(dsn: str, name: str) -> None:
    """Tell a reader to go on: one that was paused, or one that is parked, which tries its event again.

    Raises:
        UnknownReaderError: nobody by this name reads the log.
        ReadersUnavailableError: PostgreSQL does not answer; safe to repeat.
    """
    _tell(dsn, name, "readers_resume")


def _tell(dsn: str, name: str, order: str) -> None:
    with _connected(dsn) as connection:
        known = [row[0] for row in connection.execute(statement("readers_standing")).fetchall()]
        if name not in known:
            raise UnknownReaderError(name, known)
        connection.execute(statement("readers_pause"), (name,))  # the row, if it is missing
        if order != "readers_pause":
            connection.execute(statement(order), (name,))


def _standing(connection: Connection[Any], head: int, row: tuple[Any, ...]) -> ReaderStanding:
    name, position, checkpoint, paused, status, error, poison, topic, since, seen_at, is_driven = row
    if checkpoint > head:
        status = ReaderStatus.AHEAD
    elif not is_driven and status != ReaderStatus.PARKED:
        status = ReaderStatus.PAUSED if paused else "unknown"
    return ReaderStanding(
        name=name,
        status=str(status),
        position=position,
        lag=max(0, head - position),
        lag_seconds=_age(connection, position) if position < head else 0.0,
        paused=paused,
        error=error,
        poison_position=poison,
        poison_topic=topic,
        since=since,
        seen_at=seen_at,
    )


def _age(connection: Connection[Any], position: int) -> float:
    return round(float(_one(connection, statement("lag_seconds"), (position,)) or 0.0), 3)


def _one(connection: Connection[Any], query: Any, values: tuple[object, ...] | None = None) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


@contextmanager
def _connected(dsn: str) -> Iterator[Connection[Any]]:
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            yield connection
    except (errors.UndefinedTable, errors.InvalidSchemaName) as exc:
        raise ReadersUnavailableError("there is no log in this database") from exc
    except psycopg.OperationalError as exc:
        raise ReadersUnavailableError(f"the readers' standing is not known: {exc}") from exc
