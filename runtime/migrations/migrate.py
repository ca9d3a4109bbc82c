"""Bringing a database up to date: one process at a time, a transaction a file.

- Who comes second waits for the first, and finds everything done.
- Cut off anywhere (also by kill -9), it goes on with the file that it had begun: the file and the note of it are one transaction. The server looks every
  second whether we still live, so that a lost process does not keep its locks.
- A statement that must have a table to itself waits for it a second at a time. Appends that come meanwhile wait behind it, and no longer than that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection, errors
from psycopg.sql import SQL

from aetherius.runtime.errors import MigrationBlockedError, MigrationFailedError, MigrationRunsError
from aetherius.runtime.lingering_lock import taken_within
from aetherius.runtime.migrations.applied import checked, checksums, connected, key
from aetherius.runtime.migrations.room import Half, Migration, Room
from aetherius.runtime.sql_files import sql_file

logger = logging.getLogger(__name__)

_LOCK: Final = 0x61657468657200
"""Advisory lock of whoever migrates, held by its session. Never change it: an older program may run beside."""
_SETTINGS: Final = SQL("SET client_min_messages = warning; SET client_connection_check_interval = '1s'")
_TURN: Final = 600.0
"""Seconds to wait for another process that migrates."""
_PATIENCE: Final = 120.0
"""Seconds of attempts to have a table to oneself."""
_PAUSE: Final = 0.5
"""Seconds between them: what has come to wait meanwhile gets its turn."""
_REFUSED: Final = (
    psycopg.ProgrammingError,
    psycopg.IntegrityError,
    psycopg.DataError,
    psycopg.InternalError,
    psycopg.NotSupportedError,
)
"""What PostgreSQL says to a statement; the rest is about the connection."""

Progress = Callable[[str], None]
"""Told what was made."""


def migrate(
    dsn: str,
    rooms: Sequence[Room],
    *,
    pre_only: bool = False,
    progress: Progress | None = None,
    turn: float = _TURN,
    patience: float = _PATIENCE,
) -> list[str]:
    """Make what a database lacks of these rooms: their first halves, in their order, then their second ones; what was made. Blocks. Safe to repeat.

    Args:
        pre_only: leave the second halves for when no process of the old version runs any more.
        turn: seconds to wait for another process that migrates.
        patience: seconds of attempts to have a table to oneself.

    Raises:
        MigrationChangedError: a migration was applied with another text; nothing was made.
        MigrationFailedError: PostgreSQL refused one; what came before stands.
        MigrationRunsError: another process still migrates.
        MigrationBlockedError: a table is in use all the time; what came before stands.
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    with connected(dsn) as connection:
        connection.execute(_SETTINGS)
        with _turn(connection, turn):
            run = _Run(connection, progress, patience)
            run.begin(rooms)
            for room in rooms:
                run.halves(room, Half.PRE)
                run.declared(room)
            if not pre_only:
                for room in rooms:
                    run.halves(room, Half.POST)
            return run.made


class _Run:
    """One run, with the lock held."""

    def __init__(self, connection: Connection[Any], progress: Progress | None, patience: float) -> None:
        self._connection = connection
        self._progress = progress
        self._patience = patience
        self._applied: set[tuple[str, int, str]] = set()
        self.made: list[str] = []

    def begin(self, rooms: Sequence[Room]) -> None:
        applied = checksums(self._connection)
        checked(rooms, applied)
        self._applied = set(applied)
        if not applied:
            self._connection.execute(_sql("migrations_create"))

    def halves(self, room: Room, half: Half) -> None:
        for migration in room.half(half):
            if key(migration) not in self._applied:
                self._apply(room, migration)
                self._tell(str(migration))

    def declared(self, room: Room) -> None:
        declared = room.declared
        if declared is None:
            return
        lacking = declared.missing(self._connection)
        self._alone(lambda: declared.make(self._connection), f"what {room.name} declares")
        for what in lacking:
            self._tell(f"{room.name}: {what}")

    def _apply(self, room: Room, migration: Migration) -> None:
        try:
            if migration.parts:
                self._by_parts(room, migration)
            else:
                self._alone(lambda: self._at_once(room, migration), str(migration))
        except _REFUSED as exc:
            raise MigrationFailedError(str(migration), str(exc)) from exc

    def _by_parts(self, room: Room, migration: Migration) -> None:
        for part in migration.parts:
            self._execute(room, part)
        self._note(migration)

    def _at_once(self, room: Room, migration: Migration) -> None:
        self._execute(room, migration.text)
        self._note(migration)

    def _execute(self, room: Room, text: str) -> None:
        for statement in room.filled(SQL(text)):  # from our own files
            self._connection.execute(statement, prepare=False)  # a file holds several statements

    def _note(self, migration: Migration) -> None:
        self._connection.execute(_sql("migrations_note"), (*key(migration), migration.name, migration.checksum))

    def _alone(self, step: Callable[[], None], what: str) -> None:
        """Do a step in one transaction, and again while somebody uses a table that it must have to itself."""
        until = time.monotonic() + self._patience
        while True:
            try:
                with self._connection.transaction():
                    self._connection.execute("SET LOCAL lock_timeout = '1s'")
                    step()
                return
            except (errors.LockNotAvailable, errors.DeadlockDetected) as exc:
                if time.monotonic() > until:
                    raise MigrationBlockedError(what) from exc
                logger.warning("%s: a table is in use, trying again", what)
                time.sleep(_PAUSE)

    def _tell(self, what: str) -> None:
        self.made.append(what)
        if self._progress:
            self._progress(what)


@contextmanager
def _turn(connection: Connection[Any], patience: float) -> Iterator[None]:
    """Have the lock inside the block."""
    if not taken_within(lambda: _locked(connection), patience):
        raise MigrationRunsError
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _locked(connection: Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    return bool(row and row[0])


def _sql(name: str) -> SQL:
    return sql_file("aetherius.runtime", name)
